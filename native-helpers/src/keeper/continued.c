/*
 * Calls with a timeout that counts from their beginning (poll, nanosleep, futex) are continued after a stop by another call,
 * restart_syscall(), for which the kernel keeps what was left. A task that is stopped in that one does not show which call it
 * began: that is remembered from the first stop on. The arguments stay in its registers.
 */
#include "keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>

#define ERESTART_RESTARTBLOCK 516 /* linux/errno.h; seen by tracers only */

static bool is_continued(const struct user_regs_struct *registers) {
  return (long)registers->orig_rax >= 0 && (long)registers->rax == -ERESTART_RESTARTBLOCK;
}

uint64_t call_of(const struct instance *instance, const struct task *task) {
  const struct user_regs_struct *registers = &task->registers;

  if (is_continued(registers) && registers->orig_rax == SYS_restart_syscall)
    for (size_t i = 0; i < instance->call_count; i++) {
      const struct continued_call *call = &instance->calls[i];
      if (call->tid == task->tid && call->instruction == registers->rip && call->stack == registers->rsp)
        return call->number;
    }
  return registers->orig_rax;
}

void remember_calls(struct instance *instance, const struct freezing *freezing) {
  struct continued_call *calls = calloc(freezing->count ? freezing->count : 1, sizeof(*calls));
  size_t count = 0;

  for (size_t i = 0; i < freezing->count && calls != NULL; i++) {
    const struct task *task = &freezing->tasks[i];
    if (!task->gone && task->registers_known && is_continued(&task->registers))
      calls[count++] = (struct continued_call){.tid = task->tid,
                                               .number = call_of(instance, task),
                                               .instruction = task->registers.rip,
                                               .stack = task->registers.rsp};
  }
  free(instance->calls);
  instance->calls = calls;
  instance->call_count = count;
}
