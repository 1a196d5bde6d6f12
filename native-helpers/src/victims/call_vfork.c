/*
 * From the first question on, a thread is the parent of a vfork nearly all the time: then it can't be stopped, since its
 * child, which is stopped with it, does not let it.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <stdatomic.h>
#include <sys/wait.h>

static atomic_bool begun;
static atomic_ulong done;

static void *have_children(void *argument) {
  const struct timespec long_life = {.tv_sec = 1, .tv_nsec = 500000000};

  while (!atomic_load(&begun))
    usleep(1000);
  for (;;) {
    pid_t child = vfork();
    if (child == 0) {
      nanosleep(&long_life, NULL);
      _exit(0);
    }
    MUST(child);
    MUST(waitpid(child, NULL, 0));
    atomic_fetch_add(&done, 1);
    usleep(1000);
  }
  return argument;
}

static void check(void) {
  unsigned long before = atomic_load(&done);

  if (!atomic_exchange(&begun, true))
    return;
  for (int i = 0; i < 10000 && atomic_load(&done) == before; i++)
    usleep(1000);
  EXPECT(atomic_load(&done) > before, "the parent of a vfork stands still");
}

int main(void) {
  pthread_t thread;

  victim_block_question();
  MUST(-pthread_create(&thread, NULL, have_children, NULL));
  victim_serve(check);
}
