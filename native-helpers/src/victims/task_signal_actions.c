/* All 64 signal actions, as the kernel holds them: handler, flags, restorer, mask. */
#define _GNU_SOURCE
#include "victim.h"

#include <sys/syscall.h>

#define SIGNALS 64

struct kernel_action {
  uint64_t handler, flags, restorer, mask;
};

static struct kernel_action before[SIGNALS + 1];
static volatile sig_atomic_t handled, blocked_in_handler;

static void handle(int number) {
  sigset_t mask;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  blocked_in_handler = sigismember(&mask, SIGTERM) && sigismember(&mask, SIGRTMIN + 5) && !sigismember(&mask, number);
  handled = number;
}

static void handle_with_info(int number, siginfo_t *info, void *context) {
  (void)context;
  handled = number * 1000 + info->si_value.sival_int;
}

static void read_actions(struct kernel_action *actions) {
  for (int i = 1; i <= SIGNALS; i++)
    syscall(SYS_rt_sigaction, i, NULL, &actions[i], 8);
}

static void check(void) {
  struct kernel_action now[SIGNALS + 1] = {{0}};
  read_actions(now);
  for (int i = 1; i <= SIGNALS; i++) {
    char what[40];
    snprintf(what, sizeof(what), "action of signal %d", i);
    EXPECT_SAME_BYTES(what, &before[i], &now[i], sizeof(now[i]));
  }
  handled = 0;
  raise(SIGHUP);
  EXPECT_EQUAL("signal handled", SIGHUP, handled);
  EXPECT(blocked_in_handler, "the handler's mask is not the one that was set");
  sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 77});
  EXPECT_EQUAL("signal handled with a value", (SIGRTMIN + 3) * 1000 + 77, handled);
  raise(SIGUSR2);
  raise(SIGPIPE);
}

int main(void) {
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART | SA_NODEFER};
  sigaddset(&action.sa_mask, SIGTERM);
  sigaddset(&action.sa_mask, SIGRTMIN + 5);
  MUST(sigaction(SIGHUP, &action, NULL));
  action = (struct sigaction){.sa_sigaction = handle_with_info, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigfillset(&action.sa_mask);
  MUST(sigaction(SIGRTMIN + 3, &action, NULL));
  action = (struct sigaction){.sa_handler = handle, .sa_flags = (int)SA_RESETHAND | SA_NOCLDSTOP};
  MUST(sigaction(SIGRTMAX, &action, NULL));
  action = (struct sigaction){.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
  MUST(sigaction(SIGCHLD, &action, NULL));
  signal(SIGUSR2, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  read_actions(before);
  victim_serve(check);
}
