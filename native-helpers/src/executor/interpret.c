/* The interpreter itself. Compiled twice: into the blob that runs inside tasks, and into the keeper. */
#include "executor.h"

#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>

static inline long syscall6(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
  register uint64_t r10 __asm__("r10") = d;
  register uint64_t r8 __asm__("r8") = e;
  register uint64_t r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

static inline uint32_t load_u32(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }

/* Not FUTEX_PRIVATE: the words are in memory that is shared with the keeper or with other processes. */
static void futex_wait(uint32_t *word, uint32_t seen) {
  syscall6(SYS_futex, (uint64_t)(uintptr_t)word, FUTEX_WAIT, seen, 0, 0, 0);
}

static void futex_wake_all(uint32_t *word) {
  syscall6(SYS_futex, (uint64_t)(uintptr_t)word, FUTEX_WAKE, 0x7fffffff, 0, 0, 0);
}

/* A program that failed elsewhere will never reach this barrier, so its failure ends the wait, too. */
static int wait_at_least(struct vas_report *report, uint32_t *word, uint32_t value) {
  for (;;) {
    uint32_t seen = load_u32(word);
    if (seen >= value)
      return 0;
    if (load_u32(&report->state) == VAS_REPORT_FAILED)
      return -1;
    futex_wait(word, seen);
  }
}

static void fail(struct vas_report *report, uint32_t step, long result) {
  uint32_t running = VAS_REPORT_RUNNING;
  report->failed_step = step;
  report->failed_result = result;
  if (__atomic_compare_exchange_n(&report->state, &running, VAS_REPORT_FAILED, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    futex_wake_all(&report->state);
}

/* Where a new task starts, on a stack of its own. */
__attribute__((noreturn)) static void task_main(struct vas_program_header *program, struct vas_report *report,
                                                uint64_t entry) {
  vas_execute(program, report, (uint32_t)entry, NULL);
  for (;;)
    syscall6(SYS_exit_group, 127, 0, 0, 0, 0, 0);
}

static long start_task(struct vas_program_header *program, struct vas_report *report, uint64_t clone_args, uint64_t size,
                       uint64_t entry) {
  /* Values for the child travel in registers that the kernel preserves: its stack is new and empty. */
  register struct vas_program_header *r12 __asm__("r12") = program;
  register struct vas_report *r13 __asm__("r13") = report;
  register uint64_t r14 __asm__("r14") = entry;
  register void *r15 __asm__("r15") = (void *)task_main;
  long result;
  __asm__ volatile("syscall\n\t"
                   "test %%rax, %%rax\n\t"
                   "jnz 1f\n\t"
                   "xor %%ebp, %%ebp\n\t"
                   "and $-16, %%rsp\n\t"
                   "mov %%r12, %%rdi\n\t"
                   "mov %%r13, %%rsi\n\t"
                   "mov %%r14, %%rdx\n\t"
                   "call *%%r15\n\t"
                   "hlt\n"
                   "1:"
                   : "=a"(result)
                   : "a"(SYS_clone3), "D"(clone_args), "S"(size), "r"(r12), "r"(r13), "r"(r14), "r"(r15)
                   : "rcx", "r11", "memory", "cc");
  return result;
}

__attribute__((noreturn)) static void signal_return(uint64_t frame) {
  __asm__ volatile("mov %0, %%rsp\n\t"
                   "mov %1, %%eax\n\t"
                   "syscall\n\t"
                   "hlt"
                   :
                   : "r"(frame), "i"(SYS_rt_sigreturn)
                   : "memory");
  __builtin_unreachable();
}

static void store(uint64_t address, uint64_t value, uint32_t size) {
  switch (size) {
  case 1:
    *(volatile uint8_t *)(uintptr_t)address = (uint8_t)value;
    break;
  case 2:
    *(volatile uint16_t *)(uintptr_t)address = (uint16_t)value;
    break;
  case 4:
    *(volatile uint32_t *)(uintptr_t)address = (uint32_t)value;
    break;
  default:
    *(volatile uint64_t *)(uintptr_t)address = value;
    break;
  }
}

static long load(uint64_t address, uint32_t size) {
  switch (size) {
  case 1:
    return *(volatile uint8_t *)(uintptr_t)address;
  case 2:
    return *(volatile uint16_t *)(uintptr_t)address;
  case 4:
    return *(volatile uint32_t *)(uintptr_t)address;
  default:
    return (long)*(volatile uint64_t *)(uintptr_t)address;
  }
}

static int as_expected(const struct vas_op *op, long result) {
  switch (op->expect) {
  case VAS_EXPECT_SUCCESS:
    return !(result < 0 && result >= -4095);
  case VAS_EXPECT_EQUAL:
    return result == op->expected;
  default:
    return 1;
  }
}

__attribute__((visibility("hidden"))) int vas_execute(struct vas_program_header *program, struct vas_report *report,
                                                       uint32_t entry, const struct vas_executor_host *host) {
  uintptr_t base = (uintptr_t)program;
  const struct vas_op *ops = (const struct vas_op *)(base + program->ops_offset);
  int64_t *results = (int64_t *)(base + program->results_offset);

  for (uint32_t step = entry; step < program->op_count; step++) {
    const struct vas_op *op = &ops[step];
    uint64_t args[6];
    long result = 0;

    for (int i = 0; i < 6; i++) {
      switch (op->arg_kind[i]) {
      case VAS_ARG_RESULT:
        args[i] = (uint64_t)results[op->arg[i]];
        break;
      case VAS_ARG_DATA:
        args[i] = base + op->arg[i];
        break;
      case VAS_ARG_REPORT:
        args[i] = (uintptr_t)report + op->arg[i];
        break;
      case VAS_ARG_STACK:
        args[i] = report->stack + op->arg[i];
        break;
      default:
        args[i] = op->arg[i];
        break;
      }
    }
    switch (op->code) {
    case VAS_OP_SYSCALL:
      result = syscall6(op->number, args[0], args[1], args[2], args[3], args[4], args[5]);
      break;
    case VAS_OP_TASK:
      result = start_task(program, report, args[0], args[1], args[2]);
      break;
    case VAS_OP_BARRIER: {
      uint32_t *word = (uint32_t *)(uintptr_t)args[0];
      /* Only who completes it wakes the others, who would go back to sleep otherwise. */
      if (__atomic_add_fetch(word, 1, __ATOMIC_ACQ_REL) >= (uint32_t)args[1])
        futex_wake_all(word);
      result = wait_at_least(report, word, (uint32_t)args[1]);
      if (result < 0)
        return -1;
      break;
    }
    case VAS_OP_WAIT:
      result = wait_at_least(report, (uint32_t *)(uintptr_t)args[0], (uint32_t)args[1]);
      if (result < 0)
        return -1;
      break;
    case VAS_OP_SIGRETURN:
      signal_return(args[0]);
    case VAS_OP_STORE:
      store(args[0], args[1], op->number);
      break;
    case VAS_OP_LOAD:
      result = load(args[0], op->number);
      break;
    case VAS_OP_SKIP:
      if (args[0] == args[1])
        step += op->number;
      break;
    case VAS_OP_END:
      return 0;
    default:
      result = host ? host->operation(host->context, op, args) : -38; /* ENOSYS */
      break;
    }
    if (op->result != VAS_NO_RESULT)
      results[op->result] = result;
    if (!as_expected(op, result)) {
      fail(report, step, result);
      return -1;
    }
  }
  return 0;
}
