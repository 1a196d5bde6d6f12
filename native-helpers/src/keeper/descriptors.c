/* What the descriptors of a frozen process refer to, found out on duplicates of them. */
#include "keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void file_status(int fd, struct vas_file_status *status) {
  struct stat s = {0};

  fstat(fd, &s);
  *status = (struct vas_file_status){.device = s.st_dev,
                                     .inode = s.st_ino,
                                     .size = (uint64_t)s.st_size,
                                     .ctime_seconds = s.st_ctim.tv_sec,
                                     .ctime_nanos = (uint32_t)s.st_ctim.tv_nsec,
                                     .mode = s.st_mode,
                                     .links = (uint32_t)s.st_nlink,
                                     .uid = s.st_uid,
                                     .gid = s.st_gid,
                                     .special_device = s.st_rdev};
}

/* Contents of this file live with the instance and nowhere else. */
static bool is_object(const struct plan *plan, const struct vas_file_status *status) {
  return S_ISREG(status->mode) && (status->device == plan->header->shm_device || status->links == 0) &&
         status->device != plan->header->region_device[0] && status->device != plan->header->region_device[1];
}

struct known_file {
  int fd;
  uint32_t id;
};

/* Finds the open file description among those known, which are sorted in the order that kcmp() gives. */
static int file_id(struct known_file *known, size_t *count, int fd, uint32_t *id, bool *is_new) {
  pid_t self = getpid();
  size_t low = 0, high = *count;

  while (low < high) {
    size_t middle = (low + high) / 2;
    long order = syscall(SYS_kcmp, self, self, KCMP_FILE, fd, known[middle].fd);
    if (order < 0)
      return -errno;
    if (order == 0) {
      *id = known[middle].id;
      *is_new = false;
      return 0;
    }
    if (order == 1)
      high = middle;
    else
      low = middle + 1;
  }
  memmove(&known[low + 1], &known[low], (*count - low) * sizeof(*known));
  *id = (uint32_t)*count;
  known[low] = (struct known_file){fd, *id};
  (*count)++;
  *is_new = true;
  return 0;
}

static int record_descriptor(const struct plan *plan, struct pages *pages, struct record *record, pid_t pid, int info,
                             int links, int fd, int duplicate, uint32_t id, bool is_new) {
  char name[32], link[4096];
  struct vas_descriptor descriptor = {.file = id};

  snprintf(name, sizeof(name), "%d", fd);
  ssize_t length = readlinkat(links, name, link, sizeof(link) - 1);
  if (length < 0)
    return -errno;
  link[length] = 0;
  file_status(duplicate, &descriptor.status);
  descriptor.flags = (uint32_t)fcntl(duplicate, F_GETFL);
  /*
   * A read past the page cache writes into pages that it has pinned, whatever they are protected against: what it brought
   * after they were copied was not told.
   */
  if ((descriptor.flags & O_DIRECT) != 0 && !S_ISFIFO(descriptor.status.mode) && pages_are_tracked(pages))
    return -ESTALE;
  off_t position = lseek(duplicate, 0, SEEK_CUR);
  descriptor.position = position < 0 ? -errno : position;
  record_begin(record, VAS_ENTRY_DESCRIPTOR, pid, 0, (uint32_t)fd);
  record_append(record, &descriptor, sizeof(descriptor));
  record_append(record, link, (size_t)length);
  record_end(record);
  record_file(record, VAS_ENTRY_DESCRIPTOR_INFO, pid, 0, (uint32_t)fd, info, name);
  if (!is_new)
    return 0;
  if (is_object(plan, &descriptor.status)) {
    /* The duplicate may be open for writing only, or just a path. */
    char path[48];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", duplicate);
    cleanup_close int readable = openat(proc_directory, path + strlen("/proc/"), O_RDONLY | O_CLOEXEC);
    int error = readable < 0 ? -errno : pages_object(pages, readable, record, &descriptor.status);
    if (error < 0)
      return error;
  }
  const struct vas_descriptor_rule *rules = (const void *)(plan->base + plan->header->descriptor_rules_offset);
  struct param_source nothing = {.control = -1};
  for (uint32_t i = 0; i < plan->header->descriptor_rules_count; i++) {
    const char *prefix = plan_string(plan, rules[i].prefix_offset);
    const struct vas_program_header *program = plan_program(plan, rules[i].program);
    int error = program == NULL || strncmp(link, prefix, strlen(prefix)) != 0
                    ? 0
                    : run_hosted(program, NULL, 0, &nothing, duplicate, record, VAS_ENTRY_DESCRIPTOR_PROGRAM, pid, (uint32_t)fd);
    if (error < 0)
      return error;
  }
  return 0;
}

int record_descriptors(const struct plan *plan, struct pages *pages, struct record *record, pid_t pid, int pidfd,
                       uint64_t deadline_nanos) {
  char name[32];
  size_t count = 0, capacity = 0;
  struct known_file *known = NULL;
  int error = 0;

  snprintf(name, sizeof(name), "%d/fdinfo", pid);
  cleanup_close int info = openat(proc_directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  snprintf(name, sizeof(name), "%d/fd", pid);
  cleanup_close int links = openat(proc_directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int list = openat(proc_directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = list < 0 ? NULL : fdopendir(list);
  if (directory == NULL || info < 0 || links < 0) {
    error = -errno;
    close_fd(&list);
    return error;
  }
  for (struct dirent *entry; error >= 0 && (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.')
      continue;
    int fd = atoi(entry->d_name);
    int duplicate = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    if (duplicate < 0) {
      error = -errno;
      break;
    }
    if (count == capacity) {
      capacity = capacity ? capacity * 2 : 64;
      struct known_file *moved = realloc(known, capacity * sizeof(*moved));
      if (moved == NULL) {
        close(duplicate);
        error = -ENOMEM;
        break;
      }
      known = moved;
    }
    uint32_t id = 0;
    bool is_new = false;
    error = file_id(known, &count, duplicate, &id, &is_new);
    if (error >= 0)
      error = record_descriptor(plan, pages, record, pid, info, links, fd, duplicate, id, is_new);
    if (!is_new)
      close(duplicate); /* new ones stay open until the end: later ones are compared with them */
    if (now_nanos() > deadline_nanos)
      error = -ETIMEDOUT;
  }
  closedir(directory);
  for (size_t i = 0; i < count; i++)
    close(known[i].fd);
  free(known);
  return error;
}

int record_mapped_files(const struct plan *plan, struct pages *pages, struct record *record, pid_t pid) {
  size_t count;
  const struct vma *vmas = pages_vmas(pages, &count);

  for (size_t i = 0; i < count; i++) {
    const struct vma *vma = &vmas[i];
    bool seen = vma->inode == 0 || pages_skips(pages, vma);
    for (size_t j = 0; !seen && j < i; j++)
      seen = vmas[j].inode == vma->inode && vmas[j].device == vma->device;
    if (seen || vma->device == plan->header->region_device[0] || vma->device == plan->header->region_device[1])
      continue;
    char name[80], path[4096];
    struct {
      uint64_t start;
      struct vas_file_status status;
    } mapped = {.start = vma->start};
    snprintf(name, sizeof(name), "%d/map_files/%lx-%lx", pid, vma->start, vma->end);
    ssize_t length = readlinkat(proc_directory, name, path, sizeof(path));
    cleanup_close int fd = openat(proc_directory, name, O_PATH | O_CLOEXEC);
    if (length < 0 || fd < 0)
      continue; /* a mapping without a file that could be opened, a device for example; it shows in the maps */
    file_status(fd, &mapped.status);
    record_begin(record, VAS_ENTRY_MAPPED_FILE, pid, 0, (uint32_t)i);
    record_append(record, &mapped, sizeof(mapped));
    record_append(record, path, (size_t)length);
    record_end(record);
    if (is_object(plan, &mapped.status)) {
      cleanup_close int readable = openat(proc_directory, name, O_RDONLY | O_CLOEXEC);
      int error = readable < 0 ? -errno : pages_object(pages, readable, record, &mapped.status);
      if (error < 0)
        return error;
    }
  }
  return 0;
}
