/*
 * The format of a program of system calls, as the executor interprets it.
 *
 * Java's twin is io.vas.core.program.ProgramDescriptor; ProgramDescriptorTest compares the two through
 * `vas-keeper --layout`. Whoever changes one changes both, and the version.
 *
 * A program is one contiguous block:
 *
 *   header | operations | results (one s64 a slot) | data
 *
 * Offsets are counted from the header. Everything is little endian and 8-byte aligned.
 */
#ifndef VAS_PROGRAM_H
#define VAS_PROGRAM_H

#include <stdint.h>

#define VAS_PROGRAM_MAGIC 0x314d474f52505356ULL /* "VSPROGM1" */
#define VAS_PROGRAM_VERSION 1u

struct vas_program_header {
  uint64_t magic;
  uint32_t version;
  uint32_t length; /* of the whole program, bytes */
  uint32_t ops_offset;
  uint32_t op_count;
  uint32_t results_offset;
  uint32_t result_count;
  uint32_t data_offset;
  uint32_t data_length;
};

/* What an operation does. */
enum vas_op_code {
  VAS_OP_SYSCALL = 0,   /* number(args...) */
  VAS_OP_TASK = 1,      /* clone3(arg0 = address, arg1 = size); the child goes on at operation arg2 */
  VAS_OP_BARRIER = 2,   /* add one to the u32 at arg0, wait until it is at least arg1 */
  VAS_OP_WAIT = 3,      /* wait until the u32 at arg0 is at least arg1 */
  VAS_OP_SIGRETURN = 4, /* rt_sigreturn from the frame at arg0; does not come back */
  VAS_OP_STORE = 5,     /* write `number` bytes (1, 2, 4, 8) of arg1 to address arg0 */
  VAS_OP_LOAD = 6,      /* result = the `number` bytes (1, 2, 4, 8) at arg0, zero-extended */
  VAS_OP_END = 7,       /* the program is done */
  VAS_OP_SKIP = 8,      /* skip the next `number` operations if arg0 == arg1 */
  /* Only in the keeper, which has a record to write to. */
  VAS_OP_RECORD_BYTES = 9,     /* record what read(arg0) yields until it would block; at most arg1 bytes */
  VAS_OP_RECORD_MESSAGES = 10, /* record what recvmsg(arg0, flags arg1) yields until it would block; at most arg2 messages */
  VAS_OP_COPY_TREE = 11,       /* copy the directory tree under descriptor arg0 to the directory arg1 */
  VAS_OP_COMPARE_TREES = 12,   /* result: 0 if the trees under arg0 and arg1 (negative: an empty one) are the same, else 1 */
  /*
   * What the root directories arg2, of an instance, and arg3 show is compared, as far as it can differ: at what there is in the
   * layers arg0 and arg1 (negative: nothing), each of which lies in one of them upon the layers that both have. Result: enum
   * vas_roots; changes are recorded.
   */
  VAS_OP_COMPARE_ROOTS = 13,
};

/* How an argument is meant. */
enum vas_arg_kind {
  VAS_ARG_IMMEDIATE = 0,
  VAS_ARG_RESULT = 1, /* the value of result slot arg */
  VAS_ARG_DATA = 2,   /* the address of the byte at offset arg of the program */
  VAS_ARG_REPORT = 3, /* the address of the byte at offset arg of the report */
  VAS_ARG_STACK = 4,  /* the address of the byte at offset arg of the stack area */
};

/* What the result must be; otherwise the program fails at this operation. */
enum vas_expect {
  VAS_EXPECT_ANY = 0,
  VAS_EXPECT_SUCCESS = 1, /* not in -4095..-1 */
  VAS_EXPECT_EQUAL = 2,
};

#define VAS_NO_RESULT 0xffffffffu

struct vas_op {
  uint16_t code;
  uint8_t expect;
  uint8_t reserved;
  uint32_t number; /* of the system call, or the operation's own count */
  uint8_t arg_kind[6];
  uint16_t reserved2;
  uint64_t arg[6];
  int64_t expected;
  uint32_t result; /* slot, or VAS_NO_RESULT */
  uint32_t reserved3;
};

enum vas_report_state {
  VAS_REPORT_RUNNING = 0,
  VAS_REPORT_FAILED = 1,
  VAS_REPORT_DONE = 2,
};

#define VAS_REPORT_BARRIERS 64
#define VAS_REPORT_STAMPS 64

/* What a running program tells the keeper, and the words its tasks meet at. Shared memory, one page and a bit. */
struct vas_report {
  uint32_t state;       /* enum vas_report_state; a futex */
  uint32_t failed_step; /* index of the first operation that failed */
  int64_t failed_result;
  uint32_t release; /* the keeper sets 1: restored tasks may go on; a futex */
  uint32_t exits;   /* 1: the tasks are new, and end when the program fails or ends; 0: injected, they park */
  uint32_t park;    /* where a parked task waits; never changes */
  uint32_t reserved;
  uint64_t stack; /* address of the stack area, set by who maps it */
  uint32_t barriers[VAS_REPORT_BARRIERS];
  uint64_t stamps[VAS_REPORT_STAMPS]; /* programs may clock_gettime() into pairs of these: s, ns */
  uint64_t next; /* address of a program to run when this one has ended, or 0 */
};

#endif
