/* POSIX timers with ids that have holes: every way to notify, several clocks, and one whose signal waits. */
#define _GNU_SOURCE
#include "victim.h"

#include <sys/syscall.h>
#include <time.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum { TICKING, TO_THREAD, SILENT, PROCESS_CPU, STOPPED, WAITING, TIMERS };

static int ids[TIMERS];
static volatile sig_atomic_t ticks, thread_ticks;
static volatile int thread_tid;
static pthread_barrier_t started;

static void tick(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)context;
  if (info->si_code == SI_TIMER && info->si_value.sival_int == 1111 && info->si_timerid == ids[TICKING])
    ticks++;
}

static void thread_tick(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)context;
  if (info->si_code == SI_TIMER && info->si_value.sival_int == 2222 && gettid() == thread_tid)
    thread_ticks++;
}

static void *thread_main(void *argument) {
  (void)argument;
  thread_tid = gettid();
  pthread_barrier_wait(&started);
  for (;;)
    pause();
  return NULL;
}

static int create(int clock, int notify, int number, int value) {
  int id = -1;
  struct sigevent event = {.sigev_notify = notify, .sigev_signo = number, .sigev_value.sival_int = value};
  if (notify == SIGEV_THREAD_ID)
    event.sigev_notify_thread_id = thread_tid;
  MUST(syscall(SYS_timer_create, clock, &event, &id));
  return id;
}

static void arm(int id, long seconds, long nanos, long interval_nanos) {
  struct itimerspec spec = {{0, interval_nanos}, {seconds, nanos}};
  MUST(syscall(SYS_timer_settime, id, 0, &spec, NULL));
}

static void expect_left(const char *what, int id, long at_least, long at_most, long interval_nanos) {
  struct itimerspec spec = {{0, 0}, {0, 0}};
  EXPECT(syscall(SYS_timer_gettime, id, &spec) == 0, "%s: there is no timer %d", what, id);
  EXPECT(spec.it_value.tv_sec >= at_least && spec.it_value.tv_sec <= at_most, "%s: %ld s are left", what,
         (long)spec.it_value.tv_sec);
  EXPECT(spec.it_interval.tv_nsec == interval_nanos, "%s: the interval is %ld ns", what, spec.it_interval.tv_nsec);
}

static void wait_for(volatile sig_atomic_t *counter, const char *what) {
  int before = *counter;
  for (int i = 0; i < 200 && *counter < before + 3; i++)
    usleep(5000);
  EXPECT(*counter >= before + 3, "%s does not tick any more", what);
}

static void check(void) {
  struct itimerspec spec;
  sigset_t waiting;
  siginfo_t info;
  const struct timespec at_once = {0, 0};

  wait_for(&ticks, "the timer of the process");
  wait_for(&thread_ticks, "the timer of the thread");
  expect_left("the silent timer", ids[SILENT], 4000, 5000, 0);
  expect_left("the timer of processor time", ids[PROCESS_CPU], 2900, 3000, 250000);
  EXPECT(syscall(SYS_timer_gettime, ids[STOPPED], &spec) == 0 && spec.it_value.tv_sec == 0 && spec.it_value.tv_nsec == 0,
         "the stopped timer runs");
  sigemptyset(&waiting);
  sigaddset(&waiting, SIGRTMIN + 4);
  EXPECT(sigtimedwait(&waiting, &info, &at_once) == SIGRTMIN + 4, "the signal of the expired timer is gone");
  EXPECT(info.si_code == SI_TIMER && info.si_value.sival_int == 6666 && info.si_timerid == ids[WAITING],
         "the signal of the expired timer is another");
  arm(ids[WAITING], 0, 1, 0);
  EXPECT(syscall(SYS_timer_gettime, ids[WAITING] + 500, &spec) < 0, "there is a timer too many");
  int fresh = create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);
  for (int i = 0; i < TIMERS; i++)
    EXPECT(fresh != ids[i], "the id of timer %d was given twice", fresh);
  syscall(SYS_timer_delete, fresh);
  usleep(1000);
}

/* With an argument, some ids are higher than most programs have. */
int main(int count, char **arguments) {
  (void)arguments;
  int holes = count > 1 ? 5000 : 20;
  pthread_t thread;
  sigset_t waiting;
  victim_block_question();
  sigemptyset(&waiting);
  sigaddset(&waiting, SIGRTMIN + 4);
  pthread_sigmask(SIG_BLOCK, &waiting, NULL);
  struct sigaction action = {.sa_sigaction = tick, .sa_flags = SA_SIGINFO | SA_RESTART};
  MUST(sigaction(SIGRTMIN + 1, &action, NULL));
  action.sa_sigaction = thread_tick;
  MUST(sigaction(SIGRTMIN + 2, &action, NULL));
  pthread_barrier_init(&started, NULL, 2);
  if (pthread_create(&thread, NULL, thread_main, NULL) != 0)
    return 2;
  pthread_barrier_wait(&started);
  int hole = create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);
  ids[TICKING] = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 1, 1111);
  MUST(syscall(SYS_timer_delete, hole));
  ids[TO_THREAD] = create(CLOCK_REALTIME, SIGEV_THREAD_ID, SIGRTMIN + 2, 2222);
  for (int i = 0; i < holes; i++) {
    hole = create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);
    MUST(syscall(SYS_timer_delete, hole));
  }
  ids[SILENT] = create(CLOCK_BOOTTIME, SIGEV_NONE, 0, 3333);
  ids[PROCESS_CPU] = create(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGRTMIN + 3, 4444);
  ids[STOPPED] = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 3, 5555);
  ids[WAITING] = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 4, 6666);
  arm(ids[TICKING], 0, 10000000, 10000000);
  arm(ids[TO_THREAD], 0, 15000000, 15000000);
  arm(ids[SILENT], 5000, 0, 0);
  arm(ids[PROCESS_CPU], 3000, 0, 250000);
  arm(ids[WAITING], 0, 1, 0);
  usleep(1000);
  victim_serve(check);
}
