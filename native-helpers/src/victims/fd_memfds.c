/* Files in memory: contents, seals, holes, a position, a file that is mapped as well, and one opened twice. */
#define _GNU_SOURCE
#include "victim.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int plain, sealed, fixed, mapped, again, executable;
static char *map;
static const char *sealed_map;

static void expect_bytes(const char *what, int fd, off_t offset, const char *text) {
  char buffer[64] = "";
  EXPECT(pread(fd, buffer, strlen(text), offset) == (ssize_t)strlen(text) && strcmp(buffer, text) == 0, "%s: \"%s\", not \"%s\"",
         what, buffer, text);
}

static void check(void) {
  char path[64], link[128] = "";
  struct stat status;
  char byte = 'x';

  snprintf(path, sizeof(path), "/proc/self/fd/%d", plain);
  EXPECT(readlink(path, link, sizeof(link) - 1) > 0 && strcmp(link, "/memfd:a name (deleted)") == 0, "link: %s", link);
  EXPECT_EQUAL("position", 3, lseek(plain, 0, SEEK_CUR));
  expect_bytes("contents", plain, 0, "abcdef");
  expect_bytes("contents behind a hole", plain, 1 << 20, "far");
  MUST(fstat(plain, &status));
  EXPECT_EQUAL("size", (1 << 20) + 3, status.st_size);
  EXPECT(status.st_blocks < 64, "the hole is filled: %lld blocks", (long long)status.st_blocks);
  pread(plain, &byte, 1, 1 << 19);
  EXPECT_EQUAL("byte in the hole", 0, byte);
  EXPECT_EQUAL("seals", 0, fcntl(plain, F_GET_SEALS));

  EXPECT_EQUAL("seals of the sealed one", F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL, fcntl(sealed, F_GET_SEALS));
  expect_bytes("sealed contents", sealed, 0, "sealed");
  EXPECT(pwrite(sealed, "x", 1, 0) < 0 && errno == EPERM, "a sealed file can be written to");
  EXPECT(memcmp(sealed_map, "sealed", 6) == 0, "the mapping of the sealed one has changed");
  EXPECT_EQUAL("seals of the one that can not be sealed", F_SEAL_SEAL, fcntl(fixed, F_GET_SEALS));
  MUST(fstat(executable, &status));
  EXPECT_EQUAL("mode", 0711, status.st_mode & 0777);

  EXPECT(memcmp(map, "mapped", 6) == 0, "the mapping has changed: %.6s", map);
  expect_bytes("mapped file", mapped, 0, "mapped");
  MUST(pwrite(mapped, "M", 1, 0));
  EXPECT(map[0] == 'M', "mapping and file are not the same any more");
  expect_bytes("file opened again", again, 0, "Mapped");
  MUST(pwrite(mapped, "m", 1, 0));
  EXPECT_EQUAL("position of the one opened again", 2, lseek(again, 0, SEEK_CUR));
  EXPECT((fcntl(again, F_GETFL) & O_ACCMODE) == O_RDONLY, "the one opened again can be written to");
}

int main(void) {
  char path[64];
  MUST(plain = memfd_create("a name", MFD_ALLOW_SEALING));
  MUST(pwrite(plain, "abcdef", 6, 0));
  MUST(pwrite(plain, "far", 3, 1 << 20));
  MUST(lseek(plain, 3, SEEK_SET));
  MUST(sealed = memfd_create("sealed", MFD_ALLOW_SEALING | MFD_CLOEXEC));
  MUST(write(sealed, "sealed", 6));
  MUST(fcntl(sealed, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL));
  sealed_map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, sealed, 0);
  if (sealed_map == MAP_FAILED)
    exit(2);
  MUST(fixed = memfd_create("fixed", 0));
  MUST(executable = memfd_create("executable", 0));
  MUST(fchmod(executable, 0711));
  MUST(mapped = memfd_create("mapped", 0));
  MUST(ftruncate(mapped, 3 * 4096));
  map = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, mapped, 0);
  if (map == MAP_FAILED)
    exit(2);
  strcpy(map, "mapped");
  snprintf(path, sizeof(path), "/proc/self/fd/%d", mapped);
  MUST(again = open(path, O_RDONLY));
  MUST(lseek(again, 2, SEEK_SET));
  victim_serve(check);
}
