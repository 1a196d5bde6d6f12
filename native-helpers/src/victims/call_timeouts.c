/*
 * Threads that wait again and again for what never comes, each in a call with a timeout. However often they are stopped:
 * their timeouts end, none too early, and none as anything but a timeout.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

enum waiting { EPOLL, EPOLL_MASKED, EPOLL_EXACT, POLL, PPOLL, SELECT, SLEEP, FUTEX, SIGNAL, RECEIVE, READ, COUNT };

static const char *const names[COUNT] = {"epoll_wait", "epoll_pwait", "epoll_pwait2", "poll",         "ppoll", "select",
                                         "nanosleep",  "futex",       "sigtimedwait", "recv", "read"};

#define TIMEOUT 150000000L /* ns: longer than it is from one snapshot to the next */
#define SLOWDOWN 4         /* of a timeout's time: it may be stopped, and the machine be busy */

static int pairs[COUNT][2];
static uint32_t word, ends[COUNT];
static uint64_t last_question;

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static long call(enum waiting number, int epoll) {
  struct timespec time = {0, TIMEOUT};
  struct timeval interval = {0, TIMEOUT / 1000};
  struct pollfd entry = {.fd = pairs[number][0], .events = POLLIN};
  struct epoll_event event;
  sigset_t none, other;
  fd_set set;
  char byte;

  sigemptyset(&none);
  sigaddset(&none, SIGUSR1); /* the question is the main thread's */
  sigemptyset(&other);
  sigaddset(&other, SIGUSR2);
  errno = 0;
  switch (number) {
  case EPOLL:
    return epoll_wait(epoll, &event, 1, TIMEOUT / 1000000);
  case EPOLL_MASKED:
    return epoll_pwait(epoll, &event, 1, TIMEOUT / 1000000, &none);
  case EPOLL_EXACT:
    return syscall(SYS_epoll_pwait2, epoll, &event, 1, &time, NULL, 0);
  case POLL:
    return poll(&entry, 1, TIMEOUT / 1000000);
  case PPOLL:
    return ppoll(&entry, 1, &time, &none);
  case SELECT:
    FD_ZERO(&set);
    FD_SET(pairs[number][0], &set);
    return select(pairs[number][0] + 1, &set, NULL, NULL, &interval);
  case SLEEP:
    return nanosleep(&time, NULL);
  case FUTEX:
    return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &time, NULL, 0);
  case SIGNAL:
    return sigtimedwait(&other, NULL, &time);
  case RECEIVE:
    return recv(pairs[number][0], &byte, 1, 0);
  default:
    return read(pairs[number][0], &byte, 1);
  }
}

static bool has_timed_out(enum waiting number, long result) {
  switch (number) {
  case FUTEX:
    return result < 0 && errno == ETIMEDOUT;
  case SIGNAL:
  case RECEIVE:
  case READ:
    return result < 0 && errno == EAGAIN;
  default:
    return result == 0;
  }
}

static void *wait_again(void *argument) {
  enum waiting number = (enum waiting)(intptr_t)argument;
  struct epoll_event wanted = {.events = EPOLLIN};
  int epoll = epoll_create1(EPOLL_CLOEXEC);

  epoll_ctl(epoll, EPOLL_CTL_ADD, pairs[number][0], &wanted);
  for (;;) {
    uint64_t before = now();
    long result = call(number, epoll);
    EXPECT(has_timed_out(number, result), "%s: %ld, %s", names[number], result, strerror(errno));
    EXPECT(now() - before >= (uint64_t)TIMEOUT, "%s ended after %lu ns", names[number], now() - before);
    __atomic_add_fetch(&ends[number], 1, __ATOMIC_SEQ_CST);
  }
  return NULL;
}

static void check(void) {
  uint64_t asked = now();
  for (int i = 0; i < COUNT; i++) {
    uint64_t expected = (asked - last_question) / (TIMEOUT * SLOWDOWN), got = __atomic_exchange_n(&ends[i], 0, __ATOMIC_SEQ_CST);
    EXPECT(got >= expected, "%s ended %lu times in %lu ms", names[i], got, (asked - last_question) / 1000000);
  }
  last_question = asked;
}

int main(void) {
  struct timeval interval = {0, TIMEOUT / 1000};
  sigset_t other;

  victim_block_question();
  sigemptyset(&other);
  sigaddset(&other, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &other, NULL);
  last_question = now();
  for (int i = 0; i < COUNT; i++) {
    pthread_t thread;
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]));
    MUST(setsockopt(pairs[i][0], SOL_SOCKET, SO_RCVTIMEO, &interval, sizeof(interval)));
    MUST(-pthread_create(&thread, NULL, wait_again, (void *)(intptr_t)i));
  }
  victim_serve(check);
}
