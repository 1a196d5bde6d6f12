/* Signals read from files: one that waits in the process's queue, with its value. */
#define _GNU_SOURCE
#include "victim.h"

#include <poll.h>
#include <sys/signalfd.h>

static int queued, empty;

static void send_one(void) {
  union sigval value = {.sival_int = 4711};
  MUST(sigqueue(getpid(), SIGRTMIN + 3, value));
}

static void check(void) {
  struct signalfd_siginfo info;
  struct pollfd none = {.fd = empty, .events = POLLIN};

  EXPECT(read(queued, &info, sizeof(info)) == sizeof(info), "%s", strerror(errno));
  EXPECT_EQUAL("signal", SIGRTMIN + 3, info.ssi_signo);
  EXPECT_EQUAL("its value", 4711, info.ssi_int);
  EXPECT(poll(&none, 1, 0) == 0, "signals come that were not sent");
  EXPECT(read(queued, &info, sizeof(info)) < 0 && errno == EAGAIN, "a second signal was queued");
  send_one();
}

int main(void) {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGRTMIN + 3);
  MUST(sigprocmask(SIG_BLOCK, &mask, NULL));
  MUST(queued = signalfd(-1, &mask, SFD_NONBLOCK));
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR2);
  sigaddset(&mask, SIGRTMAX);
  MUST(sigprocmask(SIG_BLOCK, &mask, NULL));
  MUST(empty = signalfd(-1, &mask, 0));
  send_one();
  victim_serve(check);
}
