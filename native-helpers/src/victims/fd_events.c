/* Counters: an eventfd with a count, one that is a semaphore, one that is full, one shared by two numbers. */
#define _GNU_SOURCE
#include "victim.h"

#include <fcntl.h>
#include <sys/eventfd.h>

static int counter, semaphore, full, shared, shared_too;

static void expect_count(const char *what, int fd, uint64_t expected) {
  uint64_t count = 0;
  EXPECT(read(fd, &count, sizeof(count)) == sizeof(count), "%s: %s", what, strerror(errno));
  EXPECT_EQUAL(what, expected, count);
}

static void put(int fd, uint64_t count) {
  EXPECT(write(fd, &count, sizeof(count)) == sizeof(count), "%s", strerror(errno));
}

static void check(void) {
  uint64_t count;

  expect_count("count", counter, 1234567890123ULL);
  EXPECT(read(counter, &count, sizeof(count)) < 0 && errno == EAGAIN, "a read of an empty counter does not fail");
  put(counter, 1234567890123ULL);
  for (int i = 0; i < 3; i++)
    expect_count("semaphore", semaphore, 1);
  EXPECT(read(semaphore, &count, sizeof(count)) < 0 && errno == EAGAIN, "the semaphore is too high");
  put(semaphore, 3);
  count = 1;
  EXPECT(write(full, &count, sizeof(count)) < 0 && errno == EAGAIN, "a full counter takes more");
  expect_count("full counter", full, 0xfffffffffffffffeULL);
  put(full, 0xfffffffffffffffeULL);
  put(shared, 5);
  expect_count("shared counter", shared_too, 5);
  EXPECT_EQUAL("FD_CLOEXEC", FD_CLOEXEC, fcntl(shared, F_GETFD));
  EXPECT_EQUAL("FD_CLOEXEC of the duplicate", 0, fcntl(shared_too, F_GETFD));
  EXPECT((fcntl(shared, F_GETFL) & O_NONBLOCK) == 0, "it does not block any more");
}

int main(void) {
  uint64_t most = 0xfffffffffffffffeULL, large = 1234567890123ULL;
  MUST(counter = eventfd(0, EFD_NONBLOCK));
  MUST(write(counter, &large, sizeof(large)));
  MUST(semaphore = eventfd(3, EFD_NONBLOCK | EFD_SEMAPHORE));
  MUST(full = eventfd(0, EFD_NONBLOCK));
  MUST(write(full, &most, sizeof(most)));
  MUST(shared = eventfd(0, EFD_CLOEXEC));
  MUST(shared_too = dup2(shared, 700));
  victim_serve(check);
}
