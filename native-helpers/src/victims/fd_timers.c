/* Timers read from files: one that ticks, one far away, one that has expired unread, periodic ones with unread ticks. */
#define _GNU_SOURCE
#include "victim.h"

#include <poll.h>
#include <sys/timerfd.h>
#include <time.h>

static int ticking, once, expired, neglected, absolute, unarmed;
static struct timespec deadline;

static void set(int fd, int flags, long seconds, long nanos, long interval_seconds, long interval_nanos) {
  struct itimerspec time = {{interval_seconds, interval_nanos}, {seconds, nanos}};
  MUST(timerfd_settime(fd, flags, &time, NULL));
}

static void check(void) {
  uint64_t ticks = 0;
  struct itimerspec time;

  for (int i = 0; i < 2; i++)
    EXPECT(read(ticking, &ticks, sizeof(ticks)) == sizeof(ticks) && ticks >= 1, "the timer does not tick");
  timerfd_gettime(ticking, &time);
  EXPECT_EQUAL("interval", 20000000, time.it_interval.tv_nsec);

  timerfd_gettime(once, &time);
  EXPECT(time.it_value.tv_sec >= 900 && time.it_value.tv_sec <= 1000, "%ld s are left of 1000", (long)time.it_value.tv_sec);
  EXPECT_EQUAL("interval of the one that expires once", 0, time.it_interval.tv_sec);

  struct pollfd ready = {.fd = expired, .events = POLLIN};
  EXPECT(poll(&ready, 1, 0) == 1, "the timer that had expired has not");
  EXPECT(read(expired, &ticks, sizeof(ticks)) == sizeof(ticks), "%s", strerror(errno));
  EXPECT_EQUAL("ticks of the expired timer", 1, ticks);
  set(expired, 0, 0, 1, 0, 0);

  /* Every 10 ms, and not read for at least 100 ms. */
  EXPECT(read(neglected, &ticks, sizeof(ticks)) == sizeof(ticks), "%s", strerror(errno));
  EXPECT(ticks >= 10, "of 10 ticks, %lld are left", (long long)ticks);
  usleep(110000);

  timerfd_gettime(absolute, &time);
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  double left = (double)(deadline.tv_sec - now.tv_sec) + (double)(deadline.tv_nsec - now.tv_nsec) / 1e9;
  double shown = (double)time.it_value.tv_sec + (double)time.it_value.tv_nsec / 1e9;
  EXPECT(shown > left - 0.1 && shown < left + 0.1, "the absolute timer expires in %f s, not in %f", shown, left);

  timerfd_gettime(unarmed, &time);
  EXPECT(time.it_value.tv_sec == 0 && time.it_value.tv_nsec == 0, "the timer that was not armed is");
  EXPECT(read(unarmed, &ticks, sizeof(ticks)) < 0 && errno == EAGAIN, "it has ticked");
}

int main(void) {
  MUST(ticking = timerfd_create(CLOCK_MONOTONIC, 0));
  MUST(once = timerfd_create(CLOCK_REALTIME, 0));
  MUST(expired = timerfd_create(CLOCK_MONOTONIC, 0));
  MUST(neglected = timerfd_create(CLOCK_BOOTTIME, 0));
  MUST(absolute = timerfd_create(CLOCK_MONOTONIC, 0));
  MUST(unarmed = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  set(ticking, 0, 0, 20000000, 0, 20000000);
  set(once, 0, 1000, 0, 0, 0);
  set(expired, 0, 0, 1, 0, 0);
  set(neglected, 0, 0, 10000000, 0, 10000000);
  clock_gettime(CLOCK_MONOTONIC, &deadline);
  deadline.tv_sec += 3000;
  set(absolute, TFD_TIMER_ABSTIME, deadline.tv_sec, deadline.tv_nsec, 0, 0);
  usleep(110000);
  victim_serve(check);
}
