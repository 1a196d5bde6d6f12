/*
 * A new child: cloned into its namespaces, with the executor's area in its address space, running its program.
 *
 * The launcher clones it; the assistant runs the program that the request names for it, if any, at the same time.
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

#define DISMISSAL_MILLIS 100

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
  int report_file;
  struct spawn_value values[SPAWN_VALUES_MAX];
  int control;       /* our end */
  int child_control; /* the child's */
  struct visited visited;
  bool visiting;
};

/* What the regions among the descriptors are on that the child is given: those are the files on a tmpfs. */
static void note_regions(struct attempt *attempt) {
  uint64_t *devices = attempt->instance->region_device;

  for (uint32_t i = 0, known = 0; i < attempt->spawn->param_count && known < 2; i++) {
    struct vas_file_status status;
    struct statfs system;
    if (attempt->params[i].kind != VAS_PARAM_HELD)
      continue;
    int fd = attempt->values[i].descriptor;
    file_status(fd, &status);
    if (S_ISREG(status.mode) && (known == 0 || devices[0] != status.device) && fstatfs(fd, &system) == 0 &&
        system.f_type == TMPFS_MAGIC)
      devices[known++] = status.device;
  }
}

static int make_report(struct attempt *attempt) {
  attempt->report_file = memfd_create("vas-report", MFD_CLOEXEC);
  if (attempt->report_file < 0 || ftruncate(attempt->report_file, PAGE) < 0)
    return -errno;
  attempt->report = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, attempt->report_file, 0);
  if (attempt->report == MAP_FAILED) {
    attempt->report = NULL;
    return -errno;
  }
  attempt->report->exits = 1;
  return 0;
}

static int prepare(struct attempt *attempt) {
  const struct vas_spawn *spawn = attempt->spawn;
  int pair[2], error;

  if (attempt->request->fd_count < 1 || ((spawn->base | spawn->code_length | spawn->program_length | spawn->stack_length) & (PAGE - 1)))
    return -EINVAL;
  if (spawn->param_count > SPAWN_VALUES_MAX)
    return -E2BIG;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return -errno;
  attempt->control = pair[0];
  attempt->child_control = pair[1];
  if ((error = make_report(attempt)) < 0)
    return error;
  if (spawn->visited != 0) {
    error = instance_use(spawn->visited, look_at_visited, &attempt->visited);
    if (error < 0)
      return error;
    attempt->visiting = true;
  }
  struct param_source source = {.attached = attempt->request->fds,
                                .attached_count = attempt->request->fd_count,
                                .control = attempt->child_control,
                                .instance = attempt->visiting ? &attempt->visited.view : NULL};
  for (uint32_t i = 0; i < spawn->param_count; i++) {
    struct spawn_value *value = &attempt->values[i];
    int kind = resolve_param(&attempt->params[i], &source, &value->value);
    if (kind < 0)
      return kind;
    value->slot = attempt->params[i].slot;
    value->descriptor = kind == 1 ? (int32_t)value->value : -1;
  }
  return 0;
}

/* Of a program that runs beside the child, slot 0 is our end of the child's socket. */
static int ask_assistant(struct attempt *attempt) {
  struct spawn_value control = {.slot = 0, .descriptor = attempt->control};

  if (attempt->spawn->beside == 0)
    return 0;
  int program = held_get(attempt->spawn->beside);
  return program < 0 ? program : assistant_ask(program, &control, 1);
}

static int clone_child(struct attempt *attempt) {
  int error = launcher_ask(attempt->spawn, attempt->request->fds[0], attempt->report_file, attempt->child_control,
                           attempt->visited.pidfd, attempt->values, attempt->spawn->param_count);
  if (error < 0)
    return error;
  /* Meanwhile: the instance and its warden. */
  int prepared = instance_prepare(attempt->request->header.subject, &attempt->instance);
  pid_t pid = launcher_hear();
  if (pid < 0)
    return pid;
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (prepared < 0 || pidfd < 0) {
    error = prepared < 0 ? prepared : -errno;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, __WALL);
    close_fd(&pidfd);
    return error;
  }
  attempt->instance->pid = pid;
  attempt->instance->pidfd = pidfd;
  note_regions(attempt);
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
  /* A reset says that it did not read what was sent to it. */
  if (n == 0 || (n < 0 && errno == ECONNRESET))
    return -ECHILD;
  if (n < 0)
    return -errno;
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

/* Its failure counts only if it is not for the child's: to a child that has ended nothing can be sent. */
static int hear_assistant(struct attempt *attempt, bool child_ended, uint32_t *stage) {
  struct aide_reply reply;
  int error = assistant_hear(&reply);

  if (error >= 0)
    error = reply.status;
  if (error >= 0 || child_ended || program_failure(attempt) < 0)
    return 0;
  attempt->result.failed_step = reply.failed_step;
  attempt->result.failed_result = reply.failed_result;
  *stage = VAS_SPAWN_BESIDE;
  return error;
}

/* Waits for the child's word; then, when it is to exec, for the end of its socket. */
static int await_child(struct attempt *attempt, uint64_t deadline, uint32_t *stage) {
  int control = attempt->control; /* -1 when it has nothing more to say */
  bool ready = false;

  *stage = VAS_SPAWN_PROGRAM;
  for (;;) {
    struct pollfd fds[3] = {{.fd = control, .events = POLLIN},
                            {.fd = attempt->instance->pidfd, .events = POLLIN},
                            {.fd = assistant_socket(), .events = POLLIN}};
    uint64_t now = now_nanos();
    int left = now >= deadline ? 0 : (int)((deadline - now + 999999) / 1000000);
    int n = poll(fds, 3, left);
    if (n < 0)
      continue;
    if (n == 0) {
      *stage = VAS_SPAWN_DEADLINE;
      return -ETIMEDOUT;
    }
    if (fds[2].revents) {
      int error = hear_assistant(attempt, fds[1].revents != 0, stage);
      if (error < 0)
        return error;
    }
    /* What a child said before it ended may have come after poll() had looked for it. */
    if (fds[0].revents || (fds[1].revents && control >= 0)) {
      int error = ready ? -ECHILD : receive_ready(attempt);
      if (error == 1) {
        ready = true;
        attempt->result.ready_nanos = now_nanos();
        if (attempt->spawn->mode != VAS_SPAWN_EXEC)
          return 0;
        continue;
      }
      if (error != -ECHILD && error != -EAGAIN)
        return error;
      /* The socket is closed: by execve, or by the child's end. */
      error = program_failure(attempt);
      if (error < 0)
        return error;
      if (ready)
        return 0;
      control = -1;
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
  if (attempt->instance->pid > 0) {
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
  if ((error = prepare(attempt)) < 0 || (error = ask_assistant(attempt)) < 0)
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
  if (now_nanos() > deadline) {
    *stage = VAS_SPAWN_DEADLINE; /* all went well meanwhile, but whoever asked has been promised otherwise */
    return -ETIMEDOUT;
  }
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

/* It has sent what it made, or nobody waits for it any more. What it does after that takes microseconds. */
static void dismiss_assistant(void) {
  struct pollfd done = {.fd = assistant_socket(), .events = POLLIN};
  struct aide_reply reply;

  if (done.fd < 0)
    return;
  if (poll(&done, 1, DISMISSAL_MILLIS) == 1)
    assistant_hear(&reply);
  else
    assistant_give_up();
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
  attempt.visited.pidfd = attempt.report_file = -1;
  attempt.result.received_nanos = now_nanos();
  int error = -EBADMSG;
  if (request->body_length >= sizeof(*spawn) &&
      spawn->param_count <= (request->body_length - sizeof(*spawn)) / sizeof(struct vas_param))
    error = run(&attempt, &stage);
  if (error < 0)
    discard(&attempt);
  dismiss_assistant();
  close_fd(&attempt.report_file);
  close_fd(&attempt.control);
  close_fd(&attempt.child_control);
  if (attempt.report != NULL)
    munmap(attempt.report, PAGE);
  if (attempt.visiting) {
    close_fd(&attempt.visited.pidfd);
    for (uint32_t i = 0; i < attempt.visited.view.kept_count; i++)
      close_fd(&attempt.visited.view.kept[i]);
  }
  answer(&request->header, error < 0 ? error : 0, error < 0 ? stage : 0, &attempt.result, sizeof(attempt.result), -1);
}
