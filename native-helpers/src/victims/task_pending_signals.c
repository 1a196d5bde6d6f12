/* Signals that wait in the queues of the process and of its threads: their order and all that their siginfo says. */
#define _GNU_SOURCE
#include "victim.h"

#include <sys/syscall.h>

#define THREADS 3
#define COUNT 5

static sigset_t waited;

static void send_to_thread(int signal_number, int value) {
  siginfo_t info = {.si_signo = signal_number, .si_code = SI_QUEUE};
  info.si_pid = 4242;
  info.si_uid = 4343;
  info.si_value.sival_int = value;
  MUST(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), signal_number, &info));
}

static void expect_next(int index, int number, int code, int value) {
  siginfo_t info;
  const struct timespec now = {0, 0};
  /* Not the C library's sigtimedwait, which shows SI_TKILL as SI_USER. */
  int got = (int)syscall(SYS_rt_sigtimedwait, &waited, &info, &now, 8);
  EXPECT(got == number, "thread %d: got signal %d instead of %d", index, got, number);
  EXPECT(info.si_code == code, "thread %d: signal %d has code %d instead of %d", index, number, info.si_code, code);
  if (code == SI_QUEUE)
    EXPECT(info.si_value.sival_int == value, "thread %d: signal %d carries %d instead of %d", index, number,
           info.si_value.sival_int, value);
  if (code == SI_QUEUE && value >= 100)
    EXPECT(info.si_pid == 4242 && info.si_uid == 4343, "thread %d: signal %d names another sender", index, number);
  if (code == SI_USER || code == SI_TKILL)
    EXPECT(info.si_pid == getpid(), "thread %d: signal %d is from pid %d", index, number, info.si_pid);
}

static void fill(int index) {
  pthread_sigmask(SIG_BLOCK, &waited, NULL);
  for (int i = 0; i < COUNT; i++)
    send_to_thread(SIGRTMIN + 1, 100 * (index + 1) + i);
  if (index == 1)
    MUST(syscall(SYS_tgkill, getpid(), gettid(), SIGURG));
  if (index != 0)
    return;
  for (int i = 0; i < COUNT; i++)
    MUST(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = i}));
  MUST(kill(getpid(), SIGHUP));
  MUST(sigqueue(getpid(), SIGWINCH, (union sigval){.sival_int = 9}));
}

/* Takes what it finds, so that it is filled again for the next question. */
static void check(int index) {
  siginfo_t info;
  const struct timespec now = {0, 0};

  /* A thread takes its own signals before the process's; of each, the lowest number first. */
  if (index == 1)
    expect_next(index, SIGURG, SI_TKILL, 0);
  for (int i = 0; i < COUNT; i++)
    expect_next(index, SIGRTMIN + 1, SI_QUEUE, 100 * (index + 1) + i);
  if (index != 0)
    return;
  expect_next(index, SIGHUP, SI_USER, 0);
  expect_next(index, SIGWINCH, SI_QUEUE, 9);
  for (int i = 0; i < COUNT; i++)
    expect_next(index, SIGRTMIN + 2, SI_QUEUE, i);
  EXPECT(sigtimedwait(&waited, &info, &now) < 0, "there is one signal too many");
}

static pthread_barrier_t own_taken;

/* The process's signals are the main thread's to take: the others must not be looking when they are there. */
static void check_in_turn(int index) {
  if (index != 0)
    check(index);
  pthread_barrier_wait(&own_taken);
  if (index == 0) {
    check(index);
    fill(index);
  }
  pthread_barrier_wait(&own_taken);
  if (index != 0)
    fill(index);
}

int main(void) {
  sigemptyset(&waited);
  sigaddset(&waited, SIGHUP);
  sigaddset(&waited, SIGWINCH);
  sigaddset(&waited, SIGURG);
  sigaddset(&waited, SIGRTMIN + 1);
  sigaddset(&waited, SIGRTMIN + 2);
  pthread_sigmask(SIG_BLOCK, &waited, NULL);
  pthread_barrier_init(&own_taken, NULL, THREADS);
  victim_serve_crew(THREADS, fill, check_in_turn);
}
