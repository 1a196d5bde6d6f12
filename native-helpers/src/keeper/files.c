/*
 * Ranges that map a region, but stand for private mappings of files.
 *
 * What a task has written over a file's pages, relocated data above all, comes back from the region. A call that looks
 * through to the file, or that a mapping of another file would answer differently, must find a true mapping of the file: see
 * notify.c. The file is opened only then, by its path or through another mapping of it, and never another file than the one
 * that was mapped.
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int read_program(const struct instance *instance, uint64_t offset, void *buffer, size_t length) {
  ssize_t n = pread(instance->program, buffer, length, (off_t)(instance->program_start + offset));
  return n < 0 ? -errno : (size_t)n == length ? 0 : -EBADMSG;
}

int file_ranges_read(const struct instance *instance, struct file_ranges *ranges) {
  struct vas_file_ranges header;

  *ranges = (struct file_ranges){0};
  if (instance->program < 0)
    return 0;
  int error = read_program(instance, instance->file_ranges, &header, sizeof(header));
  if (error < 0)
    return error;
  if (header.root >= instance->kept_count)
    return -EBADMSG;
  ranges->root = instance->kept[header.root];
  ranges->list = calloc(header.count ? header.count : 1, sizeof(*ranges->list));
  if (ranges->list == NULL)
    return -ENOMEM;
  error = read_program(instance, instance->file_ranges + sizeof(header), ranges->list, header.count * sizeof(*ranges->list));
  if (error >= 0)
    ranges->count = header.count;
  else
    file_ranges_free(ranges);
  return error;
}

void file_ranges_free(struct file_ranges *ranges) {
  free(ranges->list);
  *ranges = (struct file_ranges){0};
}

const struct vas_file_range *file_range_at(const struct file_ranges *ranges, uint64_t address, uint64_t *end) {
  for (uint32_t i = 0; i < ranges->count; i++) {
    const struct vas_file_range *range = &ranges->list[i];
    uint64_t limit = address < range->start ? range->start : range->end;
    if (address >= range->end)
      continue;
    if (limit < *end)
      *end = limit;
    return address < range->start ? NULL : range;
  }
  return NULL;
}

bool is_file_range(const struct file_ranges *ranges, const struct vma *vma) {
  uint64_t end = vma->end;
  return file_range_at(ranges, vma->start, &end) != NULL || end < vma->end;
}

static bool is_the_file(int fd, const struct vas_file_range *range) {
  struct vas_file_status status = {0};

  file_status(fd, &status);
  return (uint32_t)status.inode == range->inode && status.size == range->size &&
         status.ctime_seconds * 1000000000 + status.ctime_nanos == range->ctime_nanos;
}

int file_range_open(const struct instance *instance, const struct file_ranges *ranges, const struct vas_file_range *range,
                    pid_t pid) {
  char path[4096];
  struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
  struct vma *vmas = NULL;

  ssize_t n = pread(instance->program, path, sizeof(path) - 1,
                    (off_t)(instance->program_start + instance->file_ranges + range->path));
  if (n < 0)
    return -errno;
  path[n] = 0;
  int fd = (int)syscall(SYS_openat2, ranges->root, path, &how, sizeof(how));
  if (fd >= 0 && is_the_file(fd, range))
    return fd;
  /* The instance has put another in its place. Something else of the old one may still be mapped: its code, for example. */
  ssize_t count = read_vmas(pid, &vmas);
  for (ssize_t i = 0; i < count; i++) {
    close_fd(&fd);
    if (vmas[i].inode == 0)
      continue;
    snprintf(path, sizeof(path), "%d/map_files/%lx-%lx", pid, vmas[i].start, vmas[i].end);
    fd = openat(proc_directory, path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && is_the_file(fd, range))
      break;
  }
  free(vmas);
  if (fd >= 0 && !is_the_file(fd, range))
    close_fd(&fd);
  return fd < 0 ? -ESTALE : fd;
}

/* Of the first task's stack, another task may find it still in its program: it is released, but has not run yet. */
#define STACK_IN_USE 4096

/* What travels over the socket, and where in the task its parts are: on the stack of the program that made it. */
struct parcel {
  int pair[2];
  struct msghdr message;
  struct iovec part;
  char byte;
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control;
};

static int receive_in_task(const struct instance *instance, struct task *task, int memory, uint64_t at, int fd) {
  struct parcel parcel;
  long result;
  cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, task->tid, O_EXCL); /* PIDFD_THREAD: it may have files of its own */

  if (pidfd < 0 || pread(memory, parcel.pair, sizeof(parcel.pair), (off_t)at) != (ssize_t)sizeof(parcel.pair))
    return -errno;
  cleanup_close int socket = (int)syscall(SYS_pidfd_getfd, pidfd, parcel.pair[0], 0);
  if (socket < 0)
    return -errno;
  parcel.byte = 0;
  parcel.part = (struct iovec){&parcel.byte, 1};
  parcel.message = (struct msghdr){.msg_iov = &parcel.part,
                                   .msg_iovlen = 1,
                                   .msg_control = &parcel.control,
                                   .msg_controllen = sizeof(parcel.control)};
  parcel.control.align =
      (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(&parcel.control.align), &fd, sizeof(fd));
  if (sendmsg(socket, &parcel.message, 0) < 0)
    return -errno;
  parcel.part.iov_base = (void *)(uintptr_t)(at + offsetof(struct parcel, byte));
  parcel.message.msg_iov = (void *)(uintptr_t)(at + offsetof(struct parcel, part));
  parcel.message.msg_control = (void *)(uintptr_t)(at + offsetof(struct parcel, control));
  if (pwrite(memory, &parcel, sizeof(parcel), (off_t)at) != (ssize_t)sizeof(parcel))
    return -errno;
  const uint64_t args[6] = {(uint64_t)parcel.pair[1], at + offsetof(struct parcel, message), MSG_CMSG_CLOEXEC | MSG_DONTWAIT};
  int error = task_syscall(task, instance->syscall_address, SYS_recvmsg, args, &result);
  if (error < 0 || result < 0)
    return error < 0 ? error : (int)result;
  if (pread(memory, &parcel, sizeof(parcel), (off_t)at) != (ssize_t)sizeof(parcel))
    return -errno;
  if (parcel.message.msg_controllen < CMSG_LEN(sizeof(int)))
    return -EMFILE; /* the kernel drops what there is no number for */
  int number;
  memcpy(&number, CMSG_DATA(&parcel.control.align), sizeof(number));
  return number;
}

static int try_to_give(const struct instance *instance, struct task *task, int memory, uint64_t at, int fd) {
  const uint64_t args[6] = {AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, at};
  int pair[2];
  long result;

  int error = task_syscall(task, instance->syscall_address, SYS_socketpair, args, &result);
  if (error < 0 || result < 0)
    return error < 0 ? error : (int)result;
  if (pread(memory, pair, sizeof(pair), (off_t)at) != (ssize_t)sizeof(pair))
    return -EIO;
  int number = receive_in_task(instance, task, memory, at, fd);
  for (int i = 0; i < 2; i++) {
    const uint64_t close_args[6] = {(uint64_t)pair[i]};
    if ((error = task_syscall(task, instance->syscall_address, SYS_close, close_args, &result)) < 0)
      return error;
  }
  return number;
}

/* The limit is soft: whoever has it may raise it, as far as the hard one. */
static int limit_descriptors(const struct instance *instance, struct task *task, int memory, uint64_t at,
                             const struct rlimit *limit, struct rlimit *old) {
  const uint64_t args[6] = {0, RLIMIT_NOFILE, limit ? at : 0, old ? at : 0};
  long result;

  if (limit != NULL && pwrite(memory, limit, sizeof(*limit), (off_t)at) != (ssize_t)sizeof(*limit))
    return -EIO;
  int error = task_syscall(task, instance->syscall_address, SYS_prlimit64, args, &result);
  if (error < 0 || result < 0)
    return error < 0 ? error : (int)result;
  return old == NULL || pread(memory, old, sizeof(*old), (off_t)at) == (ssize_t)sizeof(*old) ? 0 : -EIO;
}

int give_descriptor(const struct instance *instance, struct task *task, int fd) {
  char name[32];
  struct rlimit limit;
  uint64_t at = instance->area_end - PAGE - STACK_IN_USE - ALIGN_UP(sizeof(struct parcel), 64);

  snprintf(name, sizeof(name), "%d/mem", task->pid);
  cleanup_close int memory = openat(proc_directory, name, O_RDWR | O_CLOEXEC);
  if (memory < 0)
    return -errno;
  int number = try_to_give(instance, task, memory, at, fd);
  if (number != -EMFILE)
    return number;
  int error = limit_descriptors(instance, task, memory, at, NULL, &limit);
  if (error < 0)
    return error;
  const struct rlimit most = {limit.rlim_max, limit.rlim_max};
  if ((error = limit_descriptors(instance, task, memory, at, &most, NULL)) < 0)
    return error;
  number = try_to_give(instance, task, memory, at, fd);
  error = limit_descriptors(instance, task, memory, at, &limit, NULL);
  return error < 0 ? error : number;
}
