/*
 * Memory that maps a region becomes anonymous before a call that the userfaultfd does not tell of, or that a mapping of a
 * file would answer differently:
 *
 *   mremap()                     growth in place shows the region's next bytes; moved memory could grow so later
 *   MADV_FREE, MADV_WIPEONFORK   are refused for a file
 *   MADV_GUARD_INSTALL           takes pages away, and the region's would come back
 *   MADV_DONTNEED                where the range stands for a mapping of a file, whose bytes must come back
 *
 * A seccomp filter of the fork lets these calls, and no others, wait for the keeper. What they are about is copied into
 * anonymous memory, or upon the file, in the same place; then the call goes on as if nothing else had ever been there.
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
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

static uint64_t protection_of(const struct vma *vma) {
  return (vma->readable ? PROT_READ : 0) | (vma->writable ? PROT_WRITE : 0) | (vma->executable ? PROT_EXEC : 0);
}

/* Maps anonymous memory, or a file by its number in the task, in place of what there is. */
static int map_instead(struct instance *instance, struct task *task, uint64_t start, uint64_t end, uint64_t protection,
                       int number, uint64_t offset) {
  uint64_t flags = MAP_PRIVATE | MAP_FIXED | (number < 0 ? MAP_ANONYMOUS : 0);
  const uint64_t args[6] = {start, end - start, protection, flags, (uint64_t)number, offset};
  long result;
  int error = task_syscall(task, instance->syscall_address, SYS_mmap, args, &result);
  return error < 0 ? error : result == (long)start ? 0 : (int)result;
}

/* Why a page of /proc/PID could not be had. Nothing at all is there of a process that has ended. */
static int page_error(ssize_t n) { return n == 0 ? -ESRCH : -EIO; }

/* What the pages of a range are now: the process's own where there are any, else the region's, else zeros. */
static int read_contents(pid_t pid, const struct vma *vma, uint64_t start, uint64_t end, uint8_t *buffer) {
  char name[80];

  snprintf(name, sizeof(name), "%d/map_files/%lx-%lx", pid, vma->start, vma->end);
  cleanup_close int region = openat(proc_directory, name, O_RDONLY | O_CLOEXEC);
  snprintf(name, sizeof(name), "%d/pagemap", pid);
  cleanup_close int pagemap = openat(proc_directory, name, O_RDONLY | O_CLOEXEC);
  snprintf(name, sizeof(name), "%d/mem", pid);
  cleanup_close int memory = openat(proc_directory, name, O_RDONLY | O_CLOEXEC);
  if (region < 0 || pagemap < 0 || memory < 0)
    return -errno;
  ssize_t read = read_at(region, buffer, end - start, vma->offset + (start - vma->start));
  if (read < 0)
    return (int)read;
  for (uint64_t at = start; at < end; at += PAGE) {
    uint64_t entry;
    ssize_t n = pread(pagemap, &entry, sizeof(entry), (off_t)(at / PAGE * sizeof(entry)));
    if (n != (ssize_t)sizeof(entry))
      return page_error(n);
    /* Present or swapped. A page that is neither is the region's, and to read it here would be a fault of its own. */
    if ((entry >> 62) != 0 && (n = pread(memory, buffer + (at - start), PAGE, (off_t)at)) != (ssize_t)PAGE)
      return page_error(n);
  }
  return 0;
}

/* All pages of a range that stands for a file are in the region: none is missing, so no fault waits for us. */
static int read_memory(pid_t pid, uint64_t start, uint8_t *buffer, uint64_t length) {
  char name[32];

  snprintf(name, sizeof(name), "%d/mem", pid);
  cleanup_close int memory = openat(proc_directory, name, O_RDONLY | O_CLOEXEC);
  if (memory < 0)
    return -errno;
  ssize_t read = read_at(memory, buffer, length, start);
  return read < 0 ? (int)read : 0;
}

/* Writes the pages that are not what lies underneath: NULL for zeros. */
static int write_contents(pid_t pid, uint64_t start, uint64_t end, const uint8_t *buffer, const uint8_t *underneath) {
  static const uint8_t zeros[PAGE];
  char name[32];

  snprintf(name, sizeof(name), "%d/mem", pid);
  cleanup_close int memory = openat(proc_directory, name, O_WRONLY | O_CLOEXEC);
  if (memory < 0)
    return -errno;
  for (uint64_t at = 0; at < end - start; at += PAGE)
    if (memcmp(buffer + at, underneath == NULL ? zeros : underneath + at, PAGE) != 0) {
      ssize_t n = pwrite(memory, buffer + at, PAGE, (off_t)(start + at));
      if (n != (ssize_t)PAGE)
        return page_error(n);
    }
  return 0;
}

static uint8_t *make_buffer(uint64_t length) {
  uint8_t *buffer = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (buffer != MAP_FAILED)
    madvise(buffer, length, MADV_DONTFORK);
  return buffer == MAP_FAILED ? NULL : buffer;
}

static int make_anonymous(struct instance *instance, struct task *task, const struct vma *vma, uint64_t start, uint64_t end,
                          bool keep) {
  char flags[FLAGS_SIZE];
  int error = 0;

  read_flags(task->pid, start, flags);
  uint8_t *buffer = make_buffer(end - start);
  if (buffer == NULL)
    return -ENOMEM;
  if (keep)
    error = read_contents(task->pid, vma, start, end, buffer);
  if (error >= 0)
    error = map_instead(instance, task, start, end, protection_of(vma), -1, 0);
  if (error >= 0 && keep)
    error = write_contents(task->pid, start, end, buffer, NULL);
  if (error >= 0)
    error = give_flags(instance, task, start, end, flags);
  munmap(buffer, end - start);
  return error;
}

/* What a range that stands for a file becomes. */
struct original {
  int file;
  int number;      /* of the file in the task */
  uint64_t offset; /* in the file, of address 0 */
};

/*
 * VMAs side by side become one mapping that is written and then gets its parts' access again, as it was made once: mappings
 * that were written apart would never be one again.
 */
static int make_original(struct instance *instance, struct task *task, const struct original *original, const struct vma *vmas,
                         size_t count) {
  uint64_t start = vmas[0].start, length = vmas[count - 1].end - start;
  const uint64_t writable = PROT_READ | PROT_WRITE;
  uint8_t *buffer = make_buffer(length), *underneath = make_buffer(length);
  char(*flags)[FLAGS_SIZE] = calloc(count, sizeof(*flags));
  int error = buffer == NULL || underneath == NULL || flags == NULL ? -ENOMEM : 0;

  for (size_t i = 0; i < count && error >= 0; i++)
    read_flags(task->pid, vmas[i].start, flags[i]);
  if (error >= 0)
    error = read_memory(task->pid, start, buffer, length);
  if (error >= 0) {
    ssize_t read = read_at(original->file, underneath, length, original->offset + start);
    error = read < 0 ? (int)read : 0;
  }
  if (error >= 0)
    error = map_instead(instance, task, start, start + length, writable, original->number, original->offset + start);
  if (error >= 0)
    error = write_contents(task->pid, start, start + length, buffer, underneath);
  for (size_t i = 0; i < count && error >= 0; i++) {
    const uint64_t args[6] = {vmas[i].start, vmas[i].end - vmas[i].start, protection_of(&vmas[i])};
    long result = 0;
    if (args[2] != writable)
      error = task_syscall(task, instance->syscall_address, SYS_mprotect, args, &result);
    if (error >= 0)
      error = result < 0 ? (int)result : give_flags(instance, task, vmas[i].start, vmas[i].end, flags[i]);
  }
  if (buffer != NULL)
    munmap(buffer, length);
  if (underneath != NULL)
    munmap(underneath, length);
  free(flags);
  return error;
}

static bool is_region(const struct instance *instance, const struct vma *vma) {
  return !vma->shared && vma->inode != 0 &&
         (vma->device == instance->region_device[0] || vma->device == instance->region_device[1]);
}

/* A call about a range of memory that waits. */
struct wish {
  pid_t pid;
  uint64_t start, end;
  int advice; /* of madvise(), or MREMAP */
};

#define MREMAP (-1)

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#endif

#define WHOLE_LIMIT 0x900000u /* a thread's stack as it is by default, with what the C library adds */

static bool overlaps(uint64_t start, uint64_t end, uint64_t other_start, uint64_t other_end) {
  return start < other_end && other_start < end;
}

/* The parts of a range that still map the region, by their access. */
static size_t vmas_within(const struct instance *instance, const struct vas_file_range *range, const struct vma *vmas,
                          size_t count, struct vma *within) {
  size_t found = 0;

  for (size_t i = 0; i < count; i++)
    if (is_region(instance, &vmas[i]) && overlaps(vmas[i].start, vmas[i].end, range->start, range->end)) {
      struct vma *part = &within[found++];
      *part = vmas[i];
      /* What lies side by side in memory and in the region is one VMA. */
      if (part->start < range->start)
        part->start = range->start;
      if (part->end > range->end)
        part->end = range->end;
    }
  return found;
}

static int restore_file_range(struct instance *instance, const struct file_ranges *ranges, const struct vas_file_range *range,
                              const struct vma *vmas, size_t count, struct task *task) {
  cleanup_close int file = file_range_open(instance, ranges, range, task->pid);
  if (file < 0)
    return file;
  int number = give_descriptor(instance, task, file), error = 0;
  if (number < 0)
    return number;
  const struct original original = {file, number, range->offset - range->start};
  for (size_t i = 0, next; i < count && error >= 0; i = next) {
    for (next = i + 1; next < count && vmas[next].start == vmas[next - 1].end;)
      next++;
    error = make_original(instance, task, &original, &vmas[i], next - i);
  }
  const uint64_t args[6] = {(uint64_t)number};
  long result;
  int closed = task_syscall(task, instance->syscall_address, SYS_close, args, &result);
  return error < 0 ? error : closed;
}

/*
 * A range that stands for a file becomes a mapping of it as a whole, so that it is as few VMAs as it was. 1: it did, or
 * without a task it would.
 */
static int each_file_range(struct instance *instance, const struct file_ranges *ranges, const struct wish *wish,
                           const struct vma *vmas, size_t count, struct task *task) {
  struct vma *within = calloc(count ? count : 1, sizeof(*within));
  int result = within == NULL ? -ENOMEM : 0;

  for (uint32_t i = 0; i < ranges->count && result >= 0; i++) {
    const struct vas_file_range *range = &ranges->list[i];
    size_t found = overlaps(range->start, range->end, wish->start, wish->end)
                       ? vmas_within(instance, range, vmas, count, within)
                       : 0;
    bool wanted = false;
    for (size_t j = 0; j < found; j++)
      wanted |= overlaps(within[j].start, within[j].end, wish->start, wish->end);
    if (!wanted)
      continue;
    int error = task == NULL ? 0 : restore_file_range(instance, ranges, range, within, found, task);
    result = error < 0 ? error : 1;
  }
  free(within);
  return result;
}

/*
 * A small VMA of which only a part is to take advice that leaves it one VMA becomes anonymous as a whole. With its parts
 * replaced one by one, it would stay divided in a child: there, a part that has been written or guarded before the fork is
 * never one again with what is mapped beside it later, and mremap() of all of it would fail with EFAULT.
 */
static bool becomes_whole(const struct wish *wish, const struct vma *vma) {
  return (wish->advice == MADV_GUARD_INSTALL || wish->advice == MADV_FREE) && vma->end - vma->start <= WHOLE_LIMIT;
}

/* What becomes anonymous. */
static int each_anonymous_part(struct instance *instance, const struct file_ranges *ranges, const struct wish *wish,
                               const struct vma *vma, struct task *task) {
  bool whole = becomes_whole(wish, vma);
  uint64_t start = whole || vma->start > wish->start ? vma->start : wish->start;
  uint64_t limit = whole || vma->end < wish->end ? vma->end : wish->end;
  int result = 0;

  for (uint64_t end = limit; start < limit && result >= 0; start = end, end = limit) {
    char flags[FLAGS_SIZE];
    if (file_range_at(ranges, start, &end) != NULL)
      continue;
    /* MADV_FREE is refused for locked memory, as it is for a file. */
    if (wish->advice == MADV_FREE)
      read_flags(wish->pid, start, flags);
    if (wish->advice == MADV_FREE && is_locked(flags))
      continue;
    int error = task == NULL ? 0 : make_anonymous(instance, task, vma, start, end, whole || wish->advice != MADV_FREE);
    result = error < 0 ? error : 1;
  }
  return result;
}

/* Whether the wish is about anything that maps a region; then, with a task to do it, replaces that. */
static int each_region_vma(struct instance *instance, const struct file_ranges *ranges, const struct wish *wish,
                           struct task *task) {
  struct vma *vmas = NULL;
  ssize_t count = read_vmas(wish->pid, &vmas);
  if (count < 0)
    return (int)count;
  int result = each_file_range(instance, ranges, wish, vmas, (size_t)count, task);
  if (result > 0 && task != NULL) {
    free(vmas);
    vmas = NULL;
    count = read_vmas(wish->pid, &vmas);
  }
  /* Of zapped anonymous memory the userfaultfd tells. */
  bool anonymous = wish->advice != MADV_DONTNEED && wish->advice != MADV_DONTNEED_LOCKED;
  for (ssize_t i = 0; i < count && anonymous && result >= 0; i++) {
    if (!overlaps(vmas[i].start, vmas[i].end, wish->start, wish->end) || !is_region(instance, &vmas[i]))
      continue;
    int changed = each_anonymous_part(instance, ranges, wish, &vmas[i], task);
    result = changed != 0 ? changed : result;
  }
  free(vmas);
  return result;
}

/* The call that waits is given up by the stop, and made again afterwards. */
static int grant(struct instance *instance, const struct file_ranges *ranges, const struct wish *wish) {
  struct freezing freezing;
  struct task *task = NULL;
  int error = guard_hold(instance, wish->pid, &freezing);

  for (size_t i = 0; i < freezing.count; i++)
    if (!freezing.tasks[i].gone)
      task = &freezing.tasks[i];
  if (error >= 0)
    error = task == NULL ? -ESRCH : suspend_filters(task);
  /* Where the keeper is confined it must not be: then the task's own filters decide. */
  if (error == -EPERM)
    error = has_own_filter(instance, task) == 0 ? 0 : -EPERM;
  if (error >= 0)
    error = each_region_vma(instance, ranges, wish, task);
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

static struct wish wish_of(pid_t pid, uint64_t address, uint64_t length, int advice) {
  uint64_t start = ALIGN_DOWN(address, PAGE), end = start + ALIGN_UP(length, PAGE);
  /* A range that ends before it begins is refused by the call. */
  return (struct wish){.pid = pid, .start = start, .end = end < start ? start : end, .advice = advice};
}

/* What the call that waits is about: one range, or of process_madvise() several. */
static size_t read_wishes(const struct seccomp_data *call, pid_t tid, pid_t pid, struct wish *wishes, size_t capacity) {
  if (call->nr == SYS_mremap) {
    wishes[0] = wish_of(pid, call->args[0], call->args[1], MREMAP);
    return 1;
  }
  if (call->nr == SYS_madvise) {
    wishes[0] = wish_of(pid, call->args[0], call->args[1], (int)call->args[2]);
    return 1;
  }
  /* The kernel does to other processes only what needs no care. So these ranges are the caller's, or nothing happens to them. */
  struct iovec parts[64];
  size_t count = 0;
  for (uint64_t i = 0; i < call->args[2] && count < capacity; i += sizeof(parts) / sizeof(parts[0])) {
    size_t some = call->args[2] - i < 64 ? (size_t)(call->args[2] - i) : 64;
    struct iovec local = {parts, some * sizeof(parts[0])};
    struct iovec remote = {(void *)(uintptr_t)(call->args[1] + i * sizeof(parts[0])), local.iov_len};
    if (process_vm_readv(tid, &local, 1, &remote, 1, 0) != (ssize_t)local.iov_len)
      break; /* the call fails there, too */
    for (size_t j = 0; j < some && count < capacity; j++)
      wishes[count++] = wish_of(pid, (uintptr_t)parts[j].iov_base, parts[j].iov_len, (int)call->args[3]);
  }
  return count;
}

void notify_serve(struct instance *instance) {
  struct seccomp_notif call;
  struct seccomp_notif_resp go_on = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
  struct wish wishes[IOV_MAX];
  struct file_ranges ranges;

  memset(&call, 0, sizeof(call));
  if (ioctl(instance->notifier, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
    return; /* given up meanwhile */
  guard_count(&guard_counts->calls);
  pid_t pid = process_of((pid_t)call.pid);
  size_t count = pid == 0 ? 0 : read_wishes(&call.data, (pid_t)call.pid, pid, wishes, IOV_MAX);
  int found = file_ranges_read(instance, &ranges);
  bool granted = false;
  for (size_t i = 0; i < count && found >= 0; i++) {
    found = each_region_vma(instance, &ranges, &wishes[i], NULL);
    if (found > 0) {
      found = grant(instance, &ranges, &wishes[i]);
      granted = true;
    }
  }
  file_ranges_free(&ranges);
  if (found < 0 && found != -ESRCH)
    guard_give_up(instance, found);
  if (!granted) {
    go_on.id = call.id;
    ioctl(instance->notifier, SECCOMP_IOCTL_NOTIF_SEND, &go_on);
  }
}
