/* The interpreter for programs of system calls. Freestanding: no libc, no TLS, no global state. */
#ifndef VAS_EXECUTOR_H
#define VAS_EXECUTOR_H

#include "vas/program.h"

/* What the keeper adds when it interprets a program itself; operations 9 and up go there. */
struct vas_executor_host {
  long (*operation)(void *context, const struct vas_op *op, const uint64_t *args);
  void *context;
};

/*
 * Runs the operations from `entry` on until VAS_OP_END. Returns 0, or -1 when an operation failed: the report then says
 * which and how. host may be NULL.
 */
int vas_execute(struct vas_program_header *program, struct vas_report *report, uint32_t entry,
                const struct vas_executor_host *host);

#endif
