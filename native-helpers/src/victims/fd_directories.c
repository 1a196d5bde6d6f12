/* Directories: one read half way, one as a place only. */
#define _GNU_SOURCE
#include "victim.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { FILES = 200 };
static int directory, place;
static char half[8192];
static long half_length;

static long read_some(char *buffer, long length) {
  return syscall(SYS_getdents64, directory, buffer, length);
}

/* Marks the names found in what getdents64 returned. */
static void mark(const char *buffer, long length, bool *found) {
  for (long at = 0; at < length; at += *(const unsigned short *)(buffer + at + 16)) {
    int number;
    if (sscanf(buffer + at + 19, "file-%d", &number) == 1 && number >= 0 && number < FILES)
      found[number] = true;
  }
}

static void check(void) {
  bool found[FILES] = {false};
  char buffer[4096];
  off_t before = lseek(directory, 0, SEEK_CUR);

  mark(half, half_length, found);
  for (long length; (length = read_some(buffer, sizeof(buffer))) > 0;)
    mark(buffer, length, found);
  for (int i = 0; i < FILES; i++)
    EXPECT(found[i], "file-%d was skipped", i);
  MUST(lseek(directory, before, SEEK_SET));
  EXPECT(faccessat(place, "file-7", F_OK, 0) == 0, "the place has another directory");
  EXPECT((fcntl(place, F_GETFL) & O_PATH) != 0, "O_PATH is lost");
}

int main(void) {
  MUST(mkdir("/tmp/directory", 0700));
  for (int i = 0; i < FILES; i++) {
    char path[64];
    int fd;
    snprintf(path, sizeof(path), "/tmp/directory/file-%d", i);
    MUST(fd = open(path, O_CREAT | O_WRONLY, 0600));
    close(fd);
  }
  MUST(directory = open("/tmp/directory", O_RDONLY | O_DIRECTORY));
  MUST(half_length = read_some(half, FILES / 2 * 32));
  MUST(place = open("/tmp/directory", O_PATH | O_DIRECTORY));
  victim_serve(check);
}
