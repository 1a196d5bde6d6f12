/*
 * Stopping tasks and running things in them.
 *
 * SEIZE and INTERRUPT leave no trace in a task: no SIGSTOP, no trap. Signals that arrive while we wait for the stop are
 * delivered, not swallowed. Nothing here uses single-stepping or breakpoints, because a forced SIGTRAP resets the handler
 * of a task that blocks or ignores it.
 */
#include "keeper.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long trace(int request, pid_t tid, void *address, void *data) {
  long result = syscall(SYS_ptrace, request, tid, address, data);
  return result < 0 ? -errno : result;
}

size_t read_tasks(pid_t pid, pid_t *tids, size_t capacity) {
  char name[48];
  size_t count = 0;

  snprintf(name, sizeof(name), "%d/task", pid);
  int fd = openat(proc_directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return 0;
  DIR *directory = fdopendir(fd);
  if (directory == NULL) {
    close(fd);
    return 0;
  }
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
    if (entry->d_name[0] != '.' && count < capacity)
      tids[count++] = atoi(entry->d_name);
  closedir(directory);
  return count;
}

static struct task *find_task(struct freezing *freezing, pid_t tid) {
  for (size_t i = 0; i < freezing->count; i++)
    if (freezing->tasks[i].tid == tid)
      return &freezing->tasks[i];
  return NULL;
}

/* Whether the keeper is the parent: then nobody but the warden may hear of the end, which is heard of once. */
static bool is_own_child(pid_t pid) {
  char name[32], *text = NULL;
  size_t capacity = 0;
  uint64_t parent = 0;

  snprintf(name, sizeof(name), "%d/status", pid);
  if (read_file_at(proc_directory, name, &text, &capacity) > 0)
    text_number(text, "PPid", 10, &parent);
  free(text);
  return parent == (uint64_t)getpid();
}

/* As wait4() with WNOHANG, but the end of a child of our own is left for the warden to be told. */
static pid_t look_at(const struct task *task, int *status) {
  if (task->tid == task->pid) {
    siginfo_t info = {0};
    if (syscall(SYS_waitid, P_PID, task->tid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL, NULL) < 0)
      return -1;
    if (info.si_pid == 0)
      return 0;
    if ((info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED) &&
        is_own_child(task->pid)) {
      *status = 0;
      return task->tid;
    }
  }
  return (pid_t)syscall(SYS_wait4, task->tid, status, WNOHANG | __WALL, NULL);
}

/* Whether the tracer need not hear of the task's end any more. */
bool task_has_ended(const struct task *task) {
  for (;;) {
    int status = 1;
    pid_t pid = look_at(task, &status);
    if (pid < 0)
      return true;
    if (pid == 0) /* the end of our own child is heard of last, and by the warden */
      return task->tid == task->pid && is_own_child(task->pid);
    if (WIFEXITED(status) || WIFSIGNALED(status))
      return true;
  }
}

/*
 * A task that died while it was traced keeps its process from being reaped until its tracer has heard of it. One task may
 * wait for the others to be heard of: the last of a pid namespace's first process takes the namespace down.
 */
int hear_of_ends(struct freezing *freezing, uint64_t deadline_nanos) {
  bool left = true;

  for (unsigned round = 0; left && now_nanos() < deadline_nanos; round++) {
    left = false;
    for (size_t i = 0; i < freezing->count; i++) {
      struct task *task = &freezing->tasks[i];
      if (task->dying && task_has_ended(task))
        task->dying = false;
      left |= task->dying;
    }
    if (left)
      pause_before_retry(round);
  }
  return left ? -ETIMEDOUT : 0;
}

int kill_stopped(struct freezing *freezing, pid_t pid) {
  if (kill(pid, SIGKILL) < 0 && errno != ESRCH)
    return -errno;
  for (size_t i = 0; i < freezing->count; i++)
    if (freezing->tasks[i].pid == pid && !freezing->tasks[i].gone)
      freezing->tasks[i].gone = freezing->tasks[i].dying = true;
  return 0;
}

/* What stands behind the name in /proc/PID/task/TID/stat; NULL, and errno, if it can't be read. The text is the caller's. */
static const char *read_stat(pid_t pid, pid_t tid, char **text) {
  char name[48];
  size_t capacity = 0;

  *text = NULL;
  snprintf(name, sizeof(name), "%d/task/%d/stat", pid, tid);
  ssize_t length = read_file_at(proc_directory, name, text, &capacity);
  errno = length < 0 ? (int)-length : 0;
  const char *mark = length > 0 ? strrchr(*text, ')') : NULL;
  return mark != NULL && mark[1] == ' ' ? mark + 2 : NULL;
}

char task_state(pid_t pid, pid_t tid) {
  char *text;
  const char *stat = read_stat(pid, tid, &text);
  char state = stat != NULL ? *stat : 0;
  free(text);
  return state;
}

bool is_over(const struct task *task) {
  enum { EXITING = 0x4 }; /* PF_EXITING: the last task of a pid namespace's first process waits so for the others */
  char *text, state = 0;
  unsigned flags = 0;
  const char *stat = read_stat(task->pid, task->tid, &text);

  /* To have no descriptor or no memory left to look with says nothing about the task. */
  bool missing = stat == NULL && (errno == ENOENT || errno == ESRCH);
  if (stat != NULL)
    sscanf(stat, "%c %*d %*d %*d %*d %*d %u", &state, &flags);
  free(text);
  return missing || state == 'Z' || state == 'X' || (flags & EXITING) != 0;
}

/* Looks whether a task that was interrupted has stopped, in one of several rounds. 1: stopped or gone; 0: not yet. */
static int poll_stopped(struct task *task, unsigned round) {
  for (;;) {
    int status;
    pid_t pid = look_at(task, &status);
    if (pid < 0 && errno == EINTR)
      continue;
    if (pid < 0) {
      task->gone = true;
      return 1;
    }
    /* The first task's end is told when the others' have been heard of: look at it instead of waiting for that. */
    if (pid == 0 && (round < ROUNDS_UNTIL_LOOK || !is_over(task)))
      return 0;
    if (pid == 0 || WIFEXITED(status) || WIFSIGNALED(status)) {
      task->gone = true;
      task->dying = pid == 0;
      return 1;
    }
    if (status >> 16 == PTRACE_EVENT_STOP) {
      task->stopped = true;
      task->group_stopped = WSTOPSIG(status) != SIGTRAP;
      return 1;
    }
    /* A signal got there first, and its stop has taken the interrupt away. It is delivered; the task stops before it runs on. */
    trace(PTRACE_INTERRUPT, task->tid, NULL, NULL);
    trace(PTRACE_CONT, task->tid, NULL, (void *)(uintptr_t)WSTOPSIG(status));
  }
}

int wait_stopped(struct task *task, uint64_t deadline_nanos) {
  for (unsigned round = 0; !poll_stopped(task, round); round++) {
    if (now_nanos() > deadline_nanos)
      return -ETIMEDOUT;
    pause_before_retry(round);
  }
  return task->gone ? -ESRCH : 0;
}

int interrupt_task(struct task *task, uint64_t deadline_nanos) {
  task->stopped = false;
  long error = trace(PTRACE_INTERRUPT, task->tid, NULL, NULL);
  if (error < 0)
    return (int)error;
  return wait_stopped(task, deadline_nanos);
}

static int make_room(struct freezing *freezing) {
  if (freezing->count < freezing->capacity)
    return 0;
  size_t capacity = freezing->capacity ? freezing->capacity * 2 : 64;
  struct task *moved = realloc(freezing->tasks, capacity * sizeof(*moved));
  if (moved == NULL)
    return -ENOMEM;
  freezing->tasks = moved;
  freezing->capacity = capacity;
  return 0;
}

static int add_task(struct freezing *freezing, pid_t pid, pid_t tid, bool visitor) {
  int full = make_room(freezing);
  if (full < 0)
    return full;
  long error = trace(PTRACE_SEIZE, tid, NULL, (void *)(uintptr_t)PTRACE_O_TRACESYSGOOD);
  if (error == -ESRCH)
    return 0; /* it ended meanwhile */
  if (error == -EPERM) {
    /* A task that has exited but not been reaped cannot be traced, and need not be. */
    char state = task_state(pid, tid);
    return state == 0 || state == 'Z' || state == 'X' ? 0 : -EBUSY; /* somebody else traces it */
  }
  if (error < 0)
    return (int)error;
  freezing->tasks[freezing->count++] = (struct task){.pid = pid, .tid = tid, .visitor = visitor};
  error = trace(PTRACE_INTERRUPT, tid, NULL, NULL);
  return error == -ESRCH ? 0 : (int)error;
}

/* Seizes what is new in the process and the processes below it. Returns how many tasks were new. */
static int seize_tree(struct freezing *freezing, pid_t pid, bool visitor) {
  pid_t tids[4096];
  int fresh = 0;
  size_t count = read_tasks(pid, tids, sizeof(tids) / sizeof(tids[0]));

  for (size_t i = 0; i < count; i++) {
    if (find_task(freezing, tids[i]) == NULL) {
      size_t before = freezing->count;
      int error = add_task(freezing, pid, tids[i], visitor);
      if (error < 0)
        return error;
      fresh += (int)(freezing->count - before);
    }
    if (freezing->alone)
      continue;
    char name[64], *text = NULL;
    size_t length = 0;
    snprintf(name, sizeof(name), "%d/task/%d/children", pid, tids[i]);
    if (read_file_at(proc_directory, name, &text, &length) > 0)
      for (char *at = text, *end; *at; at = end + strspn(end, " \n")) {
        long child = strtol(at, &end, 10);
        if (end == at)
          break;
        int below = seize_tree(freezing, (pid_t)child, visitor);
        if (below < 0) {
          free(text);
          return below;
        }
        fresh += below;
      }
    free(text);
  }
  return fresh;
}

/* What has not stopped since an earlier freeze is traced still, and on its way. */
static int take_late(struct freezing *freezing, const pid_t *roots) {
  struct freezing *late = &freezing->instance->late;
  size_t left = 0;
  int error = 0;

  for (size_t i = 0; i < late->count; i++) {
    bool taken = error >= 0 && (!freezing->alone || late->tasks[i].pid == roots[0]);
    if (taken && (error = make_room(freezing)) >= 0)
      freezing->tasks[freezing->count++] = late->tasks[i];
    else
      late->tasks[left++] = late->tasks[i];
  }
  late->count = left;
  return error;
}

int freeze_tasks(struct freezing *freezing, const pid_t *roots, size_t root_count, size_t visitor_roots_from,
                 int (*idle)(void *context, struct freezing *freezing), void *context) {
  int taken = take_late(freezing, roots);

  if (taken < 0)
    return taken;
  /* A task that runs can start another until it has stopped: look again until nothing is new. */
  for (bool first = freezing->count > 0;; first = false) {
    int fresh = first;
    for (size_t i = 0; i < root_count; i++) {
      int n = seize_tree(freezing, roots[i], i >= visitor_roots_from);
      if (n < 0)
        return n;
      fresh += n;
    }
    if (fresh == 0)
      return 0;
    for (unsigned round = 0;; round++) {
      bool all = true;
      for (size_t i = 0; i < freezing->count; i++) {
        struct task *task = &freezing->tasks[i];
        if (!task->stopped && !task->gone && !poll_stopped(task, round))
          all = false;
      }
      if (all)
        break;
      if (idle != NULL) {
        int error = idle(context, freezing);
        if (error < 0)
          return error;
      }
      if (now_nanos() > freezing->deadline_nanos)
        return -ETIMEDOUT;
      pause_before_retry(round);
    }
  }
}

int fetch_registers(struct task *task) {
  struct iovec iov = {&task->registers, sizeof(task->registers)};
  long error = trace(PTRACE_GETREGSET, task->tid, (void *)(uintptr_t)NT_PRSTATUS, &iov);
  if (error >= 0)
    error = trace(PTRACE_GETSIGMASK, task->tid, (void *)sizeof(task->mask), &task->mask);
  task->registers_known = error >= 0;
  return error < 0 ? (int)error : 0;
}

int read_status(const struct task *task, char **text) {
  char name[48];
  size_t capacity = 0;

  *text = NULL;
  snprintf(name, sizeof(name), "%d/task/%d/status", task->pid, task->tid);
  ssize_t length = read_file_at(proc_directory, name, text, &capacity);
  return length < 0 ? (int)length : 0;
}

static int put_registers(struct task *task, const struct user_regs_struct *registers) {
  struct iovec iov = {(void *)(uintptr_t)registers, sizeof(*registers)};
  task->registers_changed = true;
  long error = trace(PTRACE_SETREGSET, task->tid, (void *)(uintptr_t)NT_PRSTATUS, &iov);
  return error < 0 ? (int)error : 0;
}

static int block_signals(struct task *task) {
  uint64_t all = ~0ULL;
  task->mask_changed = true;
  long error = trace(PTRACE_SETSIGMASK, task->tid, (void *)sizeof(all), &all);
  return error < 0 ? (int)error : 0;
}

/* Makes a stopped task what it was. */
static void settle(struct instance *instance, struct task *task) {
  /* Not looked at yet, since freezing failed before; but it was stopped. */
  if (!task->registers_known && fetch_registers(task) >= 0)
    hide_interruption(instance, task);
  if (task->registers_changed)
    put_registers(task, &task->registers);
  if (task->mask_changed)
    trace(PTRACE_SETSIGMASK, task->tid, (void *)sizeof(task->mask), &task->mask);
  task->registers_changed = task->mask_changed = false;
}

void settle_tasks(struct freezing *freezing) {
  for (size_t i = 0; i < freezing->count; i++) {
    struct task *task = &freezing->tasks[i];
    if (!task->gone && !task->stopped && task->registers_changed)
      interrupt_task(task, now_nanos() + 1000000000u);
    if (!task->gone && task->stopped)
      settle(freezing->instance, task);
  }
}

/* Whether any has died. */
static bool detach_stopped(struct freezing *freezing) {
  bool killed = false;

  for (size_t i = 0; i < freezing->count; i++) {
    struct task *task = &freezing->tasks[i];
    if (!task->gone && task->stopped) {
      task->dying = trace(PTRACE_DETACH, task->tid, NULL, NULL) == -ESRCH;
      task->gone = true;
    }
    killed |= task->dying;
  }
  return killed;
}

void thaw_tasks(struct freezing *freezing) {
  struct instance *instance = freezing->instance;

  /* First everything as it was, then everything goes: nobody runs while another still has foreign registers. */
  settle_tasks(freezing);
  if (detach_stopped(freezing))
    hear_of_ends(freezing, now_nanos() + 1000000000u);
  for (size_t i = 0; i < freezing->count; i++) {
    const struct task *task = &freezing->tasks[i];
    if (task->gone && !task->dying)
      continue;
    if (make_room(&instance->late) < 0) {
      kill(instance->pid, SIGKILL); /* it would stand still for ever */
      break;
    }
    instance->late.tasks[instance->late.count++] = *task;
  }
  free(freezing->tasks);
  freezing->tasks = NULL;
  freezing->count = freezing->capacity = 0;
}

void thaw_late(struct instance *instance) {
  struct freezing *late = &instance->late;
  size_t left = 0;

  for (size_t i = 0; i < late->count; i++) {
    struct task *task = &late->tasks[i];
    if (!task->gone && poll_stopped(task, ROUNDS_UNTIL_LOOK) && !task->gone)
      settle(instance, task);
  }
  detach_stopped(late);
  for (size_t i = 0; i < late->count; i++) {
    struct task *task = &late->tasks[i];
    if (!task->gone || (task->dying && !task_has_ended(task)))
      late->tasks[left++] = *task;
  }
  late->count = left;
}

int has_own_filter(const struct instance *instance, const struct task *task) {
  /* The filter that follows ours, if any; it is a hundred lines less to read. Where there is none at all this says nothing. */
  long next = trace(PTRACE_SECCOMP_GET_FILTER, task->tid, (void *)(uintptr_t)instance->filters, NULL);
  if (next >= 0 || next == -ENOENT)
    return next >= 0;
  char *text;
  uint64_t mode = 0, filters = 0;
  int error = read_status(task, &text);

  if (error >= 0) {
    text_number(text, "Seccomp", 10, &mode);
    text_number(text, "Seccomp_filters", 10, &filters);
  }
  free(text);
  return error < 0 ? error : mode == SECCOMP_MODE_STRICT || filters > instance->filters;
}

pid_t inner_tid(const struct task *task) {
  char *text;
  pid_t tid = 0;
  const char *line = read_status(task, &text) >= 0 ? strstr(text, "\nNSpid:") : NULL;

  if (line != NULL) {
    const char *last = line + 1;
    for (const char *at = last; *at != 0 && *at != '\n'; at++)
      if (*at == '\t')
        last = at + 1;
    tid = atoi(last);
  }
  free(text);
  return tid;
}

int suspend_filters(struct task *task) {
  long error = trace(PTRACE_SETOPTIONS, task->tid, NULL, (void *)(uintptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_SUSPEND_SECCOMP));
  return error < 0 ? (int)error : 0;
}

/* What a stop that was not ours is to be answered with. That SIGSTOP comes through is seen when the task is let go. */
static int signal_to_deliver(int status) {
  return status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
}

void resume_stopped(struct task *task) {
  int status;
  pid_t pid = look_at(task, &status);

  if (pid < 0 || (pid > 0 && (WIFEXITED(status) || WIFSIGNALED(status))))
    task->gone = true;
  else if (pid > 0)
    trace(PTRACE_CONT, task->tid, NULL, (void *)(uintptr_t)signal_to_deliver(status));
}

/* Signals that the kernel forces on a task, though all are blocked while we run it: it can't do what it was to do. */
static bool is_fault(int status) {
  int signal = WSTOPSIG(status);
  return status >> 16 == 0 && (signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE || signal == SIGTRAP ||
                               signal == SIGSYS);
}

/* Runs to the next system call stop. -EFAULT if there was none, for the task can't run there. */
static int to_syscall_stop(struct task *task) {
  int signal = 0;

  for (;;) {
    int status;
    long error = trace(PTRACE_SYSCALL, task->tid, NULL, (void *)(uintptr_t)signal);
    if (error < 0)
      return (int)error;
    pid_t pid;
    for (unsigned round = 0; (pid = look_at(task, &status)) == 0; round++) {
      /* Killed, the last of a namespace's first process waits for the others, of whose ends nobody hears as long as we wait. */
      if (round >= ROUNDS_UNTIL_LOOK && is_over(task)) {
        task->gone = task->dying = true;
        return -ESRCH;
      }
      pause_before_retry(round);
    }
    if (pid < 0 || WIFEXITED(status) || WIFSIGNALED(status)) {
      task->gone = true;
      return -ESRCH;
    }
    if (WSTOPSIG(status) == (SIGTRAP | 0x80))
      return 0;
    /* A namespace's first process would run into it again and again: its tracer keeps it from being killed by it. */
    if (is_fault(status))
      return -EFAULT;
    signal = signal_to_deliver(status);
  }
}

int finish_restore(struct task *task) {
  struct user_regs_struct words;
  struct iovec iov = {&words, sizeof(words)};
  int error;

  do {
    if ((error = to_syscall_stop(task)) < 0 ||
        (error = (int)trace(PTRACE_GETREGSET, task->tid, (void *)(uintptr_t)NT_PRSTATUS, &iov)) < 0)
      return error;
  } while (words.orig_rax != SYS_rt_sigreturn);
  return to_syscall_stop(task); /* its end: the kernel forgets the call's number, and the registers are the frame's */
}

int task_syscall(struct task *task, uint64_t instruction, long number, const uint64_t args[6], long *result) {
  struct user_regs_struct words = task->registers;
  int error;

  if (!task->mask_changed && (error = block_signals(task)) < 0)
    return error;
  words.rax = (uint64_t)number;
  words.rdi = args[0];
  words.rsi = args[1];
  words.rdx = args[2];
  words.r10 = args[3];
  words.r8 = args[4];
  words.r9 = args[5];
  words.rip = instruction;
  words.orig_rax = (uint64_t)-1; /* or the kernel would try to restart the interrupted call */
  if ((error = put_registers(task, &words)) < 0 || (error = to_syscall_stop(task)) < 0 ||
      (error = to_syscall_stop(task)) < 0)
    return error;
  struct iovec iov = {&words, sizeof(words)};
  if ((error = (int)trace(PTRACE_GETREGSET, task->tid, (void *)(uintptr_t)NT_PRSTATUS, &iov)) < 0)
    return error;
  *result = (long)words.rax;
  return 0;
}

int start_in_task(struct task *task, uint64_t rip, uint64_t rsp, uint64_t rdi, uint64_t rsi, uint64_t rdx) {
  struct user_regs_struct words = task->registers;
  int error;

  if (!task->mask_changed && (error = block_signals(task)) < 0)
    return error;
  words.rip = rip;
  words.rsp = rsp;
  words.rdi = rdi;
  words.rsi = rsi;
  words.rdx = rdx;
  words.rax = 0;
  words.orig_rax = (uint64_t)-1;
  if ((error = put_registers(task, &words)) < 0)
    return error;
  task->stopped = false;
  long result = trace(PTRACE_CONT, task->tid, NULL, NULL);
  return result < 0 ? (int)result : 0;
}

/* The vdso is the same code in every process, so the keeper's own copy tells where in it a system call is. */
int find_syscall_instruction(pid_t pid, uint64_t *address) {
  static const uint8_t instruction[2] = {0x0f, 0x05};
  const uint8_t *own = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);
  const uint8_t *found = own ? memmem(own, PAGE, instruction, sizeof(instruction)) : NULL;
  char name[32], *text = NULL;
  size_t capacity = 0;

  if (found == NULL)
    return -ENOSYS;
  snprintf(name, sizeof(name), "%d/maps", pid);
  ssize_t length = read_file_at(proc_directory, name, &text, &capacity);
  if (length < 0)
    return (int)length;
  int result = -ENOENT;
  char *mark = strstr(text, "[vdso]");
  if (mark != NULL) {
    while (mark > text && mark[-1] != '\n')
      mark--;
    *address = strtoull(mark, NULL, 16) + (uint64_t)(found - own);
    result = 0;
  }
  free(text);
  return result;
}
