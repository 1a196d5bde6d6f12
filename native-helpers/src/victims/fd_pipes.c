/* Pipes: a stream, packets, a full one, ends that are shared, opened twice or gone; all with what is in them. */
#define _GNU_SOURCE
#include "victim.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>

static int stream[2], packets[2], full[2], deaf[2], finished[2], twice[2], again;
static char pattern[4 * 65536], found[4 * 65536];

static void put(int fd, const char *text) {
  MUST(write(fd, text, strlen(text)));
}

static void expect_text(const char *what, int fd, const char *text) {
  char buffer[64] = "";
  ssize_t length = read(fd, buffer, sizeof(buffer) - 1);
  EXPECT(length == (ssize_t)strlen(text) && memcmp(buffer, text, strlen(text)) == 0, "%s: \"%s\" (%zd), not \"%s\"", what,
         buffer, length, text);
}

static void check(void) {
  char byte;
  int queued = 0;

  EXPECT_EQUAL("size", 4 * 65536, fcntl(stream[0], F_GETPIPE_SZ));
  EXPECT((fcntl(stream[0], F_GETFL) & O_NONBLOCK) != 0, "the read end blocks");
  EXPECT((fcntl(stream[1], F_GETFL) & O_NONBLOCK) == 0, "the write end does not block");
  expect_text("stream", stream[0], "one two");
  EXPECT(read(stream[0], &byte, 1) < 0 && errno == EAGAIN, "an empty pipe is not empty");
  put(stream[1], "one ");
  put(stream[1], "two");

  EXPECT((fcntl(packets[1], F_GETFL) & O_DIRECT) != 0, "O_DIRECT is lost");
  expect_text("first packet", packets[0], "first");
  expect_text("second packet", packets[0], "the second");
  expect_text("third packet", packets[0], "3");
  put(packets[1], "first");
  put(packets[1], "the second");
  put(packets[1], "3");

  ioctl(full[0], FIONREAD, &queued);
  EXPECT_EQUAL("bytes in the full pipe", 65536, queued);
  EXPECT(write(full[1], "x", 1) < 0 && errno == EAGAIN, "the full pipe takes more");
  EXPECT_EQUAL("read of the full pipe", 65536, read(full[0], found, 65536));
  EXPECT_SAME_BYTES("what is in the full pipe", pattern, found, 65536);
  MUST(write(full[1], pattern, 65536));

  EXPECT(write(deaf[1], "x", 1) < 0 && errno == EPIPE, "a pipe without reader can be written to");
  struct pollfd hangup = {.fd = finished[0], .events = POLLIN};
  EXPECT(poll(&hangup, 1, 0) == 1 && (hangup.revents & POLLHUP) != 0, "a pipe without writer does not hang up");
  /* Looked at through a second pipe, since it can not be filled again. */
  int look[2];
  MUST(pipe(look));
  EXPECT_EQUAL("bytes in the pipe without writer", 4, tee(finished[0], look[1], 100, SPLICE_F_NONBLOCK));
  expect_text("pipe without writer", look[0], "rest");
  close(look[0]);
  close(look[1]);

  put(twice[1], "ab");
  EXPECT(read(again, &byte, 1) == 1 && byte == 'a', "the end that was opened twice is another pipe's");
  EXPECT(read(twice[0], &byte, 1) == 1 && byte == 'b', "the end that was opened twice is another pipe's");
  EXPECT((fcntl(again, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(twice[0], F_GETFL) & O_NONBLOCK) == 0,
         "flags of an end that was opened twice");
}

int main(void) {
  char path[64];

  signal(SIGPIPE, SIG_IGN);
  for (size_t i = 0; i < sizeof(pattern); i++)
    pattern[i] = (char)(i * 7 + i / 4096);
  MUST(pipe(stream));
  MUST(fcntl(stream[0], F_SETFL, O_NONBLOCK));
  MUST(fcntl(stream[0], F_SETPIPE_SZ, 4 * 65536));
  put(stream[1], "one ");
  put(stream[1], "two");
  MUST(pipe2(packets, O_DIRECT));
  put(packets[1], "first");
  put(packets[1], "the second");
  put(packets[1], "3");
  MUST(pipe2(full, O_NONBLOCK));
  MUST(write(full[1], pattern, 65536));
  MUST(pipe(deaf));
  MUST(close(deaf[0]));
  MUST(pipe(finished));
  put(finished[1], "rest");
  MUST(close(finished[1]));
  MUST(pipe(twice));
  snprintf(path, sizeof(path), "/proc/self/fd/%d", twice[0]);
  MUST(again = open(path, O_RDONLY | O_NONBLOCK));
  victim_serve(check);
}
