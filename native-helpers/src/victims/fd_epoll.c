/* Sets of watched files: data and events of each; numbers that were closed or given away; an epoll in an epoll. */
#define _GNU_SOURCE
#include "victim.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

static int set, outer, counter, ends[2], moved[2], swapped[2];

static void add(int epoll, int fd, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data.u64 = data};
  MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

/* Waits at the set for an event with this data. */
static void expect_event(const char *what, uint64_t data, uint32_t events) {
  struct epoll_event found[8];
  int count = epoll_wait(set, found, 8, 1000);
  EXPECT(count == 1, "%s: %d events", what, count);
  if (count >= 1) {
    EXPECT_EQUAL(what, data, found[0].data.u64);
    EXPECT(found[0].events == events, "%s: events 0x%x, not 0x%x", what, found[0].events, events);
  }
}

static void expect_none(const char *what) {
  struct epoll_event found[8];
  int count = epoll_wait(set, found, 8, 0);
  EXPECT(count == 0, "%s: %d events, data 0x%llx", what, count, (unsigned long long)found[0].data.u64);
}

static void expect_readable(const char *what, int writer, int reader, uint64_t data) {
  char byte = 'x';
  MUST(write(writer, &byte, 1));
  expect_event(what, data, EPOLLIN);
  MUST(read(reader, &byte, 1));
  expect_none(what);
}

static void check(void) {
  uint64_t count = 1;
  struct epoll_event found[8];

  expect_none("nothing is ready");
  MUST(write(counter, &count, sizeof(count)));
  expect_event("eventfd", 0xfedcba9876543210ULL, EPOLLIN);
  MUST(read(counter, &count, sizeof(count)));
  MUST(write(ends[1], "x", 1));
  EXPECT(epoll_wait(outer, found, 8, 0) == 1 && found[0].data.u64 == 77, "the outer epoll does not see the inner");
  MUST(read(ends[0], found, 1));
  expect_readable("pipe", ends[1], ends[0], 1);
  expect_readable("pipe whose number was closed", moved[1], moved[0], 2);
  expect_readable("pipe whose number has another file now", swapped[1], swapped[0], 3);
  /* A disarmed one-shot stays so until it is armed again. */
  struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 4};
  int shot;
  MUST(shot = eventfd(1, 0));
  MUST(epoll_ctl(set, EPOLL_CTL_ADD, shot, &event));
  expect_event("one-shot", 4, EPOLLIN);
  expect_none("one-shot that has fired");
  MUST(epoll_ctl(set, EPOLL_CTL_DEL, shot, NULL));
  close(shot);
  EXPECT((fcntl(set, F_GETFD) & FD_CLOEXEC) != 0, "FD_CLOEXEC is lost");
}

int main(void) {
  MUST(set = epoll_create1(EPOLL_CLOEXEC));
  MUST(outer = epoll_create1(0));
  MUST(counter = eventfd(0, EFD_NONBLOCK));
  add(set, counter, EPOLLIN | EPOLLET, 0xfedcba9876543210ULL);
  MUST(pipe(ends));
  add(set, ends[0], EPOLLIN | EPOLLRDHUP, 1);
  MUST(pipe(moved));
  add(set, moved[0], EPOLLIN, 2);
  int former = moved[0];
  MUST(moved[0] = fcntl(former, F_DUPFD, 300));
  MUST(close(former));
  MUST(pipe(swapped));
  add(set, swapped[0], EPOLLIN, 3);
  former = swapped[0];
  MUST(swapped[0] = fcntl(former, F_DUPFD, 300));
  MUST(dup2(STDOUT_FILENO, former));
  add(outer, set, EPOLLIN, 77);
  victim_serve(check);
}
