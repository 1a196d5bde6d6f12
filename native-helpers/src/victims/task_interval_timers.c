/* The three interval timers: one ticks, two have long to go. */
#define _GNU_SOURCE
#include "victim.h"

#include <sys/time.h>

static volatile sig_atomic_t ticks;

static void tick(int number) {
  (void)number;
  ticks++;
}

static void expect_timer(const char *what, int which, long left_at_least, long left_at_most, long interval) {
  struct itimerval timer;
  getitimer(which, &timer);
  EXPECT(timer.it_value.tv_sec >= left_at_least && timer.it_value.tv_sec <= left_at_most, "%s: %ld s are left", what,
         (long)timer.it_value.tv_sec);
  EXPECT(timer.it_interval.tv_sec == interval && timer.it_interval.tv_usec == 250000, "%s: the interval is %ld.%06ld s", what,
         (long)timer.it_interval.tv_sec, (long)timer.it_interval.tv_usec);
}

static void check(void) {
  struct itimerval timer;
  int before = ticks;
  for (int i = 0; i < 100 && ticks < before + 3; i++)
    usleep(10000);
  EXPECT(ticks >= before + 3, "ITIMER_REAL does not tick any more");
  getitimer(ITIMER_REAL, &timer);
  EXPECT_EQUAL("interval of ITIMER_REAL", 20000, timer.it_interval.tv_usec);
  expect_timer("ITIMER_VIRTUAL", ITIMER_VIRTUAL, 900, 1000, 7);
  expect_timer("ITIMER_PROF", ITIMER_PROF, 1900, 2000, 11);
}

int main(void) {
  struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
  MUST(sigaction(SIGALRM, &action, NULL));
  struct itimerval ticking = {{0, 20000}, {0, 20000}};
  struct itimerval virtual = {{7, 250000}, {1000, 0}};
  struct itimerval profiling = {{11, 250000}, {2000, 0}};
  MUST(setitimer(ITIMER_VIRTUAL, &virtual, NULL));
  MUST(setitimer(ITIMER_PROF, &profiling, NULL));
  MUST(setitimer(ITIMER_REAL, &ticking, NULL));
  victim_serve(check);
}
