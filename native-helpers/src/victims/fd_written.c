/*
 * Reads files of its layer by mappings and descriptors that were there before it opened the same files for writing, and sees
 * what it writes.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <fcntl.h>
#include <sys/mman.h>

#define SIZE 4096

static const char *const names[] = {"/fd_written-mapped", "/fd_written-shared", "/fd_written-read"};
static int readers[3], writers[3];
static const uint8_t *mapped, *shared;
static uint8_t *written;
static uint8_t value = 1;

static void check(void) {
  uint8_t found = 0;

  value++;
  for (int i = 0; i < 3; i++)
    MUST(pwrite(writers[i], &value, 1, 10));
  written[11] = value;
  EXPECT_EQUAL("a private mapping", value, mapped[10]);
  EXPECT_EQUAL("a shared mapping", value, shared[10]);
  EXPECT_EQUAL("a shared mapping that another one writes to", value, shared[11]);
  MUST(pread(readers[2], &found, 1, 10));
  EXPECT_EQUAL("what a descriptor for reading reads", value, found);
}

int main(void) {
  for (int i = 0; i < 3; i++) {
    int fd = open(names[i], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    MUST(fd);
    MUST(ftruncate(fd, SIZE));
    MUST(close(fd));
    MUST(readers[i] = open(names[i], O_RDONLY | O_CLOEXEC));
  }
  mapped = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, readers[0], 0);
  shared = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, readers[1], 0);
  MUST(mapped == MAP_FAILED || shared == MAP_FAILED ? -1 : 0);
  for (int i = 0; i < 3; i++)
    MUST(writers[i] = open(names[i], O_RDWR | O_CLOEXEC));
  written = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, writers[1], 0);
  MUST(written == MAP_FAILED ? -1 : 0);
  victim_serve(check);
}
