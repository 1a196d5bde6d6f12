/*
 * Threads caught in system calls that wait. None of them may come back before it is woken, and then with what it waited
 * for: never with EINTR.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>

enum waiting { READING, FUTEX, FUTEX_TIMED, FUTEX_UNTIL, EPOLL, EPOLL_TIMED, POLL, POLL_TIMED, PPOLL, SELECT, SLEEPING,
               SLEEPING_UNTIL, SIGNAL, SIGNAL_TIMED, SUSPENDED, COUNT };

static const char *const names[COUNT] = {"read",          "futex",        "futex with a timeout", "futex until",
                                         "epoll_wait",    "epoll_wait with a timeout", "poll",       "poll with a timeout",
                                         "ppoll",         "select",       "nanosleep",            "clock_nanosleep until",
                                         "sigwaitinfo",   "sigtimedwait", "sigsuspend"};

static int event[COUNT], rounds[COUNT];
static uint32_t words[COUNT];
static pthread_t threads[COUNT];

static void handle(int number) { (void)number; }

static void take(int number) {
  uint64_t value;
  EXPECT(read(event[number], &value, sizeof(value)) == 8 && value == 1, "%s: the event is not there", names[number]);
}

static void *wait_for(void *argument) {
  int number = (int)(intptr_t)argument;
  struct timespec hour = {3600, 0}, until;
  struct pollfd poll_entry = {.fd = event[number], .events = POLLIN};
  struct epoll_event ready;
  sigset_t set;
  long result = 0;

  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (number == EPOLL || number == EPOLL_TIMED) {
    struct epoll_event wanted = {.events = EPOLLIN};
    epoll_ctl(epoll, EPOLL_CTL_ADD, event[number], &wanted);
  }
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += 3600;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  for (;;) {
    errno = 0;
    switch (number) {
    case READING: {
      uint64_t value;
      result = read(event[number], &value, sizeof(value));
      EXPECT(result == 8, "read: %ld, %s", result, strerror(errno));
      break;
    }
    case FUTEX:
    case FUTEX_TIMED:
      result = syscall(SYS_futex, &words[number], FUTEX_WAIT, (uint32_t)rounds[number], number == FUTEX ? NULL : &hour, NULL, 0);
      EXPECT(result == 0, "%s: %s", names[number], strerror(errno));
      break;
    case FUTEX_UNTIL:
      result = syscall(SYS_futex, &words[number], FUTEX_WAIT_BITSET, (uint32_t)rounds[number], &until, NULL,
                       FUTEX_BITSET_MATCH_ANY);
      EXPECT(result == 0, "%s: %s", names[number], strerror(errno));
      break;
    case EPOLL:
    case EPOLL_TIMED:
      result = epoll_wait(epoll, &ready, 1, number == EPOLL ? -1 : 3600000);
      EXPECT(result == 1, "%s: %ld, %s", names[number], result, strerror(errno));
      take(number);
      break;
    case POLL:
    case POLL_TIMED:
      result = poll(&poll_entry, 1, number == POLL ? -1 : 3600000);
      EXPECT(result == 1, "%s: %ld, %s", names[number], result, strerror(errno));
      take(number);
      break;
    case PPOLL:
      /* A mask without SIGUSR1 would take the question away from the main thread. */
      sigaddset(&set, SIGUSR1);
      result = ppoll(&poll_entry, 1, &hour, &set);
      EXPECT(result == 1, "%s: %ld, %s", names[number], result, strerror(errno));
      take(number);
      break;
    case SELECT: {
      fd_set fds;
      FD_ZERO(&fds);
      FD_SET(event[number], &fds);
      result = select(event[number] + 1, &fds, NULL, NULL, NULL);
      EXPECT(result == 1, "%s: %ld, %s", names[number], result, strerror(errno));
      take(number);
      break;
    }
    case SLEEPING:
      result = nanosleep(&hour, NULL);
      EXPECT(result < 0 && errno == EINTR && words[number] == (uint32_t)rounds[number] + 1, "%s: woken for nothing",
             names[number]);
      break;
    case SLEEPING_UNTIL:
      result = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
      EXPECT(result == EINTR && words[number] == (uint32_t)rounds[number] + 1, "%s: woken for nothing", names[number]);
      break;
    case SIGNAL:
    case SIGNAL_TIMED:
      pthread_sigmask(SIG_BLOCK, &set, NULL);
      result = number == SIGNAL ? sigwaitinfo(&set, NULL) : sigtimedwait(&set, NULL, &hour);
      EXPECT(result == SIGUSR2, "%s: %ld, %s", names[number], result, strerror(errno));
      break;
    case SUSPENDED: {
      sigset_t none;
      pthread_sigmask(SIG_BLOCK, &set, NULL);
      sigemptyset(&none);
      sigaddset(&none, SIGUSR1);
      sigsuspend(&none);
      EXPECT(words[number] == (uint32_t)rounds[number] + 1, "%s: woken for nothing", names[number]);
      break;
    }
    }
    __atomic_add_fetch(&rounds[number], 1, __ATOMIC_SEQ_CST);
  }
  return NULL;
}

static void check(void) {
  /* In a fork the calls are made again. What comes before that is not what they wait for: a signal is handled and gone. */
  usleep(200000);
  for (int i = 0; i < COUNT; i++) {
    int round = __atomic_load_n(&rounds[i], __ATOMIC_SEQ_CST);
    EXPECT(round == (int)words[i], "%s came back %d times, was woken %u times", names[i], round, words[i]);
    __atomic_store_n(&words[i], (uint32_t)round + 1, __ATOMIC_SEQ_CST);
    uint64_t one = 1;
    switch (i) {
    case FUTEX:
    case FUTEX_TIMED:
    case FUTEX_UNTIL:
      syscall(SYS_futex, &words[i], FUTEX_WAKE, 1, NULL, NULL, 0);
      break;
    case SLEEPING:
    case SLEEPING_UNTIL:
    case SIGNAL:
    case SIGNAL_TIMED:
    case SUSPENDED:
      pthread_kill(threads[i], SIGUSR2);
      break;
    default:
      if (write(event[i], &one, sizeof(one)) != 8)
        EXPECT(false, "%s can not be woken", names[i]);
    }
    for (int tries = 0; tries < 2000 && __atomic_load_n(&rounds[i], __ATOMIC_SEQ_CST) == round; tries++)
      usleep(1000);
    EXPECT(__atomic_load_n(&rounds[i], __ATOMIC_SEQ_CST) == round + 1, "%s is not woken", names[i]);
  }
  usleep(20000); /* until all wait again */
}

int main(void) {
  struct sigaction action = {.sa_handler = handle};
  MUST(sigaction(SIGUSR2, &action, NULL));
  victim_block_question();
  for (int i = 0; i < COUNT; i++) {
    event[i] = eventfd(0, EFD_CLOEXEC);
    MUST(event[i]);
    MUST(-pthread_create(&threads[i], NULL, wait_for, (void *)(intptr_t)i));
  }
  usleep(50000);
  victim_serve(check);
}
