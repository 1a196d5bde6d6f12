/*
 * Private mappings of a file that have been written all over and then protected, as a loader leaves relocated data. What the
 * file's own bytes are must be seen again where the kernel looks through to it, however the pages came back in a fork.
 *
 * Each question uses some of the mappings up.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

enum { PAGE = 4096, PAGES = 4, SETS = 8, EACH = 9 };

static uint8_t file_bytes[(PAGES + 4) * PAGE];
static uint8_t *mappings[SETS][EACH];
static int set;

static uint8_t written(size_t index) {
  return (uint8_t)(index * 31 + index / PAGE + 7);
}

static void expect_written(const char *what, const uint8_t *start, size_t from, size_t to) {
  for (size_t i = from; i < to; i++)
    if (start[i] != written(i)) {
      EXPECT(false, "%s: byte %zu is not what was written", what, i);
      return;
    }
}

static void expect_file(const char *what, const uint8_t *start, size_t from, size_t to) {
  EXPECT_SAME_BYTES(what, file_bytes + from, start + from, to - from);
}

static void zap_a_part(uint8_t *start) {
  EXPECT(madvise(start + PAGE, 2 * PAGE, MADV_DONTNEED) == 0, "MADV_DONTNEED: %s", strerror(errno));
  expect_written("before what was zapped", start, 0, PAGE);
  expect_file("what was zapped", start, PAGE, 3 * PAGE);
  expect_written("behind what was zapped", start, 3 * PAGE, PAGES * PAGE);
}

/* A range that has other memory around it. */
static void zap_all(uint8_t *start) {
  EXPECT(madvise(start - PAGE, (PAGES + 2) * PAGE, MADV_DONTNEED) < 0 && errno == ENOMEM, "there is a gap, but %s",
         strerror(errno));
  expect_file("all that was zapped", start, 0, PAGES * PAGE);
}

static void zap_by_vector(uint8_t *start) {
  struct iovec parts[2] = {{start, PAGE}, {start + 2 * PAGE, PAGE}};
  int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
  long zapped = syscall(SYS_process_madvise, self, parts, 2, MADV_DONTNEED, 0);
  close(self);
  if (zapped < 0 && errno == EINVAL)
    return; /* Linux 6.13 */
  EXPECT_EQUAL("bytes that process_madvise zapped", 2 * PAGE, zapped);
  expect_file("what process_madvise zapped first", start, 0, PAGE);
  expect_written("what process_madvise left alone", start, PAGE, 2 * PAGE);
  expect_file("what process_madvise zapped last", start, 2 * PAGE, 3 * PAGE);
}

static void write_and_zap(uint8_t *start) {
  EXPECT(mprotect(start, PAGES * PAGE, PROT_READ | PROT_WRITE) == 0, "mprotect: %s", strerror(errno));
  memset(start, 1, PAGES * PAGE);
  EXPECT(madvise(start, PAGE, MADV_DONTNEED) == 0, "MADV_DONTNEED: %s", strerror(errno));
  expect_file("what was written again and zapped", start, 0, PAGE);
  EXPECT(start[PAGE] == 1 && start[PAGES * PAGE - 1] == 1, "what was written is gone");
}

static void move_and_grow(uint8_t *start) {
  uint8_t *moved = mremap(start, PAGES * PAGE, (PAGES + 4) * PAGE, MREMAP_MAYMOVE);
  EXPECT(moved != MAP_FAILED, "mremap: %s", strerror(errno));
  if (moved == MAP_FAILED)
    return;
  expect_written("what was moved", moved, 0, PAGES * PAGE);
  expect_file("what mremap added", moved, PAGES * PAGE, (PAGES + 4) * PAGE);
  EXPECT(madvise(moved, PAGE, MADV_DONTNEED) == 0, "MADV_DONTNEED: %s", strerror(errno));
  expect_file("what was moved and zapped", moved, 0, PAGE);
  munmap(moved, (PAGES + 4) * PAGE);
}

/* What was taken apart by access is one mapping again, which can be moved as a whole. */
static void divide_and_move(uint8_t *start) {
  EXPECT(mprotect(start + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE) == 0, "mprotect: %s", strerror(errno));
  EXPECT(madvise(start, PAGE, MADV_DONTNEED) == 0, "MADV_DONTNEED: %s", strerror(errno));
  EXPECT(mprotect(start + 2 * PAGE, PAGE, PROT_READ) == 0, "mprotect: %s", strerror(errno));
  uint8_t *moved = mremap(start, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | 4 /* MREMAP_DONTUNMAP */, NULL);
  EXPECT(moved != MAP_FAILED, "mremap of all: %s", strerror(errno));
  if (moved == MAP_FAILED)
    return;
  expect_written("what was moved away", moved, PAGE, PAGES * PAGE);
  expect_file("what is left where it was", start, 0, PAGES * PAGE);
  munmap(moved, PAGES * PAGE);
}

static void advise(uint8_t *start) {
  EXPECT(madvise(start, PAGE, MADV_FREE) < 0 && errno == EINVAL, "MADV_FREE of a file");
  EXPECT(madvise(start, PAGE, MADV_WIPEONFORK) < 0 && errno == EINVAL, "MADV_WIPEONFORK of a file");
  expect_written("what was advised", start, 0, PAGES * PAGE);
}

static void zap_in_child(uint8_t *start) {
  pid_t child = fork();
  if (child == 0) {
    expect_written("what a child has", start, 0, PAGES * PAGE);
    EXPECT(madvise(start, PAGES * PAGE, MADV_DONTNEED) == 0, "MADV_DONTNEED in a child: %s", strerror(errno));
    expect_file("what a child zapped", start, 0, PAGES * PAGE);
    _exit(victim_failed);
  }
  int status = -1;
  EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0, "the child ended with %d", status);
  expect_written("what a child zapped", start, 0, PAGES * PAGE);
}

/* No descriptor is free: a task's own limits are not the keeper's. */
static void zap_without_descriptors(uint8_t *start) {
  struct rlimit old, none;
  MUST(getrlimit(RLIMIT_NOFILE, &old));
  none = (struct rlimit){0, old.rlim_max};
  MUST(setrlimit(RLIMIT_NOFILE, &none));
  EXPECT(madvise(start, PAGE, MADV_DONTNEED) == 0, "MADV_DONTNEED: %s", strerror(errno));
  MUST(setrlimit(RLIMIT_NOFILE, &old));
  expect_file("what was zapped without descriptors", start, 0, PAGE);
}

static void (*const trials[EACH])(uint8_t *) = {zap_a_part, zap_all, zap_by_vector, write_and_zap, move_and_grow, divide_and_move,
                                                advise,     zap_in_child, zap_without_descriptors};

static void check(void) {
  if (set == SETS)
    EXPECT(false, "asked more often than there are mappings");
  for (int i = 0; i < EACH && set < SETS; i++)
    trials[i](mappings[set][i]);
  set++;
}

int main(int count, char **arguments) {
  (void)count;
  int file = open(arguments[0], O_RDONLY | O_CLOEXEC);
  MUST(file);
  if (read(file, file_bytes, sizeof(file_bytes)) != sizeof(file_bytes)) {
    victim_say("FAILED: not set up: %s is too short", arguments[0]);
    return 2;
  }
  for (int i = 0; i < SETS; i++)
    for (int j = 0; j < EACH; j++) {
      /* With free space around each. */
      uint8_t *start = mmap(NULL, (PAGES + 8) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      MUST(munmap(start, (PAGES + 8) * PAGE));
      start = mmap(start + 2 * PAGE, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED_NOREPLACE, file, 0);
      MUST(start == MAP_FAILED ? -1 : 0);
      for (size_t k = 0; k < PAGES * PAGE; k++)
        start[k] = written(k);
      MUST(mprotect(start, PAGES * PAGE, PROT_READ));
      mappings[i][j] = start;
    }
  close(file);
  victim_serve(check);
}
