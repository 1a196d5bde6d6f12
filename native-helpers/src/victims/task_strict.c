/*
 * A thread in strict seccomp, which may do nothing but read, write and exit: the first one, or with the argument "other" a
 * second one. The other thread asks it for a sign of life.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>

static int question[2], answer[2];

__attribute__((noreturn)) static void echo(void) {
  char word;
  MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0));
  for (;;)
    if (read(question[0], &word, 1) == 1 && write(answer[1], &word, 1) != 1)
      victim_say("FAILED: no answer");
}

static void *echo_main(void *unused) {
  (void)unused;
  echo();
}

static void check(void) {
  struct pollfd poll_entry = {.fd = answer[0], .events = POLLIN};
  char word = 'x';
  EXPECT(write(question[1], &word, 1) == 1, "no question");
  EXPECT(poll(&poll_entry, 1, 5000) == 1 && read(answer[0], &word, 1) == 1, "the strict thread does not answer");
}

static void *serve_main(void *unused) {
  (void)unused;
  check(); /* it is strict by now */
  victim_serve(check);
}

int main(int count, char **arguments) {
  pthread_t thread;
  MUST(pipe(question));
  MUST(pipe(answer));
  victim_block_question();
  if (count > 1 && strcmp(arguments[1], "other") == 0) {
    MUST(-pthread_create(&thread, NULL, echo_main, NULL));
    serve_main(NULL);
  }
  MUST(-pthread_create(&thread, NULL, serve_main, NULL));
  echo();
}
