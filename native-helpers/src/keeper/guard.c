/*
 * The guard of memory that was anonymous and now maps a region.
 *
 * Such a range must read as zero where anonymous memory would: after MADV_DONTNEED and the like, where nothing was ever
 * stored (holes of the region), in forked children. The address space's userfaultfd tells of these. What it does not tell
 * of is in notify.c.
 *
 * A task that zaps memory waits until its event is read. Before that, all other tasks of the process must have stopped,
 * or they could look between the zap and our zeros, and see the region's old bytes.
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4 /* Linux 5.7 */
#endif

#define STOP_LIMIT 5000000000u /* ns; a task that does not stop by then is stuck in the kernel */
#define FILL HUGE_PAGE         /* zeros given at once to a task that comes upon a hole */
#define ZAP_LIMIT 300000000u   /* ns; a zap of many gigabytes */
#define DESERTION_LIMIT 100000000u /* ns */

struct guard_event {
  size_t guarded;
  size_t child; /* of UFFD_EVENT_FORK: the place of the address space that was made */
  struct uffd_msg message;
};

void guard_give_up(struct instance *instance, int error) {
  dprintf(STDERR_FILENO, "instance %lu: its memory cannot be guarded (%s); killed\n", instance->id, strerror(-error));
  kill(instance->pid, SIGKILL); /* old bytes would be worse than an end */
}

static bool has_event(const struct instance *instance, size_t guarded) {
  for (size_t i = 0; i < instance->event_count; i++)
    if (instance->events[i].guarded == guarded)
      return true;
  return false;
}

/* Whether nobody lives in an address space any more. */
static bool is_deserted(int fd) {
  struct uffdio_writeprotect nothing = {.range = {PAGE, PAGE}}; /* where nothing of ours is mapped */

  return ioctl(fd, UFFDIO_WRITEPROTECT, &nothing) < 0 && errno == ESRCH;
}

void guard_forget_deserted(struct instance *instance) {
  for (size_t i = 1; i < instance->guarded_count; i++) {
    struct guarded *guarded = &instance->guarded[i];
    if (guarded->fd >= 0 && guarded->pid != 0 && !has_event(instance, i) && is_deserted(guarded->fd)) {
      close_fd(&guarded->fd);
      guarded->pid = -1; /* others may get its number */
    }
  }
}

/* A place for an address space of which it is not known yet which process lives in it. */
static int add_space(struct instance *instance, int fd, size_t *place) {
  guard_forget_deserted(instance);
  for (*place = 1; *place < instance->guarded_count; (*place)++) {
    struct guarded *guarded = &instance->guarded[*place];
    if (guarded->pid < 0 && !has_event(instance, *place)) {
      *guarded = (struct guarded){fd, 0};
      return 0;
    }
  }
  struct guarded *moved = realloc(instance->guarded, (instance->guarded_count + 1) * sizeof(*moved));
  if (moved == NULL)
    return -ENOMEM;
  instance->guarded = moved;
  *place = instance->guarded_count++;
  instance->guarded[*place] = (struct guarded){fd, 0};
  return 0;
}

/*
 * What lives in an address space that a fork made has its events read at once: a child that forks or zaps before it is stopped
 * waits for that, and what was read of its parent is settled when all have stopped.
 */
static int remember(struct instance *instance, size_t guarded, const struct uffd_msg *message) {
  size_t child = 0;
  int error = 0;
  struct guard_event *moved = realloc(instance->events, (instance->event_count + 1) * sizeof(*moved));
  if (moved != NULL)
    instance->events = moved;
  if (message->event == UFFD_EVENT_FORK) {
    int fd = (int)message->arg.fork.ufd;
    if (moved == NULL || (error = add_space(instance, fd, &child)) < 0)
      close(fd);
  }
  if (moved == NULL || error < 0)
    return -ENOMEM;
  instance->events[instance->event_count++] = (struct guard_event){guarded, child, *message};
  return 0;
}

/*
 * Tasks that have not stopped must be held by events, or wait within the kernel for the page of a fault that is
 * remembered: anything else could still run.
 */
static bool rest_is_held(const struct instance *instance, const struct freezing *freezing) {
  size_t waiting = 0, faults = 0;

  for (size_t i = 0; i < freezing->count; i++) {
    const struct task *task = &freezing->tasks[i];
    if (!task->stopped && !task->gone && task_state(task->pid, task->tid) != 'D')
      waiting++;
  }
  for (size_t i = 0; i < instance->event_count; i++)
    faults += instance->events[i].message.event == UFFD_EVENT_PAGEFAULT;
  return waiting <= faults;
}

/* Maps the zero page over a range where there are no pages. -EAGAIN: an event must be read first. */
static int fill_with_zeros(int fd, uint64_t start, uint64_t end) {
  while (start < end) {
    struct uffdio_zeropage zero = {.range = {start, end - start}};
    if (ioctl(fd, UFFDIO_ZEROPAGE, &zero) == 0)
      return 0;
    if (errno == EAGAIN && zero.zeropage > 0) {
      start += (uint64_t)zero.zeropage;
      continue;
    }
    if (errno == EEXIST) {
      /* A page is there: written since, or a racing kernel access. It is private memory of the task. */
      start += (zero.zeropage > 0 ? (uint64_t)zero.zeropage : 0) + PAGE;
      continue;
    }
    return -errno;
  }
  return 0;
}

/* The same for a range that has been zapped, where pages that were armed may have left markers: see tracking.c. */
static int fill_zapped(int fd, uint64_t start, uint64_t end) {
  struct uffdio_writeprotect all = {.range = {start, end - start}};

  /* ENOENT: writes to it are not tracked. */
  if (ioctl(fd, UFFDIO_WRITEPROTECT, &all) < 0 && errno != ENOENT)
    return -errno;
  return fill_with_zeros(fd, start, end);
}

int guard_of(const struct instance *instance, pid_t pid) {
  for (size_t i = 0; i < instance->guarded_count; i++)
    if (instance->guarded[i].pid == pid)
      return instance->guarded[i].fd;
  return -1;
}

int guard_fill(struct instance *instance, pid_t pid, uint64_t start, uint64_t end) {
  int guard = guard_of(instance, pid);
  return guard < 0 ? 0 : fill_zapped(guard, start, end);
}

/* The hole around an address: as much of it as is worth giving at once. */
static int fill_hole(const struct guarded *guarded, uint64_t address) {
  struct vma vma;
  uint64_t end = address + PAGE;

  if (find_vma(guarded->pid, address, &vma) >= 0) {
    char name[80];
    snprintf(name, sizeof(name), "%d/map_files/%lx-%lx", guarded->pid, vma.start, vma.end);
    cleanup_close int file = openat(proc_directory, name, O_RDONLY | O_CLOEXEC);
    uint64_t offset = vma.offset + (address - vma.start);
    if (file >= 0) {
      off_t data = lseek(file, (off_t)offset, SEEK_DATA);
      uint64_t limit = address + FILL < vma.end ? address + FILL : vma.end;
      if (data < 0)
        end = limit; /* nothing stored up to the end */
      else if ((uint64_t)data > offset)
        end = ALIGN_DOWN(address + ((uint64_t)data - offset), PAGE);
      if (end > limit)
        end = limit;
      if (end < address + PAGE)
        end = address + PAGE;
    }
  }
  int error = fill_with_zeros(guarded->fd, address, end);
  if (error == -ENOENT || error == -ESRCH)
    error = 0; /* the range is not mapped any more: whoever faulted has given up */
  if (error >= 0) {
    /* The page may have come meanwhile; its waiters must be woken in any case. */
    struct uffdio_range range = {address, PAGE};
    ioctl(guarded->fd, UFFDIO_WAKE, &range);
  }
  return error;
}

/* Whether a task waits at a page fault. Faults are read before events. */
static bool fault_is_pending(int fd) {
  char name[48], *text = NULL;
  size_t capacity = 0;
  uint64_t pending = 0;

  snprintf(name, sizeof(name), "self/fdinfo/%d", fd);
  if (read_file_at(proc_directory, name, &text, &capacity) > 0)
    text_number(text, "pending", 10, &pending);
  free(text);
  return pending > 0;
}

static int serve_fault(struct instance *instance, size_t index, const struct uffd_msg *message) {
  int error = fill_hole(&instance->guarded[index], ALIGN_DOWN(message->arg.pagefault.address, PAGE));
  if (error >= 0)
    guard_count(&guard_counts->faults);
  return error;
}

/*
 * Answers the faults that wait. Nothing has to stop for that, and must not: a task that is stopped at a fault gives it up
 * and comes back with it, for ever; one that faults within the kernel cannot stop before it has its page.
 *
 * While an event waits to be read the kernel takes no pages (EAGAIN): then the fault is remembered, and tried again when
 * the event has been read.
 */
static int serve_faults(struct instance *instance, size_t index) {
  struct uffd_msg message;

  for (size_t i = 0; i < instance->event_count; i++) {
    struct guard_event *event = &instance->events[i];
    if (event->guarded != index || event->message.event != UFFD_EVENT_PAGEFAULT)
      continue;
    int error = serve_fault(instance, index, &event->message);
    if (error < 0 && error != -EAGAIN)
      return error;
    if (error >= 0) {
      memmove(event, event + 1, (instance->event_count - i - 1) * sizeof(*event));
      instance->event_count--;
      i--;
    }
  }
  while (fault_is_pending(instance->guarded[index].fd)) {
    if (read(instance->guarded[index].fd, &message, sizeof(message)) != (ssize_t)sizeof(message))
      break;
    /* The fault may have been given up meanwhile; then this is an event, to be settled when all have stopped. */
    int error = message.event == UFFD_EVENT_PAGEFAULT ? serve_fault(instance, index, &message) : -EAGAIN;
    if (error == -EAGAIN)
      error = remember(instance, index, &message);
    if (error < 0)
      return error;
  }
  return 0;
}

static int read_events(struct instance *instance, size_t index) {
  struct uffd_msg message;

  while (read(instance->guarded[index].fd, &message, sizeof(message)) == (ssize_t)sizeof(message)) {
    int error = remember(instance, index, &message);
    if (error < 0)
      return error;
  }
  return 0;
}

int guard_drain(void *context, struct freezing *freezing) {
  struct instance *instance = context;
  int error = 0;

  for (size_t i = 0; error >= 0 && i < instance->guarded_count; i++)
    error = serve_faults(instance, i);
  if (error < 0 || instance->guarded_count == 0 || !rest_is_held(instance, freezing))
    return error;
  for (size_t i = 0; error >= 0 && i < instance->guarded_count; i++)
    error = read_events(instance, i);
  return error;
}

/* ---- what the events ask for ---- */

static int for_backed(pid_t pid, uint64_t start, uint64_t end, int (*use)(int fd, uint64_t start, uint64_t end), int fd) {
  struct vma *vmas = NULL;
  int error = 0;
  ssize_t count = read_vmas(pid, &vmas);
  if (count < 0)
    return (int)count;
  for (ssize_t i = 0; error >= 0 && i < count; i++) {
    uint64_t from = vmas[i].start > start ? vmas[i].start : start;
    uint64_t to = vmas[i].end < end ? vmas[i].end : end;
    /* Only ranges that are registered can be zeroed; ENOENT says that this one is not, and so is not ours. */
    if (from < to && !vmas[i].shared && vmas[i].inode != 0) {
      error = use(fd, from, to);
      if (error == -ENOENT || error == -EINVAL)
        error = 0;
    }
  }
  free(vmas);
  return error;
}

/* Which process lives in the address space that a fork made: the child that the forking thread's call returned. */
static pid_t forked_child(struct freezing *freezing, pid_t pid) {
  pid_t found = -1;

  for (size_t i = 0; i < freezing->count && found < 0; i++) {
    struct task *task = &freezing->tasks[i];
    unsigned long number = task->registers.orig_rax;
    if (task->pid != pid || task->gone || !task->registers_known || (long)task->registers.rax <= 0 ||
        (number != SYS_fork && number != SYS_clone && number != SYS_clone3 && number != SYS_vfork))
      continue;
    char name[64], *text = NULL;
    size_t capacity = 0;
    snprintf(name, sizeof(name), "%d/task/%d/children", pid, task->tid);
    if (read_file_at(proc_directory, name, &text, &capacity) > 0)
      for (char *at = text, *end; *at && found < 0; at = end + strspn(end, " \n")) {
        long child = strtol(at, &end, 10);
        if (end == at)
          break;
        char *status = NULL;
        size_t room = 0;
        snprintf(name, sizeof(name), "%ld/status", child);
        if (read_file_at(proc_directory, name, &status, &room) > 0) {
          char *line = strstr(status, "\nNSpid:");
          char *last = line ? strchrnul(line + 1, '\n') : NULL;
          if (last != NULL) {
            *last = 0;
            char *number_text = strrchr(line, '\t');
            if (number_text != NULL && strtoul(number_text + 1, NULL, 10) == task->registers.rax)
              found = (pid_t)child;
          }
        }
        free(status);
      }
    free(text);
  }
  return found;
}

static int settle_fork(struct instance *instance, struct freezing *freezing, const struct guard_event *event) {
  struct guarded *guarded = &instance->guarded[event->child];
  uint64_t deadline = now_nanos() + DESERTION_LIMIT;
  bool deserted = false;

  /* One that has ended already, and that nobody waits for, has left its memory; who looks at that may keep it for a moment. */
  for (unsigned round = 0;; round++) {
    guarded->pid = forked_child(freezing, instance->guarded[event->guarded].pid);
    if (guarded->pid >= 0 || (deserted = is_deserted(guarded->fd)) || now_nanos() > deadline)
      break;
    pause_before_retry(round);
  }
  if (guarded->pid >= 0)
    return 0;
  close_fd(&guarded->fd);
  return deserted ? 0 : -ESRCH;
}

int guard_settle(struct instance *instance, struct freezing *freezing) {
  int error = 0;

  for (size_t i = 0; i < freezing->count && instance->event_count > 0; i++)
    if (!freezing->tasks[i].gone)
      fetch_registers(&freezing->tasks[i]);
  for (size_t i = 0; i < instance->event_count && error >= 0; i++) {
    struct guard_event *event = &instance->events[i];
    const struct guarded guarded = instance->guarded[event->guarded];
    const struct uffd_msg *message = &event->message;
    switch (message->event) {
    case UFFD_EVENT_PAGEFAULT:
      error = serve_fault(instance, event->guarded, message);
      break;
    case UFFD_EVENT_REMOVE:
      error = for_backed(guarded.pid, message->arg.remove.start, message->arg.remove.end, fill_zapped, guarded.fd);
      if (error >= 0)
        guard_count(&guard_counts->zaps);
      break;
    case UFFD_EVENT_FORK:
      error = settle_fork(instance, freezing, event);
      if (error >= 0)
        guard_count(&guard_counts->children);
      break;
    default:
      break;
    }
    if (error < 0)
      dprintf(STDERR_FILENO, "instance %lu: process %d, userfaultfd event 0x%x, 0x%lx 0x%lx 0x%lx: %s\n", instance->id,
              guarded.pid, message->event, (uint64_t)message->arg.reserved.reserved1,
              (uint64_t)message->arg.reserved.reserved2, (uint64_t)message->arg.reserved.reserved3, strerror(-error));
  }
  instance->event_count = 0;
  return error;
}

/* Whether a task that has not stopped runs: one that waits for a child or a device sleeps, one that zaps memory does not. */
static bool one_runs(const struct freezing *freezing) {
  for (size_t i = 0; i < freezing->count; i++) {
    const struct task *task = &freezing->tasks[i];
    if (!task->stopped && !task->gone && task_state(task->pid, task->tid) == 'R')
      return true;
  }
  return false;
}

/*
 * Whoever zaps memory has gone on since its event was read, and stops when that is done. Before, zeros would be put where the
 * old pages still are, and be zapped with them.
 */
int guard_settle_rest(struct instance *instance, struct freezing *freezing) {
  uint64_t deadline = now_nanos() + ZAP_LIMIT;

  for (unsigned round = 0; instance->event_count > 0 && one_runs(freezing) && now_nanos() < deadline; round++)
    pause_before_retry(ROUNDS_UNTIL_LOOK + round);
  return guard_settle(instance, freezing);
}

/* While one process is held: events of other address spaces have to wait until theirs are held. */
struct held_space {
  struct instance *instance;
  size_t index;
};

static int drain_one(void *context, struct freezing *freezing) {
  struct held_space *held = context;
  int error = serve_faults(held->instance, held->index);

  if (error < 0 || !rest_is_held(held->instance, freezing))
    return error;
  return read_events(held->instance, held->index);
}

int guard_hold(struct instance *instance, pid_t pid, struct freezing *freezing) {
  struct held_space held = {instance, 0};

  while (held.index < instance->guarded_count && instance->guarded[held.index].pid != pid)
    held.index++;
  /* A child that has nothing registered has no userfaultfd, and no events. */
  bool has_events = held.index < instance->guarded_count;
  *freezing = (struct freezing){.instance = instance, .deadline_nanos = now_nanos() + STOP_LIMIT, .alone = true};
  int error = freeze_tasks(freezing, &pid, 1, 1, has_events ? drain_one : NULL, &held);
  if (error >= 0 && has_events)
    error = drain_one(&held, freezing);
  if (error >= 0)
    error = guard_settle(instance, freezing);
  for (size_t i = 0; i < freezing->count && error >= 0; i++) {
    struct task *task = &freezing->tasks[i];
    if (!task->gone && (task->registers_known || fetch_registers(task) >= 0))
      hide_interruption(instance, task);
  }
  return error;
}

void guard_serve(struct instance *instance, size_t index) {
  int error = serve_faults(instance, index);
  struct pollfd more = {.fd = instance->guarded[index].fd, .events = POLLIN};
  struct freezing freezing;

  if (error >= 0 && instance->event_count == 0 && poll(&more, 1, 0) <= 0)
    return;
  if (error >= 0) {
    error = guard_hold(instance, instance->guarded[index].pid, &freezing);
    thaw_tasks(&freezing);
  }
  if (error < 0)
    guard_give_up(instance, error);
}
