/*
 * Memory that maps a region becomes anonymous before a call that the userfaultfd does not tell of, or that a mapping of a
 * file would answer differently:
 *
 *   mremap()                     growth in place shows the region's next bytes; moved memory could grow so later
 *   MADV_FREE, MADV_WIPEONFORK   are refused for a file
 *   MADV_GUARD_INSTALL           takes pages away, and the region's would come back
 *
 * A seccomp filter of the fork lets these calls, and no others, wait for the keeper. What they are about is copied into
 * anonymous memory in the same place; then the call goes on as if nothing else had ever been there.
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What advice and locks left in a VMA, which a new mapping in its place must be given again. */
static const struct {
  const char *flag; /* as in VmFlags of /proc/PID/smaps */
  int advice;
} lasting_advice[] = {{" rr", MADV_RANDOM},   {" sr", MADV_SEQUENTIAL}, {" dc", MADV_DONTFORK},  {" dd", MADV_DONTDUMP},
                      {" hg", MADV_HUGEPAGE}, {" nh", MADV_NOHUGEPAGE}, {" mg", MADV_MERGEABLE}};

#define FLAGS_SIZE 160

/* The VmFlags of the VMA at an address, each with a blank before it; empty if there is none. */
static void read_flags(pid_t pid, uint64_t address, char flags[FLAGS_SIZE]) {
  char name[32], *text = NULL;
  size_t capacity = 0;
  bool within = false;

  flags[0] = 0;
  snprintf(name, sizeof(name), "%d/smaps", pid);
  ssize_t length = read_file_at(proc_directory, name, &text, &capacity);
  for (const char *line = text; length > 0 && line != NULL && *line; line = strchr(line, '\n')) {
    unsigned long start, end;
    if (*line == '\n' && *++line == 0)
      break;
    if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
      within = start <= address && address < end;
    else if (within && strncmp(line, "VmFlags:", strlen("VmFlags:")) == 0) {
      line += strlen("VmFlags:");
      snprintf(flags, FLAGS_SIZE, "%.*s", (int)(strchrnul(line, '\n') - line), line);
      break;
    }
  }
  free(text);
}

static bool is_locked(const char *flags) { return strstr(flags, " lo") != NULL; }

static int give_flags(struct instance *instance, struct task *task, uint64_t start, uint64_t end, const char *flags) {
  long result;
  int error = 0;

  for (size_t i = 0; error >= 0 && i < sizeof(lasting_advice) / sizeof(lasting_advice[0]); i++)
    if (strstr(flags, lasting_advice[i].flag) != NULL) {
      const uint64_t args[6] = {start, end - start, (uint64_t)lasting_advice[i].advice};
      error = task_syscall(task, instance->syscall_address, SYS_madvise, args, &result);
    }
  if (error >= 0 && is_locked(flags)) {
    /* A result of -ENOMEM says that there is no access to the pages; locked they are. */
    const uint64_t args[6] = {start, end - start, strstr(flags, " lf") != NULL ? MLOCK_ONFAULT : 0};
    error = task_syscall(task, instance->syscall_address, SYS_mlock2, args, &result);
  }
  return error;
}

static int map_anonymous(struct instance *instance, struct task *task, const struct vma *vma, uint64_t start,
                         uint64_t end) {
  uint64_t protection = (vma->readable ? PROT_READ : 0) | (vma->writable ? PROT_WRITE : 0) |
                        (vma->executable ? PROT_EXEC : 0);
  const uint64_t args[6] = {start, end - start, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, (uint64_t)-1, 0};
  long result;
  int error = task_syscall(task, instance->syscall_address, SYS_mmap, args, &result);
  return error < 0 ? error : result == (long)start ? 0 : (int)result;
}

/* What the pages of a range are now: the process's own where there are any, else the region's, else zeros. */
static int read_contents(pid_t pid, const struct vma *vma, uint64_t start, uint64_t end, uint8_t *buffer) {
  char name[80];

  snprintf(name, sizeof(name), "%d/map_files/%lx-%lx", pid, vma->start, vma->end);
  cleanup_close int file = openat(proc_directory, name, O_RDONLY | O_CLOEXEC);
  snprintf(name, sizeof(name), "%d/pagemap", pid);
  cleanup_close int pagemap = openat(proc_directory, name, O_RDONLY | O_CLOEXEC);
  snprintf(name, sizeof(name), "%d/mem", pid);
  cleanup_close int memory = openat(proc_directory, name, O_RDONLY | O_CLOEXEC);
  if (file < 0 || pagemap < 0 || memory < 0)
    return -errno;
  for (uint64_t at = start; at < end;) {
    ssize_t n = pread(file, buffer + (at - start), end - at, (off_t)(vma->offset + (at - vma->start)));
    if (n < 0)
      return -errno;
    if (n == 0)
      break; /* the end of the file; the buffer is zero */
    at += (uint64_t)n;
  }
  for (uint64_t at = start; at < end; at += PAGE) {
    uint64_t entry;
    if (pread(pagemap, &entry, sizeof(entry), (off_t)(at / PAGE * sizeof(entry))) != (ssize_t)sizeof(entry))
      return -EIO;
    /* Present or swapped. A page that is neither is the region's, and to read it here would be a fault of its own. */
    if ((entry >> 62) != 0 && pread(memory, buffer + (at - start), PAGE, (off_t)at) != (ssize_t)PAGE)
      return -EIO;
  }
  return 0;
}

static int write_contents(pid_t pid, uint64_t start, uint64_t end, const uint8_t *buffer) {
  static const uint8_t zeros[PAGE];
  char name[32];

  snprintf(name, sizeof(name), "%d/mem", pid);
  cleanup_close int memory = openat(proc_directory, name, O_WRONLY | O_CLOEXEC);
  if (memory < 0)
    return -errno;
  for (uint64_t at = start; at < end; at += PAGE)
    if (memcmp(buffer + (at - start), zeros, PAGE) != 0 &&
        pwrite(memory, buffer + (at - start), PAGE, (off_t)at) != (ssize_t)PAGE)
      return -EIO;
  return 0;
}

static int make_anonymous(struct instance *instance, struct task *task, const struct vma *vma, uint64_t start,
                          uint64_t end, bool keep) {
  char flags[FLAGS_SIZE];

  read_flags(task->pid, start, flags);
  if (!keep) {
    int error = map_anonymous(instance, task, vma, start, end);
    return error < 0 ? error : give_flags(instance, task, start, end, flags);
  }
  uint8_t *buffer = mmap(NULL, end - start, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (buffer == MAP_FAILED)
    return -errno;
  madvise(buffer, end - start, MADV_DONTFORK);
  int error = read_contents(task->pid, vma, start, end, buffer);
  if (error >= 0)
    error = map_anonymous(instance, task, vma, start, end);
  if (error >= 0)
    error = write_contents(task->pid, start, end, buffer);
  if (error >= 0)
    error = give_flags(instance, task, start, end, flags);
  munmap(buffer, end - start);
  return error;
}

static bool is_region(const struct instance *instance, const struct vma *vma) {
  return !vma->shared && vma->inode != 0 &&
         (vma->device == instance->region_device[0] || vma->device == instance->region_device[1]);
}

/* Whether any of the range maps a region; then, with a task to do it, makes that anonymous. */
static int each_region_vma(struct instance *instance, pid_t pid, uint64_t start, uint64_t end, struct task *task,
                           bool keep) {
  struct vma *vmas = NULL;
  int result = 0;
  ssize_t count = read_vmas(pid, &vmas);

  if (count < 0)
    return (int)count;
  for (ssize_t i = 0; i < count && result >= 0; i++) {
    uint64_t from = vmas[i].start > start ? vmas[i].start : start;
    uint64_t to = vmas[i].end < end ? vmas[i].end : end;
    char flags[FLAGS_SIZE];
    if (from >= to || !is_region(instance, &vmas[i]))
      continue;
    /* MADV_FREE is refused for locked memory, as it is for a file. */
    if (!keep)
      read_flags(pid, from, flags);
    if (!keep && is_locked(flags))
      continue;
    int error = task == NULL ? 0 : make_anonymous(instance, task, &vmas[i], from, to, keep);
    result = error < 0 ? error : 1;
  }
  free(vmas);
  return result;
}

/* The call that waits is given up by the stop, and made again afterwards. */
static int convert(struct instance *instance, pid_t pid, uint64_t start, uint64_t end, bool keep) {
  struct freezing freezing;
  struct task *task = NULL;
  int error = guard_hold(instance, pid, &freezing);

  for (size_t i = 0; i < freezing.count; i++)
    if (!freezing.tasks[i].gone)
      task = &freezing.tasks[i];
  if (error >= 0)
    error = task == NULL ? -ESRCH : suspend_filters(task);
  /* Where the keeper is confined it must not be: then the task's own filters decide. */
  if (error == -EPERM)
    error = has_own_filter(instance, task) == 0 ? 0 : -EPERM;
  if (error >= 0)
    error = each_region_vma(instance, pid, start, end, task, keep);
  thaw_tasks(&freezing);
  return error;
}

static pid_t process_of(pid_t tid) {
  char name[32], *text = NULL;
  size_t capacity = 0;
  uint64_t tgid = 0;

  snprintf(name, sizeof(name), "%d/status", tid);
  if (read_file_at(proc_directory, name, &text, &capacity) > 0)
    text_number(text, "Tgid", 10, &tgid);
  free(text);
  return (pid_t)tgid;
}

void notify_serve(struct instance *instance) {
  struct seccomp_notif call;
  struct seccomp_notif_resp go_on = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

  memset(&call, 0, sizeof(call));
  if (ioctl(instance->notifier, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
    return; /* given up meanwhile */
  pid_t pid = process_of((pid_t)call.pid);
  uint64_t start = ALIGN_DOWN(call.data.args[0], PAGE), end = start + ALIGN_UP(call.data.args[1], PAGE);
  bool keep = call.data.nr != SYS_madvise || call.data.args[2] != MADV_FREE;
  int found = pid == 0 || end < start ? 0 : each_region_vma(instance, pid, start, end, NULL, keep);
  if (found > 0) {
    found = convert(instance, pid, start, end, keep);
  }
  if (found < 0 && found != -ESRCH)
    guard_give_up(instance, found);
  if (found <= 0) {
    go_on.id = call.id;
    ioctl(instance->notifier, SECCOMP_IOCTL_NOTIF_SEND, &go_on);
  }
}
