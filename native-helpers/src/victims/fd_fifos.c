/* Pipes with names: one with contents, one whose only end reads, one open for both. */
#define _GNU_SOURCE
#include "victim.h"

#include <fcntl.h>
#include <sys/stat.h>

static int reader, writer, lonely, both;

static void expect_text(const char *what, int fd, const char *text) {
  char buffer[64] = "";
  ssize_t length = read(fd, buffer, sizeof(buffer) - 1);
  EXPECT(length == (ssize_t)strlen(text) && memcmp(buffer, text, strlen(text)) == 0, "%s: \"%s\" (%zd), not \"%s\"", what,
         buffer, length, text);
}

static void check(void) {
  char byte;
  expect_text("contents", reader, "in the fifo");
  MUST(write(writer, "in the fifo", 11));
  EXPECT((fcntl(reader, F_GETFL) & O_NONBLOCK) == 0, "the read end does not block");
  EXPECT((fcntl(writer, F_GETFL) & O_NONBLOCK) != 0, "the write end blocks");
  EXPECT_EQUAL("read without a writer", 0, read(lonely, &byte, 1));
  expect_text("fifo open for both", both, "self");
  MUST(write(both, "self", 4));
  int other;
  MUST(other = open("/tmp/fifo-lonely", O_WRONLY | O_NONBLOCK));
  MUST(write(other, "hello", 5));
  close(other);
  expect_text("what another writer wrote", lonely, "hello");
}

int main(void) {
  MUST(mkfifo("/tmp/fifo", 0600));
  MUST(mkfifo("/tmp/fifo-lonely", 0600));
  MUST(mkfifo("/tmp/fifo-both", 0600));
  MUST(reader = open("/tmp/fifo", O_RDONLY | O_NONBLOCK));
  MUST(writer = open("/tmp/fifo", O_WRONLY | O_NONBLOCK));
  MUST(fcntl(reader, F_SETFL, 0));
  MUST(write(writer, "in the fifo", 11));
  MUST(lonely = open("/tmp/fifo-lonely", O_RDONLY | O_NONBLOCK));
  MUST(both = open("/tmp/fifo-both", O_RDWR));
  MUST(write(both, "self", 4));
  victim_serve(check);
}
