/*
 * A new child: cloned into its namespaces, with the executor's area in its address space, running its program.
 *
 * The area, from vas_spawn.base on: executor code (r-x) | program (rw-, private) | stack (rw-) | report (shared, one page).
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

struct child {
  const struct vas_spawn *spawn;
  int program;
  struct vas_report *report;
  const int64_t *presets; /* result slots */
  uint32_t preset_count;
};

__attribute__((noreturn)) static void child_fail(struct child *child, long error) {
  child->report->failed_step = ~0u;
  child->report->failed_result = error;
  __atomic_store_n(&child->report->state, VAS_REPORT_FAILED, __ATOMIC_RELEASE);
  for (;;)
    syscall(SYS_exit_group, 127);
}

/* Runs in the child, in a copy of the keeper's memory: nothing but system calls. */
__attribute__((noreturn)) static void child_main(struct child *child) {
  const struct vas_spawn *spawn = child->spawn;
  uint64_t program_at = spawn->base + spawn->code_length;
  uint64_t stack_at = program_at + spawn->program_length;
  uint64_t report_at = stack_at + spawn->stack_length;
  long a = syscall(SYS_mmap, spawn->base, (size_t)spawn->code_length, PROT_READ | PROT_EXEC,
                   MAP_PRIVATE | MAP_FIXED_NOREPLACE, child->program, 0L);
  if (a != (long)spawn->base)
    child_fail(child, a == -1 ? -errno : -EEXIST);
  a = syscall(SYS_mmap, program_at, (size_t)spawn->program_length, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_FIXED_NOREPLACE, child->program, (long)spawn->code_length);
  if (a != (long)program_at)
    child_fail(child, a == -1 ? -errno : -EEXIST);
  a = syscall(SYS_mmap, stack_at, (size_t)spawn->stack_length, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0L);
  if (a != (long)stack_at)
    child_fail(child, a == -1 ? -errno : -EEXIST);
  struct vas_program_header *program = (struct vas_program_header *)(uintptr_t)program_at;
  int64_t *results = (int64_t *)(uintptr_t)(program_at + program->results_offset);
  for (uint32_t i = 0; i < child->preset_count; i++)
    results[i] = child->presets[i];
  child->report->stack = stack_at;
  uint64_t entry = spawn->entry;
  a = syscall(SYS_mremap, child->report, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, report_at);
  if (a != (long)report_at)
    child_fail(child, -errno);
  __asm__ volatile("mov %0, %%rsp\n\t"
                   "xor %%ebp, %%ebp\n\t"
                   "jmp *%1"
                   :
                   : "r"(report_at - 8), "r"(spawn->base), "D"(program_at), "S"(report_at), "d"(entry)
                   : "memory");
  __builtin_unreachable();
}

/* The pid as the host sees it. */
static pid_t host_pid(int pidfd) {
  char name[48], *text = NULL;
  size_t capacity = 0;
  uint64_t pid = 0;

  snprintf(name, sizeof(name), "thread-self/fdinfo/%d", pidfd);
  if (read_file_at(host_proc_directory, name, &text, &capacity) > 0)
    text_number(text, "Pid", 10, &pid);
  free(text);
  return (pid_t)pid;
}

struct visited {
  pid_t pid;
  int pidfd;
  struct instance view; /* kept descriptors, duplicated so that they outlive the instance */
};

static int look_at_visited(struct instance *instance, void *context) {
  struct visited *visited = context;
  visited->pid = instance->pid;
  visited->view = *instance;
  visited->pidfd = visited->view.pidfd = fcntl(instance->pidfd, F_DUPFD_CLOEXEC, 0);
  for (uint32_t i = 0; i < instance->kept_count; i++)
    visited->view.kept[i] = fcntl(instance->kept[i], F_DUPFD_CLOEXEC, 0);
  return visited->pidfd < 0 ? -errno : 0;
}

struct attempt {
  struct request *request;
  const struct vas_spawn *spawn;
  const struct vas_param *params;
  struct vas_spawned result;
  struct instance *instance; /* being made; NULL once it is on its own */
  struct vas_report *report;
  int64_t *presets;
  uint32_t preset_count;
  int control;       /* our end */
  int child_control; /* the child's */
  struct visited visited;
  bool visiting;
};

/* The regions among the descriptors that the child is given: the files on a tmpfs. */
static void note_regions(struct attempt *attempt) {
  for (uint32_t i = 0, regions = 0; i < attempt->spawn->param_count && regions < 2; i++) {
    struct vas_file_status status;
    struct statfs system;
    if (attempt->params[i].kind != VAS_PARAM_HELD)
      continue;
    int fd = (int)attempt->presets[attempt->params[i].slot];
    file_status(fd, &status);
    if (S_ISREG(status.mode) && fstatfs(fd, &system) == 0 && system.f_type == TMPFS_MAGIC)
      attempt->instance->region_device[regions++] = status.device;
  }
}

static int prepare(struct attempt *attempt) {
  const struct vas_spawn *spawn = attempt->spawn;
  int pair[2];

  if (attempt->request->fd_count < 1 || ((spawn->base | spawn->code_length | spawn->program_length | spawn->stack_length) & (PAGE - 1)))
    return -EINVAL;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return -errno;
  attempt->control = pair[0];
  attempt->child_control = pair[1];
  attempt->report = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (attempt->report == MAP_FAILED) {
    attempt->report = NULL;
    return -errno;
  }
  attempt->report->exits = 1;
  for (uint32_t i = 0; i < spawn->param_count; i++)
    if (attempt->params[i].slot >= attempt->preset_count)
      attempt->preset_count = attempt->params[i].slot + 1;
  if (attempt->preset_count > 4096)
    return -EINVAL;
  attempt->presets = calloc(attempt->preset_count ? attempt->preset_count : 1, sizeof(*attempt->presets));
  if (attempt->presets == NULL)
    return -ENOMEM;
  if (spawn->visited != 0) {
    int error = instance_use(spawn->visited, look_at_visited, &attempt->visited);
    if (error < 0)
      return error;
    attempt->visiting = true;
  }
  struct param_source source = {.attached = attempt->request->fds,
                                .attached_count = attempt->request->fd_count,
                                .control = attempt->child_control,
                                .instance = attempt->visiting ? &attempt->visited.view : NULL};
  int error = resolve_params(attempt->params, spawn->param_count, &source, attempt->presets, attempt->preset_count);
  if (error >= 0)
    note_regions(attempt);
  return error;
}

static int clone_child(struct attempt *attempt) {
  const struct vas_spawn *spawn = attempt->spawn;
  pid_t set_tid = spawn->pid;
  int pidfd = -1;
  struct clone_args args = {.flags = spawn->clone_flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
                            .pidfd = (uintptr_t)&pidfd,
                            .exit_signal = SIGCHLD,
                            .set_tid = spawn->pid ? (uintptr_t)&set_tid : 0,
                            .set_tid_size = spawn->pid ? 1 : 0};
  struct child child = {.spawn = spawn,
                        .program = attempt->request->fds[0],
                        .report = attempt->report,
                        .presets = attempt->presets,
                        .preset_count = attempt->preset_count};

  if (attempt->visiting && setns(attempt->visited.pidfd, CLONE_NEWPID) < 0)
    return -errno;
  long pid = syscall(SYS_clone3, &args, sizeof(args));
  int error = errno;
  if (pid == 0)
    child_main(&child);
  if (attempt->visiting) {
    extern int own_pid_namespace;
    if (setns(own_pid_namespace, CLONE_NEWPID) < 0)
      abort(); /* children would go astray */
  }
  if (pid < 0)
    return -error;
  attempt->instance->pid = (pid_t)pid;
  attempt->instance->pidfd = pidfd;
  return 0;
}

static int receive_ready(struct attempt *attempt) {
  union {
    char bytes[CMSG_SPACE(sizeof(int) * VAS_KEPT_MAX)];
    struct cmsghdr align;
  } control;
  struct vas_ready ready = {0};
  struct iovec part = {&ready, sizeof(ready)};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
  int fds[VAS_KEPT_MAX], count = 0;

  ssize_t n = TEMP_FAILURE_RETRY(recvmsg(attempt->control, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT));
  if (n < 0)
    return -errno;
  if (n == 0)
    return -ECHILD;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c))
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
      count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      memcpy(fds, CMSG_DATA(c), (size_t)count * sizeof(int));
    }
  for (int i = 0; i < count; i++) {
    if (ready.role[i] == VAS_KEPT_USERFAULTFD) {
      struct guarded *moved =
          realloc(attempt->instance->guarded, (attempt->instance->guarded_count + 1) * sizeof(*moved));
      if (moved == NULL)
        return -ENOMEM;
      attempt->instance->guarded = moved;
      attempt->instance->guarded[attempt->instance->guarded_count++] = (struct guarded){fds[i], attempt->instance->pid};
    } else if (ready.role[i] == VAS_KEPT_SECCOMP) {
      attempt->instance->notifier = fds[i];
      attempt->instance->filters = 1;
    } else {
      attempt->instance->kept[attempt->instance->kept_count++] = fds[i];
    }
  }
  return 1;
}

static int program_failure(struct attempt *attempt) {
  if (__atomic_load_n(&attempt->report->state, __ATOMIC_ACQUIRE) != VAS_REPORT_FAILED)
    return 0;
  attempt->result.failed_step = attempt->report->failed_step;
  attempt->result.failed_result = attempt->report->failed_result;
  int error = (int)attempt->report->failed_result;
  return error < 0 && error >= -4095 ? error : -EPROTO;
}

/* Waits for the child's word; then, when it is to exec, for the end of its socket. */
static int await_child(struct attempt *attempt, uint64_t deadline, uint32_t *stage) {
  bool ready = false;

  *stage = VAS_SPAWN_PROGRAM;
  for (;;) {
    struct pollfd fds[2] = {{.fd = attempt->control, .events = POLLIN}, {.fd = attempt->instance->pidfd, .events = POLLIN}};
    uint64_t now = now_nanos();
    int left = now >= deadline ? 0 : (int)((deadline - now + 999999) / 1000000);
    int n = poll(fds, 2, left);
    if (n < 0)
      continue;
    if (n == 0) {
      *stage = VAS_SPAWN_DEADLINE;
      return -ETIMEDOUT;
    }
    if (fds[0].revents) {
      int error = ready ? -ECHILD : receive_ready(attempt);
      if (error == 1) {
        ready = true;
        attempt->result.ready_nanos = now_nanos();
        if (attempt->spawn->mode != VAS_SPAWN_EXEC)
          return 0;
        continue;
      }
      if (error != -ECHILD)
        return error;
      /* The socket is closed: by execve, or by the child's end. */
      error = program_failure(attempt);
      if (error < 0)
        return error;
      if (ready)
        return 0;
    }
    if (fds[1].revents) {
      int error = program_failure(attempt);
      if (error < 0)
        return error;
      *stage = VAS_SPAWN_DIED;
      return -ECHILD;
    }
  }
}

static void discard(struct attempt *attempt) {
  siginfo_t info;

  if (attempt->instance == NULL)
    return;
  if (attempt->instance->pidfd >= 0) {
    kill(attempt->instance->pid, SIGKILL);
    waitid(P_PIDFD, (id_t)attempt->instance->pidfd, &info, WEXITED | __WALL);
  }
  instance_abandon(attempt->instance);
}

static int run(struct attempt *attempt, uint32_t *stage) {
  const struct vas_spawn *spawn = attempt->spawn;
  uint64_t deadline = attempt->result.received_nanos + spawn->deadline_micros * 1000;
  int error;

  *stage = VAS_SPAWN_PREPARE;
  if ((error = instance_prepare(attempt->request->header.subject, &attempt->instance)) < 0 ||
      (error = prepare(attempt)) < 0)
    return error;
  *stage = VAS_SPAWN_CLONE;
  if ((error = clone_child(attempt)) < 0)
    return error;
  attempt->result.cloned_nanos = now_nanos();
  close_fd(&attempt->child_control);
  struct instance *instance = attempt->instance;
  instance->visited = spawn->visited;
  instance->host_pid = attempt->result.pid = host_pid(instance->pidfd);
  if (spawn->mode != VAS_SPAWN_EXEC) {
    const uint8_t instruction[2] = {0x0f, 0x05};
    const uint8_t *found = memmem(executor_code, executor_length, instruction, sizeof(instruction));
    instance->area_start = spawn->base;
    instance->area_end = spawn->base + spawn->code_length + spawn->program_length + spawn->stack_length + PAGE;
    instance->syscall_address = found ? spawn->base + (uint64_t)(found - executor_code) : 0;
    if (spawn->file_ranges != 0) {
      instance->program = fcntl(attempt->request->fds[0], F_DUPFD_CLOEXEC, 0);
      instance->program_start = spawn->code_length;
      instance->file_ranges = spawn->file_ranges;
      if (instance->program < 0)
        return -errno;
    }
  }
  if ((error = await_child(attempt, deadline, stage)) < 0)
    return error;
  memcpy(attempt->result.stamps, attempt->report->stamps, sizeof(attempt->result.stamps));
  if (spawn->mode == VAS_SPAWN_HOLD) {
    instance->report = attempt->report;
    attempt->report = NULL;
  }
  /* The guard is on duty before the first instruction of the instance. */
  instance_begin(instance);
  attempt->instance = NULL;
  if (spawn->mode == VAS_SPAWN_RELEASE) {
    __atomic_store_n(&attempt->report->release, 1, __ATOMIC_RELEASE);
    futex_wake_shared(&attempt->report->release);
  }
  attempt->result.released_nanos = now_nanos();
  return 0;
}

void spawn(struct request *request) {
  static struct attempt attempt; /* spawns are made one at a time; too large for comfort on a stack */
  const struct vas_spawn *spawn = (const void *)request->body;
  uint32_t stage = VAS_SPAWN_PREPARE;

  memset(&attempt, 0, sizeof(attempt));
  attempt.request = request;
  attempt.spawn = spawn;
  attempt.params = (const void *)(request->body + sizeof(*spawn));
  attempt.control = attempt.child_control = -1;
  attempt.visited.pidfd = -1;
  attempt.result.received_nanos = now_nanos();
  int error = -EBADMSG;
  if (request->body_length >= sizeof(*spawn) &&
      spawn->param_count <= (request->body_length - sizeof(*spawn)) / sizeof(struct vas_param))
    error = run(&attempt, &stage);
  if (error < 0)
    discard(&attempt);
  close_fd(&attempt.control);
  close_fd(&attempt.child_control);
  if (attempt.report != NULL)
    munmap(attempt.report, PAGE);
  if (attempt.visiting) {
    close_fd(&attempt.visited.pidfd);
    for (uint32_t i = 0; i < attempt.visited.view.kept_count; i++)
      close_fd(&attempt.visited.view.kept[i]);
  }
  free(attempt.presets);
  answer(&request->header, error < 0 ? error : 0, error < 0 ? stage : 0, &attempt.result, sizeof(attempt.result), -1);
}
