/* Files: positions, flags, shared and separate offsets, locks, names that changed, files without names, O_PATH. */
#define _GNU_SOURCE
#include "victim.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

static int plain, plain_too, separate, appending, direct, host, removed, temporary, renamed, place, locked, flocked, status;
static struct stat removed_before;

static int create(const char *path, const char *text, int flags) {
  int fd;
  MUST(fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0640));
  MUST(write(fd, text, strlen(text)));
  MUST(close(fd));
  MUST(fd = open(path, flags));
  return fd;
}

static void expect_at(const char *what, int fd, off_t offset, const char *text) {
  char buffer[64] = "";
  EXPECT_EQUAL(what, offset, lseek(fd, 0, SEEK_CUR));
  EXPECT(pread(fd, buffer, strlen(text), offset) == (ssize_t)strlen(text) && strcmp(buffer, text) == 0, "%s: \"%s\", not \"%s\"",
         what, buffer, text);
}

/* Whether someone else could lock the range. */
static bool is_locked(const char *path, short type, off_t start, off_t length) {
  int fd;
  MUST(fd = open(path, O_RDWR));
  struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  bool result = fcntl(fd, F_OFD_SETLK, &range) < 0;
  close(fd);
  return result;
}

static void check(void) {
  struct stat now, named;

  expect_at("position", plain, 7, "89");
  MUST(lseek(plain, 3, SEEK_SET));
  expect_at("position of the duplicate", plain_too, 3, "45");
  expect_at("position of the second open", separate, 1, "23");
  MUST(lseek(plain, 7, SEEK_SET));
  EXPECT((fcntl(separate, F_GETFL) & O_ACCMODE) == O_RDONLY, "access mode");
  EXPECT(write(separate, "x", 1) < 0 && errno == EBADF, "a file open for reading can be written to");

  EXPECT((fcntl(appending, F_GETFL) & O_APPEND) != 0, "O_APPEND is lost");
  MUST(fstat(appending, &now));
  off_t size = now.st_size;
  MUST(lseek(appending, 0, SEEK_SET));
  MUST(write(appending, "!", 1));
  MUST(fstat(appending, &now));
  EXPECT_EQUAL("size after appending", size + 1, now.st_size);
  EXPECT((fcntl(direct, F_GETFL) & (O_SYNC | O_NOATIME)) == (O_SYNC | O_NOATIME), "O_SYNC or O_NOATIME is lost");

  expect_at("a host's file", host, 4, "");
  EXPECT_EQUAL("a lower file", 0, fstat(host, &now));

  expect_at("removed file", removed, 5, "moved");
  MUST(fstat(removed, &now));
  EXPECT_EQUAL("links of the removed file", 0, now.st_nlink);
  EXPECT_EQUAL("mode of the removed file", removed_before.st_mode, now.st_mode);
  EXPECT_EQUAL("owner of the removed file", removed_before.st_uid, now.st_uid);
  EXPECT_EQUAL("size of the removed file", removed_before.st_size, now.st_size);
  EXPECT(access("/tmp/removed", F_OK) < 0, "the removed file is there");
  expect_at("end of the removed file", removed, 5, "moved");
  char tail[4] = "";
  EXPECT(pread(removed, tail, 4, 1 << 20) == 4 && memcmp(tail, "tail", 4) == 0, "the removed file's end");
  expect_at("file without a name", temporary, 4, "");
  EXPECT(pread(temporary, tail, 4, 0) == 4 && memcmp(tail, "temp", 4) == 0, "the file without a name");

  expect_at("renamed file", renamed, 0, "renamed");
  MUST(fstat(renamed, &now));
  MUST(stat("/tmp/new-name", &named));
  EXPECT(now.st_ino == named.st_ino && now.st_dev == named.st_dev, "the renamed file is another");

  EXPECT((fcntl(place, F_GETFL) & O_PATH) != 0, "O_PATH is lost");
  EXPECT(read(place, tail, 1) < 0 && errno == EBADF, "O_PATH can be read");
  MUST(fstat(place, &now));
  EXPECT(S_ISLNK(now.st_mode), "O_PATH led to a link");

  EXPECT(is_locked("/tmp/locked", F_WRLCK, 10, 5), "a POSIX lock is lost");
  EXPECT(!is_locked("/tmp/locked", F_RDLCK, 10, 5), "a POSIX lock is for writing now");
  EXPECT(!is_locked("/tmp/locked", F_WRLCK, 15, 5), "a POSIX lock is too long");
  EXPECT(is_locked("/tmp/locked", F_RDLCK, 100, 0), "a lock of the open file is lost");
  int other;
  MUST(other = open("/tmp/flocked", O_RDONLY));
  EXPECT(flock(other, LOCK_SH | LOCK_NB) < 0, "flock is lost");
  close(other);
  /* It is this open file that holds it. */
  EXPECT_EQUAL("flock", 0, flock(flocked, LOCK_EX | LOCK_NB));

  char line[64] = "";
  EXPECT(pread(status, line, 6, 0) == 6 && memcmp(line, "Name:\t", 6) == 0, "/proc/self/status: %s", line);
  /* Closing any descriptor of the file releases the process's locks: once more for the next question. */
  struct flock range = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5};
  MUST(fcntl(locked, F_SETLK, &range));
}

int main(void) {
  plain = create("/tmp/plain", "123456789", O_RDWR);
  MUST(lseek(plain, 7, SEEK_SET));
  MUST(plain_too = dup(plain));
  MUST(separate = open("/tmp/plain", O_RDONLY));
  MUST(lseek(separate, 1, SEEK_SET));
  appending = create("/tmp/appending", "abc", O_WRONLY | O_APPEND);
  direct = create("/tmp/direct", "abc", O_RDWR | O_SYNC | O_NOATIME);
  MUST(host = open("/etc/passwd", O_RDONLY));
  MUST(lseek(host, 4, SEEK_SET));

  removed = create("/tmp/removed", "not rmoved but moved", O_RDWR);
  MUST(fchmod(removed, 0604));
  MUST(fchown(removed, 12, 34));
  MUST(pwrite(removed, "tail", 4, 1 << 20));
  MUST(pwrite(removed, "xxxxxmoved", 10, 0));
  MUST(lseek(removed, 5, SEEK_SET));
  MUST(unlink("/tmp/removed"));
  MUST(fstat(removed, &removed_before));
  MUST(temporary = open("/tmp", O_TMPFILE | O_RDWR, 0600));
  MUST(write(temporary, "temp", 4));
  renamed = create("/tmp/old-name", "renamed", O_RDWR);
  MUST(rename("/tmp/old-name", "/tmp/new-name"));
  MUST(symlink("/tmp/plain", "/tmp/link"));
  MUST(place = open("/tmp/link", O_PATH | O_NOFOLLOW));

  locked = create("/tmp/locked", "", O_RDWR);
  struct flock range = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5};
  MUST(fcntl(locked, F_SETLK, &range));
  range = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 0};
  MUST(fcntl(locked, F_OFD_SETLK, &range));
  flocked = create("/tmp/flocked", "", O_RDONLY);
  MUST(flock(flocked, LOCK_EX));
  MUST(status = open("/proc/self/status", O_RDONLY));
  victim_serve(check);
}
