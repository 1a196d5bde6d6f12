/* A periodic ITIMER_REAL whose signal is blocked and waits: the kernel goes on with the period only when it is taken. */
#define _GNU_SOURCE
#include "victim.h"

#include <sys/time.h>

static sigset_t alarm_only;

static void check(void) {
  const struct timespec at_once = {0, 0}, one_second = {1, 0};
  EXPECT(sigtimedwait(&alarm_only, NULL, &at_once) == SIGALRM, "the tick that waited is gone");
  for (int i = 0; i < 3; i++)
    EXPECT(sigtimedwait(&alarm_only, NULL, &one_second) == SIGALRM, "the timer does not tick any more");
  usleep(50000);
}

int main(void) {
  sigemptyset(&alarm_only);
  sigaddset(&alarm_only, SIGALRM);
  sigprocmask(SIG_BLOCK, &alarm_only, NULL);
  struct itimerval timer = {{0, 20000}, {0, 20000}};
  MUST(setitimer(ITIMER_REAL, &timer, NULL));
  usleep(50000);
  victim_serve(check);
}
