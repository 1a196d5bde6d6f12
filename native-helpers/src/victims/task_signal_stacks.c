/* Each thread's signal mask and alternate stack: one has none, one a plain one, one an SS_AUTODISARM one, one is on it. */
#define _GNU_SOURCE
#include "victim.h"

#include <sys/mman.h>

#define THREADS 4
#define STACK_LENGTH (256 * 1024)

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31) /* since Linux 4.7 */
#endif

static char *stacks[THREADS];
static sigset_t masks[THREADS];
static __thread volatile bool handled_on_stack;
static __thread int own_index;

static void handle(int number) {
  char here;
  (void)number;
  handled_on_stack = &here >= stacks[own_index] && &here < stacks[own_index] + STACK_LENGTH;
}

static void check(int index) {
  sigset_t mask;
  stack_t stack;
  pthread_sigmask(SIG_BLOCK, NULL, &mask);
  EXPECT(memcmp(&mask, &masks[index], 8) == 0, "thread %d: the signal mask is another", index);
  sigaltstack(NULL, &stack);
  if (index == 0) {
    EXPECT(stack.ss_flags == SS_DISABLE, "thread 0 has an alternate stack");
    return;
  }
  int flags = index == 2 ? (int)SS_AUTODISARM : index == 3 ? SS_ONSTACK : 0;
  EXPECT(stack.ss_sp == stacks[index] && stack.ss_size == STACK_LENGTH, "thread %d: the alternate stack is elsewhere", index);
  EXPECT(stack.ss_flags == flags, "thread %d: flags of the alternate stack are %x", index, (unsigned)stack.ss_flags);
  handled_on_stack = false;
  pthread_kill(pthread_self(), SIGUSR2);
  EXPECT(handled_on_stack, "thread %d: the handler ran elsewhere", index);
}

/* Lives in its handler: never leaves the alternate stack. */
static void live_on_stack(int number) {
  (void)number;
  pthread_sigmask(SIG_SETMASK, NULL, &masks[own_index]);
  pthread_barrier_wait(&victim_crew.end);
  for (;;) {
    pthread_barrier_wait(&victim_crew.begin);
    check(own_index);
    pthread_barrier_wait(&victim_crew.end);
  }
}

static void set_up(int index) {
  own_index = index;
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGRTMIN + index);
  sigaddset(&mask, SIGALRM);
  if (index == 1)
    sigaddset(&mask, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &mask, NULL);
  pthread_sigmask(SIG_SETMASK, NULL, &masks[index]);
  if (index == 0)
    return;
  stacks[index] = mmap(NULL, STACK_LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack_t stack = {.ss_sp = stacks[index], .ss_size = STACK_LENGTH, .ss_flags = index == 2 ? (int)SS_AUTODISARM : 0};
  MUST(sigaltstack(&stack, NULL));
  if (index == 3)
    pthread_kill(pthread_self(), SIGQUIT);
}

int main(void) {
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
  MUST(sigaction(SIGUSR2, &action, NULL));
  action.sa_handler = live_on_stack;
  MUST(sigaction(SIGQUIT, &action, NULL));
  victim_serve_crew(THREADS, set_up, check);
}
