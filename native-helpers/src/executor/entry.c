/*
 * Where the blob is entered, at offset 0: rdi = program, rsi = report, rdx = first operation, a fresh stack in rsp.
 *
 * A program that ends here says so in its report. Then a new child ends, for nothing more can happen (a container's program ends
 * in execve or rt_sigreturn), and an injected task waits to be picked up by its tracer. There is no trap at the end, because
 * a SIGTRAP that the task blocks or ignores would reset its handler.
 */
#include "executor.h"

#include <linux/futex.h>
#include <sys/syscall.h>

__attribute__((section(".text.entry"), noreturn, used, visibility("hidden"))) void
vas_entry(struct vas_program_header *program, struct vas_report *report, uint32_t entry);

static inline long syscall4(long number, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d) {
  register uintptr_t r10 __asm__("r10") = d;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                   : "rcx", "r11", "memory");
  return result;
}

void vas_entry(struct vas_program_header *program, struct vas_report *report, uint32_t entry) {
  uint32_t running = VAS_REPORT_RUNNING;

  while (vas_execute(program, report, entry, 0) == 0 && report->next != 0) {
    program = (struct vas_program_header *)(uintptr_t)report->next;
    report->next = 0;
    entry = 0;
  }
  __atomic_compare_exchange_n(&report->state, &running, VAS_REPORT_DONE, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
  syscall4(SYS_futex, (uintptr_t)&report->state, FUTEX_WAKE, 0x7fffffff, 0);
  if (report->exits)
    syscall4(SYS_exit_group, 127, 0, 0, 0);
  for (;;)
    syscall4(SYS_futex, (uintptr_t)&report->park, FUTEX_WAIT, 0, 0);
}
