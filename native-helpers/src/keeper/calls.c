/*
 * System calls that a bare stop ended with EINTR: epoll_wait, sigtimedwait, semtimedop, a receive with a timeout. That would
 * be noticed. Where no signal waits to be delivered they are made again instead.
 *
 * They are made again with their full timeout, because the registers that hold it must be what they were when the call
 * returns. Where stops follow each other faster than that, no timeout would ever end. So it is remembered when the time of a
 * call is up that was made again, and a later stop that finds it still waiting then ends it with the result of its timeout.
 * It must not be taken for a later one like it. The kernel takes the number of a call from the lower half of rax and keeps
 * all of rax as it was: so a call that was made again is marked in the upper half, and no other has that mark.
 *
 * When a call was first made is not known. Its timeout counts from the first stop on.
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NEVER UINT64_MAX
#define WAITS_MAX 1024

static struct wait *find_wait(const struct instance *instance, pid_t tid, uint32_t mark) {
  for (size_t i = 0; mark != 0 && i < instance->wait_count; i++)
    if (instance->waits[i].tid == tid && instance->waits[i].mark == mark)
      return &instance->waits[i];
  return NULL;
}

/* The last one of the same task is over. So is what has a deadline that passed, but for a moment. */
static struct wait *new_wait(struct instance *instance, pid_t tid, uint64_t now) {
  size_t kept = 0;

  for (size_t i = 0; i < instance->wait_count; i++)
    if (instance->waits[i].tid != tid && (instance->wait_count < WAITS_MAX || instance->waits[i].deadline_nanos > now))
      instance->waits[kept++] = instance->waits[i];
  instance->wait_count = kept;
  struct wait *moved = kept < WAITS_MAX ? realloc(instance->waits, (kept + 1) * sizeof(*moved)) : NULL;
  if (moved == NULL)
    return NULL;
  instance->waits = moved;
  instance->wait_count = kept + 1;
  instance->last_mark = (instance->last_mark + 1) & INT32_MAX;
  moved[kept] = (struct wait){.tid = tid, .mark = instance->last_mark ? instance->last_mark : ++instance->last_mark};
  return &moved[kept];
}

static uint64_t nanos_of(const struct timespec *time) {
  return (uint64_t)time->tv_sec > NEVER / 2000000000 ? NEVER : (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
}

static uint64_t timeout_at(const struct task *task, uint64_t address) {
  struct timespec time;
  struct iovec local = {&time, sizeof(time)}, remote = {(void *)(uintptr_t)address, sizeof(time)};

  if (address == 0 || process_vm_readv(task->pid, &local, 1, &remote, 1, 0) != (ssize_t)sizeof(time))
    return NEVER;
  return nanos_of(&time);
}

static uint64_t timeout_of_socket(const struct task *task, int option) {
  struct timeval time;
  socklen_t length = sizeof(time);
  cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, task->tid, O_EXCL); /* PIDFD_THREAD: it may have files of its own */
  cleanup_close int socket = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, (int)task->registers.rdi, 0);

  if (socket < 0 || getsockopt(socket, SOL_SOCKET, option, &time, &length) < 0 || (time.tv_sec == 0 && time.tv_usec == 0))
    return NEVER;
  const struct timespec same = {time.tv_sec, time.tv_usec * 1000};
  return nanos_of(&same);
}

/* How long a call may wait, and what it returns then. */
static uint64_t timeout_of(const struct task *task, long *result) {
  const struct user_regs_struct *registers = &task->registers;

  *result = -EAGAIN;
  switch ((int)registers->orig_rax) {
  case SYS_epoll_wait:
  case SYS_epoll_pwait:
    *result = 0;
    return (int)registers->r10 < 0 ? NEVER : (uint64_t)(int)registers->r10 * 1000000;
  case SYS_epoll_pwait2:
    *result = 0;
    return timeout_at(task, registers->r10);
  case SYS_semtimedop:
    return timeout_at(task, registers->r10);
  case SYS_rt_sigtimedwait:
    return timeout_at(task, registers->rdx);
  case SYS_read:
  case SYS_readv:
  case SYS_recvfrom:
  case SYS_recvmsg:
  case SYS_accept:
  case SYS_accept4:
    return timeout_of_socket(task, SO_RCVTIMEO);
  case SYS_write:
  case SYS_writev:
  case SYS_sendto:
  case SYS_sendmsg:
    return timeout_of_socket(task, SO_SNDTIMEO);
  default:
    return NEVER; /* or not known: it is made again each time */
  }
}

/* 1: a signal is about to be delivered, and has ended the call. */
static int signal_waits(const struct task *task) {
  char *text;
  uint64_t pending = 0, shared = 0, blocked = 0, ignored = 0;
  int error = read_status(task, &text);

  if (error >= 0) {
    text_number(text, "SigPnd", 16, &pending);
    text_number(text, "ShdPnd", 16, &shared);
    text_number(text, "SigBlk", 16, &blocked);
    text_number(text, "SigIgn", 16, &ignored);
  }
  free(text);
  return error < 0 ? error : ((pending | shared) & ~blocked & ~ignored) != 0;
}

int hide_interruption(struct instance *instance, struct task *task) {
  struct user_regs_struct *registers = &task->registers;
  uint32_t number = (uint32_t)registers->orig_rax, mark = (uint32_t)(registers->orig_rax >> 32);
  long result;

  if ((int32_t)number < 0 || (long)registers->rax != -EINTR)
    return 0;
  int waits = signal_waits(task);
  if (waits != 0)
    return waits < 0 ? waits : 0;
  uint64_t now = now_nanos(), timeout = timeout_of(task, &result);
  struct wait *wait = find_wait(instance, task->tid, mark);
  task->registers_changed = true;
  registers->orig_rax = (unsigned long)-1;
  if (wait != NULL && now >= wait->deadline_nanos) {
    registers->rax = (unsigned long)result;
    return 0;
  }
  if (wait == NULL && timeout < NEVER - now) {
    wait = new_wait(instance, task->tid, now);
    if (wait != NULL)
      wait->deadline_nanos = now + timeout;
  }
  registers->rip -= 2; /* the system call instruction */
  registers->rax = number | (wait != NULL ? (uint64_t)wait->mark << 32 : 0);
  return 0;
}
