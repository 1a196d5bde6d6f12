/*
 * What a victim does: it sets up some state, says "ready", and each time it is asked by SIGUSR1 it looks whether that state
 * is still as it was, and prints "ok" or "FAILED: why".
 */
#ifndef VAS_VICTIM_H
#define VAS_VICTIM_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VICTIM_UNUSED __attribute__((unused))

static bool victim_failed;

/* One write per line: the log is read while it grows. */
VICTIM_UNUSED static void victim_say(const char *format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof(line) - 1, format, arguments);
  va_end(arguments);
  if (length > (int)sizeof(line) - 2)
    length = (int)sizeof(line) - 2;
  line[length] = '\n';
  if (write(STDOUT_FILENO, line, (size_t)length + 1) < 0)
    _exit(3);
}

/* The first failure is the one that is told. */
#define EXPECT(condition, format, ...)                                                                                            \
  do {                                                                                                                            \
    if (!(condition) && !__atomic_exchange_n(&victim_failed, true, __ATOMIC_SEQ_CST))                                             \
      victim_say("FAILED: " format, ##__VA_ARGS__);                                                                               \
  } while (0)

#define EXPECT_EQUAL(what, expected, actual)                                                                                      \
  do {                                                                                                                            \
    long long expected_value = (long long)(expected), actual_value = (long long)(actual);                                         \
    EXPECT(expected_value == actual_value, "%s is %lld (0x%llx), was %lld (0x%llx)", what, actual_value, actual_value,            \
           expected_value, expected_value);                                                                                       \
  } while (0)

#define EXPECT_SAME_BYTES(what, expected, actual, length)                                                                         \
  EXPECT(memcmp(expected, actual, length) == 0, "%s has changed", what)

/* While the state is set up: what fails here says nothing about a snapshot. */
#define MUST(call)                                                                                                                \
  do {                                                                                                                            \
    if ((long)(call) < 0) {                                                                                                       \
      victim_say("FAILED: not set up: %s: %s", #call, strerror(errno));                                                           \
      exit(2);                                                                                                                    \
    }                                                                                                                             \
  } while (0)

/* For all threads: call before the first is created. */
VICTIM_UNUSED static void victim_block_question(void) {
  sigset_t question;
  sigemptyset(&question);
  sigaddset(&question, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &question, NULL);
}

VICTIM_UNUSED static void victim_await_question(void) {
  sigset_t question;
  sigemptyset(&question);
  sigaddset(&question, SIGUSR1);
  while (sigwaitinfo(&question, NULL) != SIGUSR1)
    ;
}

/* What a victim may be told to do to its state. */
struct victim_change {
  const char *name;
  void (*change)(void);
};

/* The one that its only argument names. */
VICTIM_UNUSED static const struct victim_change *victim_choose(const struct victim_change *changes, size_t count, int argc,
                                                              char **argv) {
  for (size_t i = 0; i < count; i++)
    if (argc == 2 && strcmp(argv[1], changes[i].name) == 0)
      return &changes[i];
  victim_say("FAILED: not set up: it is to be told what to change");
  exit(2);
}

/* Does not return. check() says what is wrong by EXPECT. */
VICTIM_UNUSED __attribute__((noreturn)) static void victim_serve(void (*check)(void)) {
  victim_block_question();
  victim_say("ready");
  for (;;) {
    victim_await_question();
    victim_failed = false;
    check();
    if (!victim_failed)
      victim_say("ok");
  }
}

/* ---- threads that each check what is theirs ---- */

/* A thread runs set_up(index), and on each question check(index). */
struct victim_crew {
  int count;
  void (*set_up)(int index);
  void (*check)(int index);
  pthread_barrier_t begin, end;
};

static struct victim_crew victim_crew;

VICTIM_UNUSED static void *victim_crew_main(void *argument) {
  int index = (int)(intptr_t)argument;
  victim_crew.set_up(index);
  pthread_barrier_wait(&victim_crew.end);
  for (;;) {
    pthread_barrier_wait(&victim_crew.begin);
    victim_crew.check(index);
    pthread_barrier_wait(&victim_crew.end);
  }
  return NULL;
}

VICTIM_UNUSED static void victim_check_crew(void) {
  pthread_barrier_wait(&victim_crew.begin);
  victim_crew.check(0);
  pthread_barrier_wait(&victim_crew.end);
}

/* The main thread is number 0. Does not return. */
VICTIM_UNUSED __attribute__((noreturn)) static void victim_serve_crew(int count, void (*set_up)(int), void (*check)(int)) {
  victim_block_question();
  victim_crew.count = count;
  victim_crew.set_up = set_up;
  victim_crew.check = check;
  pthread_barrier_init(&victim_crew.begin, NULL, (unsigned)count);
  pthread_barrier_init(&victim_crew.end, NULL, (unsigned)count);
  for (int i = 1; i < count; i++) {
    pthread_t thread;
    int error = pthread_create(&thread, NULL, victim_crew_main, (void *)(intptr_t)i);
    if (error != 0) {
      victim_say("FAILED: not set up: pthread_create: %s", strerror(error));
      exit(2);
    }
  }
  set_up(0);
  pthread_barrier_wait(&victim_crew.end);
  victim_serve(victim_check_crew);
}

#endif
