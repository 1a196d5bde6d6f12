/*
 * Aides: small processes beside the keeper that do for it what it should not do itself.
 *
 * The launcher clones children. A child begins as a copy of who clones it, and the keeper would be a bad model: it has
 * descriptors and memory for each instance, and would have to copy its own pages afterwards, since it shares them with the
 * child. The launcher has next to nothing of both. CLONE_PARENT makes what it clones the keeper's children.
 *
 * The assistant runs a program in itself while the child is being made, in namespaces and with descriptors of its own.
 * What it makes it sends to the child over the child's socket. When a program has failed, another takes its place: so
 * nothing is left behind.
 *
 * The area of a child's executor, from vas_spawn.base on:
 *   executor code (r-x) | program (rw-, private) | stack (rw-) | report (shared, one page)
 */
#include "keeper.h"

#include "../executor/executor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define PROGRAM_MAX 65536
#define AIDE_FDS_MAX 253 /* SCM_MAX_FD */

enum aide_task { AIDE_CLONE = 1, AIDE_RUN = 2 };

/* Descriptors travel along: the program's; for a clone the report's, the child's socket, a visited instance's pidfd; values'. */
struct aide_request {
  uint32_t task;
  uint32_t value_count;
  struct vas_spawn spawn;
  struct spawn_value values[SPAWN_VALUES_MAX];
};

static struct aide launcher = {.name = "vas-launcher", .socket = -1}, assistant = {.name = "vas-assistant", .socket = -1};

/* ---- in the child ---- */

__attribute__((noreturn)) static void child_fail(struct vas_report *report, long error) {
  report->failed_step = ~0u;
  report->failed_result = error;
  __atomic_store_n(&report->state, VAS_REPORT_FAILED, __ATOMIC_RELEASE);
  for (;;)
    syscall(SYS_exit_group, 127);
}

static void put_values(struct vas_program_header *program, const struct aide_request *request, const int *fds) {
  int64_t *results = (int64_t *)((uint8_t *)program + program->results_offset);

  for (uint32_t i = 0; i < request->value_count; i++) {
    const struct spawn_value *value = &request->values[i];
    if (value->slot < program->result_count)
      results[value->slot] = value->descriptor < 0 ? value->value : fds[value->descriptor];
  }
}

static void *map_at(uint64_t at, uint64_t length, int protection, int flags, int fd, uint64_t offset) {
  long result = syscall(SYS_mmap, at, (size_t)length, protection, flags | MAP_FIXED_NOREPLACE, fd, (long)offset);
  if (result == (long)at)
    return (void *)(uintptr_t)at;
  if (result != -1)
    errno = EEXIST;
  return NULL;
}

/* In a copy of the launcher's memory: nothing but system calls. */
__attribute__((noreturn)) static void child_main(const struct aide_request *request, const int *fds) {
  const struct vas_spawn *spawn = &request->spawn;
  uint64_t program_at = spawn->base + spawn->code_length;
  uint64_t stack_at = program_at + spawn->program_length;
  uint64_t report_at = stack_at + spawn->stack_length;

  struct vas_report *report = map_at(report_at, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
  if (report == NULL)
    for (;;)
      syscall(SYS_exit_group, 127);
  if (map_at(spawn->base, spawn->code_length, PROT_READ | PROT_EXEC, MAP_PRIVATE, fds[0], 0) == NULL)
    child_fail(report, -errno);
  struct vas_program_header *program =
      map_at(program_at, spawn->program_length, PROT_READ | PROT_WRITE, MAP_PRIVATE, fds[0], spawn->code_length);
  if (program == NULL ||
      map_at(stack_at, spawn->stack_length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == NULL)
    child_fail(report, -errno);
  put_values(program, request, fds);
  report->stack = stack_at;
  uint64_t entry = spawn->entry;
  __asm__ volatile("mov %0, %%rsp\n\t"
                   "xor %%ebp, %%ebp\n\t"
                   "jmp *%1"
                   :
                   : "r"(report_at - 8), "r"(spawn->base), "D"(program), "S"(report), "d"(entry)
                   : "memory");
  __builtin_unreachable();
}

/* ---- in an aide ---- */

static void serve_clone(const struct aide_request *request, const int *fds, int count, int pid_namespace,
                        struct aide_reply *reply) {
  const struct vas_spawn *spawn = &request->spawn;
  pid_t set_tid = spawn->pid;
  /* CLONE_PARENT: the signal at its end is the launcher's own, SIGCHLD. */
  struct clone_args args = {.flags = spawn->clone_flags | CLONE_PARENT | CLONE_CLEAR_SIGHAND,
                            .set_tid = spawn->pid ? (uintptr_t)&set_tid : 0,
                            .set_tid_size = spawn->pid ? 1 : 0};

  if (count < (spawn->visited ? 4 : 3)) {
    reply->status = -EINVAL;
    return;
  }
  if (spawn->visited && setns(fds[3], CLONE_NEWPID) < 0) {
    reply->status = -errno;
    return;
  }
  long pid = syscall(SYS_clone3, &args, sizeof(args));
  reply->status = pid < 0 ? -errno : (int32_t)pid;
  if (pid == 0)
    child_main(request, fds);
  if (spawn->visited && setns(pid_namespace, CLONE_NEWPID) < 0)
    abort(); /* children would go astray */
}

static void serve_run(const struct aide_request *request, const int *fds, int count, struct aide_reply *reply) {
  static uint8_t buffer[PROGRAM_MAX] __attribute__((aligned(64)));
  struct vas_program_header *program = (struct vas_program_header *)buffer;
  struct vas_report report = {0};

  ssize_t length = count < 1 ? -1 : pread(fds[0], buffer, sizeof(buffer), 0);
  if (length < (ssize_t)sizeof(*program) || program->magic != VAS_PROGRAM_MAGIC ||
      program->version != VAS_PROGRAM_VERSION || program->length > (uint64_t)length) {
    reply->status = -EBADMSG;
    return;
  }
  put_values(program, request, fds);
  if (vas_execute(program, &report, 0, NULL) == 0)
    return;
  reply->status = report.failed_result < 0 && report.failed_result >= -4095 ? (int32_t)report.failed_result : -EPROTO;
  reply->failed_step = report.failed_step;
  reply->failed_result = report.failed_result;
}

static int receive(int socket, struct aide_request *request, int *fds) {
  union {
    char bytes[CMSG_SPACE(sizeof(int) * AIDE_FDS_MAX)];
    struct cmsghdr align;
  } control;
  struct iovec part = {request, sizeof(*request)};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
  int count = 0;

  ssize_t n = TEMP_FAILURE_RETRY(recvmsg(socket, &message, MSG_CMSG_CLOEXEC));
  if (n <= 0)
    return -ECONNRESET;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c))
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
      count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      memcpy(fds, CMSG_DATA(c), (size_t)count * sizeof(int));
    }
  return count;
}

__attribute__((noreturn)) static void aide_main(int socket, int pid_namespace) {
  static struct aide_request request;
  int fds[AIDE_FDS_MAX], count;
  int low = socket < pid_namespace ? socket : pid_namespace, high = socket < pid_namespace ? pid_namespace : socket;

  /* What the keeper has open is nobody's business here. Standard error is its log. */
  if (low > 3)
    close_range(3, (unsigned)low - 1, 0);
  if (high > low + 1)
    close_range((unsigned)low + 1, (unsigned)high - 1, 0);
  close_range((unsigned)high + 1, ~0u, 0);
  while ((count = receive(socket, &request, fds)) >= 0) {
    struct aide_reply reply = {0};
    if (request.task == AIDE_CLONE)
      serve_clone(&request, fds, count, pid_namespace, &reply);
    else
      serve_run(&request, fds, count, &reply);
    TEMP_FAILURE_RETRY(send(socket, &reply, sizeof(reply), MSG_NOSIGNAL));
    for (int i = 0; i < count; i++)
      close(fds[i]);
  }
  _exit(0);
}

/* ---- in the keeper ---- */

static int aide_start(struct aide *aide) {
  extern int own_pid_namespace;
  int pair[2];

  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return -errno;
  /* Not fork(): the C library's would look at other threads' stacks, which a child does not get (MADV_DONTFORK). */
  pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) {
    prctl(PR_SET_NAME, aide->name);
    aide_main(pair[1], own_pid_namespace);
  }
  int error = errno;
  close(pair[1]);
  if (pid < 0) {
    close(pair[0]);
    return -error;
  }
  aide->pid = pid;
  aide->socket = pair[0];
  aide->pending = 0;
  return 0;
}

int aides_start(void) {
  int error = aide_start(&launcher);
  return error < 0 ? error : aide_start(&assistant);
}

void aides_pids(pid_t pids[AIDES]) {
  pids[0] = launcher.pid;
  pids[1] = assistant.pid;
}

void aides_end(const pid_t pids[AIDES]) {
  for (int i = 0; i < AIDES; i++)
    if (pids[i] > 0) {
      kill(pids[i], SIGKILL);
      TEMP_FAILURE_RETRY(waitpid(pids[i], NULL, 0));
    }
}

static int aide_restart(struct aide *aide) {
  close_fd(&aide->socket);
  /* Once: after that the number may be another process's. */
  if (aide->pid > 0) {
    kill(aide->pid, SIGKILL);
    TEMP_FAILURE_RETRY(waitpid(aide->pid, NULL, 0));
  }
  aide->pid = 0;
  return aide_start(aide);
}

static int ask(struct aide *aide, struct aide_request *request, const int *fds, int count) {
  union {
    char bytes[CMSG_SPACE(sizeof(int) * AIDE_FDS_MAX)];
    struct cmsghdr align;
  } control;
  struct iovec part = {request, offsetof(struct aide_request, values) + request->value_count * sizeof(request->values[0])};
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count)};

  if (count > AIDE_FDS_MAX)
    return -E2BIG;
  struct cmsghdr *c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
  memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t)count);
  for (int attempt = 0;; attempt++) {
    if (TEMP_FAILURE_RETRY(sendmsg(aide->socket, &message, MSG_NOSIGNAL)) >= 0) {
      aide->pending++;
      return 0;
    }
    /* Somebody killed it, or another could not take its place then. */
    bool lost = aide->socket < 0 || errno == EPIPE || errno == ECONNRESET;
    int error = attempt == 0 && lost ? aide_restart(aide) : -errno;
    if (error < 0)
      return error;
  }
}

static int hear(struct aide *aide, struct aide_reply *reply) {
  ssize_t n = TEMP_FAILURE_RETRY(recv(aide->socket, reply, sizeof(*reply), 0));
  aide->pending = 0;
  if (n == (ssize_t)sizeof(*reply))
    return 0;
  aide_restart(aide);
  return -ECONNRESET;
}

/* The request's descriptors are those of `fds`, then those of the values, whose numbers become indexes. None travels twice. */
static int add_values(struct aide_request *request, const struct spawn_value *values, uint32_t count, int *fds, int used) {
  if (count > SPAWN_VALUES_MAX)
    return -E2BIG;
  request->value_count = count;
  for (uint32_t i = 0; i < count; i++) {
    request->values[i] = values[i];
    if (values[i].descriptor < 0)
      continue;
    int index = 0;
    while (index < used && fds[index] != values[i].descriptor)
      index++;
    if (index == AIDE_FDS_MAX)
      return -E2BIG;
    if (index == used)
      fds[used++] = values[i].descriptor;
    request->values[i].descriptor = index;
  }
  return used;
}

int launcher_ask(const struct vas_spawn *spawn, int program, int report, int control, int visited_pidfd,
                 const struct spawn_value *values, uint32_t value_count) {
  struct aide_request request = {.task = AIDE_CLONE, .spawn = *spawn};
  int fds[AIDE_FDS_MAX] = {program, report, control, visited_pidfd};
  int count = add_values(&request, values, value_count, fds, spawn->visited ? 4 : 3);

  return count < 0 ? count : ask(&launcher, &request, fds, count);
}

pid_t launcher_hear(void) {
  struct aide_reply reply;
  int error = hear(&launcher, &reply);

  return error < 0 ? error : reply.status;
}

int assistant_ask(int program, const struct spawn_value *values, uint32_t value_count) {
  struct aide_request request = {.task = AIDE_RUN};
  int fds[AIDE_FDS_MAX] = {program};
  int count = add_values(&request, values, value_count, fds, 1);

  return count < 0 ? count : ask(&assistant, &request, fds, count);
}

int assistant_socket(void) { return assistant.pending ? assistant.socket : -1; }

int assistant_hear(struct aide_reply *reply) {
  int error = hear(&assistant, reply);
  return error < 0 || reply->status >= 0 ? error : aide_restart(&assistant);
}

void assistant_give_up(void) {
  if (assistant.pending)
    aide_restart(&assistant);
}
