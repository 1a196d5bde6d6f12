/* The usual devices, and standard input and output. */
#define _GNU_SOURCE
#include "victim.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static int null, zero, full, random_bytes, urandom, output;

static void expect_device(const char *what, int fd, unsigned minor_number, int access_mode) {
  struct stat status;
  MUST(fstat(fd, &status));
  EXPECT(S_ISCHR(status.st_mode) && major(status.st_rdev) == 1 && minor(status.st_rdev) == minor_number, "%s: device %u:%u", what,
         major(status.st_rdev), minor(status.st_rdev));
  EXPECT_EQUAL(what, access_mode, fcntl(fd, F_GETFL) & O_ACCMODE);
}

static void check(void) {
  char buffer[16];
  struct stat status, other;

  expect_device("standard input", STDIN_FILENO, 3, fcntl(STDIN_FILENO, F_GETFL) & O_ACCMODE);
  expect_device("null", null, 3, O_WRONLY);
  expect_device("zero", zero, 5, O_RDONLY);
  expect_device("full", full, 7, O_RDWR);
  expect_device("random", random_bytes, 8, O_RDONLY);
  expect_device("urandom", urandom, 9, O_RDONLY);
  EXPECT(write(full, "x", 1) < 0 && errno == ENOSPC, "/dev/full takes something");
  EXPECT_EQUAL("read of urandom", 16, read(urandom, buffer, sizeof(buffer)));
  EXPECT((fcntl(random_bytes, F_GETFL) & O_NONBLOCK) != 0, "O_NONBLOCK is lost");
  MUST(fstat(output, &status));
  MUST(fstat(STDOUT_FILENO, &other));
  EXPECT(status.st_ino == other.st_ino, "the log that was opened again is another's");
  MUST(fstat(STDERR_FILENO, &status));
  EXPECT(status.st_ino == other.st_ino, "standard error goes elsewhere");
  EXPECT((fcntl(STDOUT_FILENO, F_GETFL) & O_APPEND) != 0, "the log is not appended to");
}

int main(void) {
  MUST(null = open("/dev/null", O_WRONLY));
  MUST(zero = open("/dev/zero", O_RDONLY));
  MUST(full = open("/dev/full", O_RDWR));
  MUST(random_bytes = open("/dev/random", O_RDONLY | O_NONBLOCK));
  MUST(urandom = open("/dev/urandom", O_RDONLY));
  MUST(output = open("/proc/self/fd/1", O_WRONLY | O_APPEND));
  victim_serve(check);
}
