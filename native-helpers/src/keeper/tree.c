/* Copies directory trees: the writable layer of an instance, which an overlay keeps as files, whiteouts and attributes. */
#include "keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

struct link {
  dev_t device;
  ino_t inode;
  char *path; /* of the copy, below the root of the copy */
};

struct copying {
  int to_root;
  struct link *links; /* files that have further names */
  size_t link_count;
};

static void self_path(char path[64], int fd) { snprintf(path, 64, "/proc/self/fd/%d", fd); }

int copy_attributes(int from, int to) {
  char names[4096], value[65536], from_path[64], to_path[64];

  self_path(from_path, from);
  self_path(to_path, to);
  ssize_t length = listxattr(from_path, names, sizeof(names));
  if (length < 0)
    return errno == ENOTSUP ? 0 : -errno;
  for (const char *name = names; name < names + length; name += strlen(name) + 1) {
    ssize_t n = getxattr(from_path, name, value, sizeof(value));
    if (n < 0 || setxattr(to_path, name, value, (size_t)n, 0) < 0)
      return -errno;
  }
  return 0;
}

static int copy_contents(int from, int to, off_t size) {
  if (ftruncate(to, size) < 0)
    return -errno;
  for (off_t at = 0; at < size;) {
    off_t data = lseek(from, at, SEEK_DATA);
    if (data < 0)
      break;
    off_t hole = lseek(from, data, SEEK_HOLE);
    if (hole < 0 || lseek(to, data, SEEK_SET) < 0)
      return -errno;
    while (data < hole) {
      ssize_t n = sendfile(to, from, &data, (size_t)(hole - data));
      if (n < 0)
        return -errno;
      if (n == 0)
        break;
    }
    at = hole;
  }
  return 0;
}

/* The copy made earlier of a file that has several names; or remembers this one. 1: linked. */
static int link_earlier(struct copying *copying, const struct stat *status, int to, const char *name, const char *path) {
  for (size_t i = 0; i < copying->link_count; i++)
    if (copying->links[i].device == status->st_dev && copying->links[i].inode == status->st_ino)
      return linkat(copying->to_root, copying->links[i].path, to, name, 0) < 0 ? -errno : 1;
  struct link *moved = realloc(copying->links, (copying->link_count + 1) * sizeof(*moved));
  if (moved == NULL)
    return -ENOMEM;
  copying->links = moved;
  moved[copying->link_count].path = strdup(path);
  if (moved[copying->link_count].path == NULL)
    return -ENOMEM;
  moved[copying->link_count].device = status->st_dev;
  moved[copying->link_count++].inode = status->st_ino;
  return 0;
}

static int copy_directory(struct copying *copying, int from, int to, const char *path);

static int copy_entry(struct copying *copying, int from, int to, const char *name, const char *path) {
  struct stat status;
  char target[4096];
  cleanup_close int source = -1;
  cleanup_close int copy = -1;

  if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
    return -errno;
  if (!S_ISDIR(status.st_mode) && status.st_nlink > 1) {
    int linked = link_earlier(copying, &status, to, name, path);
    if (linked != 0)
      return linked < 0 ? linked : 0;
  }
  if (S_ISREG(status.st_mode)) {
    source = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    copy = openat(to, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (source < 0 || copy < 0)
      return -errno;
    int error = copy_contents(source, copy, status.st_size);
    if (error < 0)
      return error;
  } else if (S_ISDIR(status.st_mode)) {
    if (mkdirat(to, name, 0700) < 0)
      return -errno;
    source = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    copy = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (source < 0 || copy < 0)
      return -errno;
    int error = copy_directory(copying, source, copy, path);
    if (error < 0)
      return error;
  } else if (S_ISLNK(status.st_mode)) {
    ssize_t length = readlinkat(from, name, target, sizeof(target) - 1);
    if (length < 0)
      return -errno;
    target[length] = 0;
    if (symlinkat(target, to, name) < 0)
      return -errno;
  } else if (mknodat(to, name, status.st_mode, status.st_rdev) < 0) {
    return -errno;
  }
  if (source < 0) {
    source = openat(from, name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
    copy = openat(to, name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
    if (source < 0 || copy < 0)
      return -errno;
  }
  if (fchownat(copy, "", status.st_uid, status.st_gid, AT_EMPTY_PATH) < 0)
    return -errno;
  if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
    int error = copy_attributes(source, copy);
    if (error < 0)
      return error;
  }
  if (!S_ISLNK(status.st_mode) && fchmodat(to, name, status.st_mode & 07777, 0) < 0)
    return -errno;
  struct timespec times[2] = {status.st_atim, status.st_mtim};
  return utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* Reads a directory from its beginning, wherever who gave it has come to. */
static int open_entries(int directory, DIR **entries) {
  int list = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (list < 0)
    return -errno;
  *entries = fdopendir(list);
  if (*entries == NULL) {
    close_fd(&list);
    return -ENOMEM;
  }
  return 0;
}

/* The next one but for . and .., or NULL. */
static struct dirent *next_entry(DIR *entries) {
  struct dirent *entry;

  do
    entry = readdir(entries);
  while (entry != NULL && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
  return entry;
}

static int copy_directory(struct copying *copying, int from, int to, const char *path) {
  DIR *directory;
  int error = open_entries(from, &directory);

  if (error < 0)
    return error;
  for (struct dirent *entry; error >= 0 && (entry = next_entry(directory)) != NULL;) {
    char *below = NULL;
    if (asprintf(&below, "%s%s%s", path, *path ? "/" : "", entry->d_name) < 0)
      error = -ENOMEM;
    else
      error = copy_entry(copying, from, to, entry->d_name, below);
    free(below);
  }
  closedir(directory);
  return error;
}

static void forget_links(struct copying *copying) {
  for (size_t i = 0; i < copying->link_count; i++)
    free(copying->links[i].path);
  free(copying->links);
}

int copy_entry_of(int from, int to, const char *name) {
  struct copying copying = {.to_root = to};
  int error = copy_entry(&copying, from, to, name, name);

  forget_links(&copying);
  return error;
}

int copy_tree(int from, int to) {
  struct copying copying = {.to_root = to};
  struct stat status;
  int error = copy_directory(&copying, from, to, "");

  if (error >= 0 && fstat(from, &status) == 0) {
    /* The root's own owner and mode are the root's of the file system that is stacked upon it. */
    struct timespec times[2] = {status.st_atim, status.st_mtim};
    error = copy_attributes(from, to);
    if (error >= 0 && (fchown(to, status.st_uid, status.st_gid) < 0 || fchmod(to, status.st_mode & 07777) < 0 ||
                       futimens(to, times) < 0))
      error = -errno;
  }
  forget_links(&copying);
  return error;
}

int remove_other_attributes(int from, int to) {
  char names[4096], from_path[64], to_path[64];

  self_path(from_path, from);
  self_path(to_path, to);
  ssize_t length = listxattr(to_path, names, sizeof(names));
  if (length < 0)
    return errno == ENOTSUP ? 0 : -errno;
  for (const char *name = names; name < names + length; name += strlen(name) + 1)
    if (getxattr(from_path, name, NULL, 0) < 0 && (errno != ENODATA || removexattr(to_path, name) < 0))
      return -errno;
  return 0;
}

/* ---- names ---- */

void names_free(struct names *names) {
  for (size_t i = 0; i < names->count; i++)
    free(names->list[i]);
  free(names->list);
}

static int names_put(struct names *names, const char *name) {
  if ((names->count & (names->count - 1)) == 0) { /* room for a power of two */
    char **moved = realloc(names->list, (names->count ? names->count * 2 : 1) * sizeof(*moved));
    if (moved == NULL)
      return -ENOMEM;
    names->list = moved;
  }
  names->list[names->count] = strdup(name);
  return names->list[names->count] == NULL ? -ENOMEM : (names->count++, 0);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int names_add(struct names *names, int directory) {
  DIR *entries;
  int error = open_entries(directory, &entries);

  if (error < 0)
    return error;
  for (struct dirent *entry; error >= 0 && (entry = next_entry(entries)) != NULL;)
    error = names_put(names, entry->d_name);
  closedir(entries);
  if (names->count == 0)
    return error;
  qsort(names->list, names->count, sizeof(*names->list), by_name);
  size_t kept = 1;
  for (size_t i = 1; i < names->count; i++)
    if (strcmp(names->list[i], names->list[kept - 1]) == 0)
      free(names->list[i]);
    else
      names->list[kept++] = names->list[i];
  names->count = kept;
  return error;
}

/* ---- comparison ---- */

int same_contents(int a, int b) {
  char one[16384], other[16384];

  for (off_t at = 0;;) {
    ssize_t n = pread(a, one, sizeof(one), at), m = pread(b, other, sizeof(other), at);
    if (n < 0 || m < 0)
      return -errno;
    if (n != m || memcmp(one, other, (size_t)n) != 0)
      return 0;
    if (n == 0)
      return 1;
    at += n;
  }
}

int same_attributes(int a, int b) {
  char names[4096], others[4096], one[65536], other[65536], a_path[64], b_path[64];

  self_path(a_path, a);
  self_path(b_path, b);
  ssize_t length = listxattr(a_path, names, sizeof(names)), m = listxattr(b_path, others, sizeof(others));
  if (length < 0 || m < 0)
    return errno == ENOTSUP ? 1 : -errno;
  if (length != m)
    return 0;
  for (const char *name = names; name < names + length; name += strlen(name) + 1) {
    ssize_t n = getxattr(a_path, name, one, sizeof(one));
    if (n < 0 || getxattr(b_path, name, other, sizeof(other)) != n || memcmp(one, other, (size_t)n) != 0)
      return 0;
  }
  return 1;
}

static bool same_status(const struct stat *a, const struct stat *b) {
  /* A directory's size is how its file system counts, and its links are its entries. */
  return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid && a->st_rdev == b->st_rdev &&
         a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
         (S_ISDIR(a->st_mode) || (a->st_size == b->st_size && a->st_nlink == b->st_nlink));
}

static int same_directory(int from, int to);

static int same_entry(int from, int to, const char *name) {
  struct stat one, other;
  char target[4096], other_target[4096];

  if (fstatat(from, name, &one, AT_SYMLINK_NOFOLLOW) < 0)
    return -errno;
  if (fstatat(to, name, &other, AT_SYMLINK_NOFOLLOW) < 0)
    return errno == ENOENT ? 0 : -errno;
  if (!same_status(&one, &other))
    return 0;
  if (S_ISLNK(one.st_mode)) {
    ssize_t n = readlinkat(from, name, target, sizeof(target)), m = readlinkat(to, name, other_target, sizeof(other_target));
    return n < 0 || m < 0 ? -errno : n == m && memcmp(target, other_target, (size_t)n) == 0;
  }
  if (!S_ISREG(one.st_mode) && !S_ISDIR(one.st_mode))
    return 1;
  int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | (S_ISDIR(one.st_mode) ? O_DIRECTORY : 0);
  cleanup_close int a = openat(from, name, flags);
  cleanup_close int b = openat(to, name, flags);
  if (a < 0 || b < 0)
    return -errno;
  int same = same_attributes(a, b);
  if (same > 0)
    same = S_ISDIR(one.st_mode) ? same_directory(a, b) : same_contents(a, b);
  return same;
}

/* Calls use() for each entry of a directory until it returns something else than 1, which is returned. */
static int each_entry(int directory, int (*use)(int from, int to, const char *name), int to) {
  DIR *entries;
  int result = 1, error = open_entries(directory, &entries);

  if (error < 0)
    return error;
  for (struct dirent *entry; result == 1 && (entry = next_entry(entries)) != NULL;)
    result = use(directory, to, entry->d_name);
  closedir(entries);
  return result;
}

static int is_there(int from, int to, const char *name) {
  struct stat status;
  (void)from;
  return to >= 0 && fstatat(to, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static int same_directory(int from, int to) {
  int same = each_entry(to, is_there, from);
  return same == 1 ? each_entry(from, same_entry, to) : same;
}

int compare_trees(int from, int to) {
  int same = to < 0 ? each_entry(from, is_there, -1) : same_directory(from, to);
  return same < 0 ? same : !same;
}
