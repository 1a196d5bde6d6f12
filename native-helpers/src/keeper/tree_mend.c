/*
 * Makes what the root directory of an instance shows what that of a snapshot shows, by ordinary calls on files, through the
 * instance's own mount: where a file is there it stays the same one, so that whoever has it open or mapped sees what it was.
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 65536

/* ---- contents ---- */

/* Pages that differ, for most of a file mostly does not. */
static int mend_data(int from, int to, off_t start, off_t end) {
  uint8_t *wanted = malloc(2 * BLOCK), *there = wanted + BLOCK;
  int error = wanted == NULL ? -ENOMEM : 0;

  for (off_t at = start; at < end && error >= 0;) {
    ssize_t n = read_at(from, wanted, end - at < BLOCK ? (size_t)(end - at) : BLOCK, (uint64_t)at);
    ssize_t m = n < 0 ? n : read_at(to, there, (size_t)n, (uint64_t)at);
    if (n <= 0 || m != n) /* both have the same size */
      error = n < 0 ? (int)n : m < 0 ? (int)m : -ESTALE;
    for (ssize_t page = 0; page < n && error >= 0; page += PAGE) {
      size_t length = n - page < (ssize_t)PAGE ? (size_t)(n - page) : PAGE;
      if (memcmp(wanted + page, there + page, length) != 0)
        error = write_at(to, wanted + page, length, (uint64_t)(at + page));
    }
    at += n;
  }
  free(wanted);
  return error;
}

static int mend_hole(int to, off_t start, off_t end) {
  off_t data = lseek(to, start, SEEK_DATA);

  if (data < 0 || data >= end)
    return data < 0 && errno != ENXIO ? -errno : 0;
  return fallocate(to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start, end - start) < 0 ? -errno : 0;
}

static int mend_contents(int from, int to) {
  struct stat wanted, there;
  int error = 0;

  if (fstat(from, &wanted) < 0 || fstat(to, &there) < 0)
    return -errno;
  if (there.st_size != wanted.st_size && ftruncate(to, wanted.st_size) < 0)
    return -errno;
  for (off_t at = 0; at < wanted.st_size && error >= 0;) {
    off_t data = lseek(from, at, SEEK_DATA);
    if (data < 0 && errno != ENXIO)
      return -errno;
    if (data < 0)
      data = wanted.st_size;
    off_t hole = data < wanted.st_size ? lseek(from, data, SEEK_HOLE) : data;
    if (hole < 0)
      return -errno;
    if (data > at)
      error = mend_hole(to, at, data);
    if (error >= 0)
      error = mend_data(from, to, data, hole);
    at = hole;
  }
  return error;
}

/* ---- attributes ---- */

/* After the contents: to write takes capabilities away, and so does a new owner, with the set-id bits. Times are the last. */
static int mend_status(int from, int to, int directory, const char *name) {
  struct stat wanted, there;
  int error = 0;

  if (fstat(from, &wanted) < 0 || fstat(to, &there) < 0)
    return -errno;
  if ((there.st_uid != wanted.st_uid || there.st_gid != wanted.st_gid) &&
      fchownat(to, "", wanted.st_uid, wanted.st_gid, AT_EMPTY_PATH) < 0)
    return -errno;
  if (S_ISREG(wanted.st_mode) || S_ISDIR(wanted.st_mode)) {
    int same = same_attributes(from, to);
    if (same == 0 && (error = copy_attributes(from, to)) >= 0)
      error = remove_other_attributes(from, to);
    if (same < 0 || error < 0)
      return same < 0 ? same : error;
  }
  if (!S_ISLNK(wanted.st_mode) &&
      (fstat(to, &there) < 0 || (there.st_mode != wanted.st_mode && fchmodat(directory, name, wanted.st_mode & 07777, 0) < 0)))
    return -errno;
  struct timespec times[2] = {wanted.st_atim, wanted.st_mtim};
  return utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* ---- entries ---- */

/* Another mount namespace's mount would vanish with the directory that it is on: nothing is removed that has one. */
static int remove_entry(int directory, const char *name) {
  cleanup_close int fd = open_below(directory, name, O_PATH);
  struct stat status;
  struct names names = {0};

  if (fd < 0 || fstat(fd, &status) < 0)
    return fd < 0 ? fd : -errno;
  if (!S_ISDIR(status.st_mode))
    return unlinkat(directory, name, 0) < 0 ? -errno : 0;
  int error = names_add(&names, fd);
  for (size_t i = 0; i < names.count && error >= 0; i++)
    error = remove_entry(fd, names.list[i]);
  names_free(&names);
  if (error >= 0 && unlinkat(directory, name, AT_REMOVEDIR) < 0)
    error = -errno;
  return error;
}

/* A file that somebody executes, or has a lease of, is not waited for. */
static int mend_file(int now, int wanted, const char *name) {
  cleanup_close int to = open_below(now, name, O_RDWR | O_NONBLOCK | O_NOATIME);
  cleanup_close int from = open_below(wanted, name, O_RDONLY);
  if (to < 0 || from < 0)
    return to < 0 ? to : from;
  return mend_contents(from, to);
}

static int mend_entry(int now, int wanted, const char *name, uint32_t kind) {
  int error = 0;

  switch (kind) {
  case VAS_CHANGE_REMOVE:
  case VAS_CHANGE_REPLACE:
    error = remove_entry(now, name);
    break;
  case VAS_CHANGE_CONTENTS:
    error = mend_file(now, wanted, name);
    break;
  case VAS_CHANGE_MAKE:
  case VAS_CHANGE_ATTRIBUTES:
    break;
  default:
    error = -EBADMSG;
  }
  if (error < 0 || kind == VAS_CHANGE_REMOVE)
    return error;
  if (kind == VAS_CHANGE_MAKE || kind == VAS_CHANGE_REPLACE)
    return copy_entry_of(wanted, now, name);
  cleanup_close int to = open_below(now, name, O_PATH);
  cleanup_close int from = open_below(wanted, name, O_PATH);
  return to < 0 ? to : from < 0 ? from : mend_status(from, to, now, *name ? name : ".");
}

/* The directories that an entry is in; path is cut to their path, and *name to the rest of it. */
static int mend_at(int now, int wanted, char *path, uint32_t kind) {
  char *slash = strrchr(path, '/');
  const char *name = slash == NULL ? path : slash + 1;

  if (slash == NULL)
    return mend_entry(now, wanted, name, kind);
  *slash = 0;
  cleanup_close int to = open_below(now, path, O_PATH | O_DIRECTORY);
  cleanup_close int from = open_below(wanted, path, O_PATH | O_DIRECTORY);
  return to < 0 ? to : from < 0 ? from : mend_entry(to, from, name, kind);
}

int mend_tree(int now, int wanted, const uint8_t *table, uint32_t first, uint32_t count, const char **failed) {
  const struct vas_change *changes = (const void *)(table + first);
  int error = 0;

  for (uint32_t i = 0; i < count && error >= 0; i++) {
    char *path = strdup((const char *)table + changes[i].path);
    if (path == NULL)
      return -ENOMEM;
    *failed = (const char *)table + changes[i].path;
    error = mend_at(now, wanted, path, changes[i].kind);
    free(path);
  }
  return error;
}
