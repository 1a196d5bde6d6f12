/*
 * What the root directories of an instance and of a snapshot show, compared.
 *
 * Both are overlays, and they themselves say what is seen: whiteouts and opaque directories are not interpreted here. The layers
 * only say where to look, for elsewhere both show what they have in common. What an instance has changed and changed back is in
 * its layer for ever, so a layer alone does not say whether anything differs.
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A fork is quicker then. */
#define CHANGES_MAX 2000
#define BYTES_MAX (64UL << 20)

/* They are looked up one by one. */
#define TWINS_MAX 1000

#define STOPPED (-ECANCELED) /* the verdict says why */

/* A file with several names, in both trees. */
struct twin {
  uint64_t now, wanted; /* inodes */
};

struct comparison {
  struct record *record;
  pid_t pid;
  int verdict;
  uint32_t changes; /* entries that come or go with another are counted, too */
  uint64_t bytes;   /* that are to be written */
  struct twin *twins;
  size_t twin_count;
  size_t length;
  char path[PATH_MAX]; /* of the entry that is looked at, counted from the roots */
};

int open_below(int root, const char *path, int flags) {
  struct open_how how = {.flags = (uint64_t)(flags | O_NOFOLLOW | O_CLOEXEC),
                         .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
  int fd = (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));
  return fd < 0 ? -errno : fd;
}

static int stop(struct comparison *comparison, int verdict) {
  comparison->verdict = verdict;
  return STOPPED;
}

static int status_of(int fd, struct statx *status) {
  return statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, status) < 0 ? -errno : 0;
}

static bool is_directory(const struct statx *status) { return S_ISDIR(status->stx_mode); }

/* Attributes without extended ones. */
static bool same_status(const struct statx *a, const struct statx *b) {
  return a->stx_mode == b->stx_mode && a->stx_uid == b->stx_uid && a->stx_gid == b->stx_gid &&
         a->stx_mtime.tv_sec == b->stx_mtime.tv_sec && a->stx_mtime.tv_nsec == b->stx_mtime.tv_nsec;
}

static int count_change(struct comparison *comparison, uint64_t bytes) {
  comparison->bytes += bytes;
  return ++comparison->changes > CHANGES_MAX || comparison->bytes > BYTES_MAX ? stop(comparison, VAS_ROOTS_MUCH) : 0;
}

static int tell(struct comparison *comparison, uint32_t kind, const struct statx *now) {
  if (now != NULL && (now->stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) != 0)
    return stop(comparison, VAS_ROOTS_FLAGS);
  record_entry(comparison->record, VAS_ENTRY_CHANGE, comparison->pid, 0, kind, comparison->path, comparison->length);
  comparison->verdict = VAS_ROOTS_DIFFER;
  return 0;
}

/* ---- what comes or goes as a whole ---- */

static int look_below(struct comparison *comparison, int directory, const char *name, bool comes) {
  cleanup_close int fd = open_below(directory, name, O_PATH);
  struct statx status;
  struct names names = {0};

  if (fd < 0)
    return fd == -EXDEV ? stop(comparison, VAS_ROOTS_MOUNT) : fd;
  int error = status_of(fd, &status);
  if (error >= 0)
    error = count_change(comparison, comes && S_ISREG(status.stx_mode) ? status.stx_size : 0);
  if (error < 0)
    return error;
  if (!comes && (status.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) != 0)
    return stop(comparison, VAS_ROOTS_FLAGS);
  if (comes && S_ISSOCK(status.stx_mode))
    return stop(comparison, VAS_ROOTS_SOCKET);
  /* Of one that goes, all names do, or another name tells of it. */
  if (comes && !is_directory(&status) && status.stx_nlink > 1)
    return stop(comparison, VAS_ROOTS_LINKS);
  if (!is_directory(&status))
    return 0;
  error = names_add(&names, fd);
  for (size_t i = 0; i < names.count && error >= 0; i++)
    error = look_below(comparison, fd, names.list[i], comes);
  names_free(&names);
  return error;
}

/* ---- what is in both ---- */

/* Which names are of one file must be the same in both, too. */
static int compare_links(struct comparison *comparison, const struct statx *now, const struct statx *wanted) {
  for (size_t i = 0; i < comparison->twin_count; i++) {
    bool same_now = comparison->twins[i].now == now->stx_ino, same_wanted = comparison->twins[i].wanted == wanted->stx_ino;
    if (same_now != same_wanted)
      return stop(comparison, VAS_ROOTS_LINKS);
    if (same_now)
      return 0;
  }
  if (comparison->twin_count == TWINS_MAX)
    return stop(comparison, VAS_ROOTS_LINKS);
  struct twin *moved = realloc(comparison->twins, (comparison->twin_count + 1) * sizeof(*moved));
  if (moved == NULL)
    return -ENOMEM;
  comparison->twins = moved;
  moved[comparison->twin_count++] = (struct twin){now->stx_ino, wanted->stx_ino};
  return 0;
}

static int same_file_contents(int now, int wanted, const char *name) {
  cleanup_close int a = open_below(now, name, O_RDONLY | O_NONBLOCK | O_NOATIME);
  cleanup_close int b = open_below(wanted, name, O_RDONLY | O_NONBLOCK);
  return a < 0 ? a : b < 0 ? b : same_contents(a, b);
}

/* Of one type. Returns whether it is to be replaced. */
static int is_another(const struct statx *a, const struct statx *b, int now, int wanted, const char *name) {
  char target[PATH_MAX], other[PATH_MAX];

  if (S_ISLNK(a->stx_mode)) {
    ssize_t n = readlinkat(now, name, target, sizeof(target)), m = readlinkat(wanted, name, other, sizeof(other));
    return n < 0 || m < 0 ? -errno : n != m || memcmp(target, other, (size_t)n) != 0;
  }
  return (S_ISCHR(a->stx_mode) || S_ISBLK(a->stx_mode)) &&
         (a->stx_rdev_major != b->stx_rdev_major || a->stx_rdev_minor != b->stx_rdev_minor);
}

static int compare_directories(struct comparison *comparison, int upper, int layer, int now, int wanted, bool whole);

/* Whether what lies below a directory of a layer does not matter, or not there: it says so by these attributes. */
static bool hides(int directory) {
  return directory >= 0 && (fgetxattr(directory, "trusted.overlay.opaque", NULL, 0) >= 0 ||
                            fgetxattr(directory, "trusted.overlay.redirect", NULL, 0) >= 0);
}

static int enter_layer(int layer, const char *name) {
  return layer < 0 ? -1 : openat(layer, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* An entry of both trees, at a and b. 1: it is to be replaced. */
static int compare_both(struct comparison *comparison, int upper, int layer, int now, int wanted, const char *name, int a, int b,
                        bool whole) {
  struct statx is, was;
  int error = status_of(a, &is);

  if (error < 0 || (error = status_of(b, &was)) < 0)
    return error;
  int another = (is.stx_mode & S_IFMT) != (was.stx_mode & S_IFMT) || is_another(&is, &was, now, wanted, name);
  if (another != 0) {
    if (another > 0 && (error = tell(comparison, VAS_CHANGE_REPLACE, &is)) >= 0 &&
        (error = look_below(comparison, now, name, false)) >= 0)
      error = look_below(comparison, wanted, name, true);
    return another < 0 ? another : error < 0 ? error : 1;
  }
  bool contents = false, entries = false;
  if (is_directory(&is)) {
    cleanup_close int upper_below = enter_layer(upper, name);
    cleanup_close int layer_below = enter_layer(layer, name);
    int changed = compare_directories(comparison, upper_below, layer_below, a, b,
                                      whole || hides(upper_below) || hides(layer_below));
    if (changed < 0)
      return changed;
    entries = changed > 0;
  } else if (S_ISREG(is.stx_mode)) {
    int same = is.stx_size == was.stx_size ? same_file_contents(now, wanted, name) : 0;
    if (same < 0)
      return same;
    contents = !same;
  }
  int same = S_ISREG(is.stx_mode) || is_directory(&is) ? same_attributes(a, b) : 1;
  if (same < 0)
    return same;
  bool differs = contents || entries || !same || !same_status(&is, &was);
  if (!is_directory(&is) && (is.stx_nlink > 1 || was.stx_nlink > 1)) {
    if (differs || is.stx_nlink != was.stx_nlink)
      return stop(comparison, VAS_ROOTS_LINKS);
    return compare_links(comparison, &is, &was);
  }
  if (!differs)
    return 0;
  error = tell(comparison, contents ? VAS_CHANGE_CONTENTS : VAS_CHANGE_ATTRIBUTES, &is);
  return error < 0 ? error : count_change(comparison, was.stx_size > is.stx_size ? was.stx_size - is.stx_size : 0);
}

/* Returns whether the entry comes, goes or is replaced. */
static int compare_at(struct comparison *comparison, int upper, int layer, int now, int wanted, const char *name, bool whole) {
  cleanup_close int a = open_below(now, name, O_PATH);
  cleanup_close int b = open_below(wanted, name, O_PATH);
  struct statx status;
  int error;

  if (a == -EXDEV)
    return stop(comparison, VAS_ROOTS_MOUNT);
  if ((a < 0 && a != -ENOENT) || (b < 0 && b != -ENOENT))
    return a < 0 && a != -ENOENT ? a : b;
  if (a < 0 && b < 0)
    return 0;
  if (a >= 0 && b >= 0)
    return compare_both(comparison, upper, layer, now, wanted, name, a, b, whole);
  if (a < 0)
    error = tell(comparison, VAS_CHANGE_MAKE, NULL);
  else if ((error = status_of(a, &status)) >= 0)
    error = tell(comparison, VAS_CHANGE_REMOVE, &status);
  if (error >= 0)
    error = look_below(comparison, a < 0 ? wanted : now, name, a < 0);
  return error < 0 ? error : 1;
}

static int compare_entry(struct comparison *comparison, int upper, int layer, int now, int wanted, const char *name, bool whole) {
  size_t outer = comparison->length, length = strlen(name);

  if (outer + length + 2 > sizeof(comparison->path))
    return stop(comparison, VAS_ROOTS_MUCH);
  if (outer > 0)
    comparison->path[comparison->length++] = '/';
  memcpy(comparison->path + comparison->length, name, length);
  comparison->length += length;
  int changed = compare_at(comparison, upper, layer, now, wanted, name, whole);
  comparison->length = outer;
  return changed;
}

/*
 * `whole`: the layers do not tell where the two may differ. Returns whether an entry comes, goes or is replaced, by which the
 * directory's times change.
 */
static int compare_directories(struct comparison *comparison, int upper, int layer, int now, int wanted, bool whole) {
  struct names names = {0};
  const int lists[] = {whole ? now : upper, whole ? wanted : layer};
  int error = 0, changed = 0;

  for (int i = 0; i < 2 && error >= 0; i++)
    if (lists[i] >= 0)
      error = names_add(&names, lists[i]);
  for (size_t i = 0; i < names.count && error >= 0; i++) {
    error = compare_entry(comparison, upper, layer, now, wanted, names.list[i], whole);
    changed |= error > 0;
  }
  names_free(&names);
  return error < 0 ? error : changed;
}

int compare_roots(struct record *record, pid_t pid, int upper, int layer, int now, int wanted) {
  struct comparison *comparison = calloc(1, sizeof(*comparison));
  struct statx is, was;

  if (comparison == NULL)
    return -ENOMEM;
  comparison->record = record;
  comparison->pid = pid;
  int error = compare_directories(comparison, upper, layer, now, wanted, hides(upper) || hides(layer));
  int changed = error, same = 1;
  if (error >= 0 && (error = status_of(now, &is)) >= 0 && (error = status_of(wanted, &was)) >= 0)
    error = same = same_attributes(now, wanted);
  if (error >= 0 && (changed > 0 || !same || !same_status(&is, &was)))
    error = tell(comparison, VAS_CHANGE_ATTRIBUTES, &is);
  int verdict = comparison->verdict;
  free(comparison->twins);
  free(comparison);
  return error < 0 && error != STOPPED ? error : verdict;
}
