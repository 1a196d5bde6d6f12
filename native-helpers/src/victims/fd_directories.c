/* Directories: one not read yet, one read to its end, one as a place only. */
#define _GNU_SOURCE
#include "victim.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { FILES = 200 };
static int begun, finished, place;

/* Counts the files among the names that are left to read. */
static int count_rest(int directory) {
  char buffer[4096];
  int count = 0;
  for (long length; (length = syscall(SYS_getdents64, directory, buffer, sizeof(buffer))) > 0;)
    for (long at = 0; at < length; at += *(const unsigned short *)(buffer + at + 16))
      count += strncmp(buffer + at + 19, "file-", 5) == 0;
  return count;
}

static void check(void) {
  EXPECT_EQUAL("files in the directory that was not read yet", FILES, count_rest(begun));
  MUST(lseek(begun, 0, SEEK_SET));
  EXPECT_EQUAL("files left in the one read to its end", 0, count_rest(finished));
  EXPECT(faccessat(place, "file-7", F_OK, 0) == 0, "the place has another directory");
  EXPECT((fcntl(place, F_GETFL) & O_PATH) != 0, "O_PATH is lost");
}

int main(int count, char **arguments) {
  MUST(mkdir("/tmp/directory", 0700));
  for (int i = 0; i < FILES; i++) {
    char path[64];
    int fd;
    snprintf(path, sizeof(path), "/tmp/directory/file-%d", i);
    MUST(fd = open(path, O_CREAT | O_WRONLY, 0600));
    close(fd);
  }
  MUST(begun = open("/tmp/directory", O_RDONLY | O_DIRECTORY));
  MUST(finished = open("/tmp/directory", O_RDONLY | O_DIRECTORY));
  count_rest(finished);
  MUST(place = open("/tmp/directory", O_PATH | O_DIRECTORY));
  if (count > 1 && strcmp(arguments[1], "half") == 0) {
    char buffer[1024];
    MUST(syscall(SYS_getdents64, begun, buffer, sizeof(buffer)));
  }
  victim_serve(check);
}
