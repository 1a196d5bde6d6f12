/*
 * Mapped files: a private mapping with pages written (one of them with zeros), a shared mapping of a file of the instance's
 * own, one that is unlinked, a memfd mapped three times, shared anonymous memory of two protections.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <fcntl.h>
#include <sys/mman.h>

enum { PAGE = 4096, SIZE = 64 * PAGE };

static uint8_t *private_file, *own, *gone, *gone_private, *memory, *memory_again, *memory_private, *anonymous;
static uint8_t original[4 * PAGE];
static int own_fd, memory_fd, round_number;

static uint8_t *map(int fd, int protection, int flags) {
  uint8_t *address = mmap(NULL, SIZE, protection, flags, fd, 0);
  if (address == MAP_FAILED) {
    victim_say("FAILED: not set up: mmap: %s", strerror(errno));
    exit(2);
  }
  return address;
}

static void check(void) {
  static const uint8_t zeros[PAGE];
  uint8_t byte = 0;
  round_number++;

  EXPECT_SAME_BYTES("page of zeros written over a file's", zeros, private_file, PAGE);
  EXPECT(private_file[PAGE] == 0xaa, "a page written over a file's is %d", private_file[PAGE]);
  EXPECT_SAME_BYTES("rest of that page", original + PAGE + 1, private_file + PAGE + 1, PAGE - 1);
  EXPECT_SAME_BYTES("page of the file", original + 2 * PAGE, private_file + 2 * PAGE, 2 * PAGE);

  EXPECT(own[5 * PAGE] == 0x11, "the instance's file is %d", own[5 * PAGE]);
  own[100] = (uint8_t)round_number;
  MUST(pread(own_fd, &byte, 1, 100));
  EXPECT(byte == (uint8_t)round_number, "the instance's file is not shared with its mapping");

  EXPECT(gone[7] == 0x22 && gone_private[7] == 0x22, "the unlinked file is %d, %d", gone[7], gone_private[7]);
  EXPECT(gone_private[PAGE] == 0x23 && gone[PAGE] == 0, "the unlinked file's private page is %d, %d", gone_private[PAGE],
         gone[PAGE]);
  gone[9] = (uint8_t)round_number;
  EXPECT(gone_private[9] == (uint8_t)round_number, "the mappings of the unlinked file are apart");

  EXPECT(memory[3 * PAGE] == 0x33 && memory_again[3 * PAGE] == 0x33, "the memfd is %d", memory[3 * PAGE]);
  memory[10] = (uint8_t)round_number;
  EXPECT(memory_again[10] == (uint8_t)round_number, "the memfd's mappings are apart");
  MUST(pread(memory_fd, &byte, 1, 10));
  EXPECT(byte == (uint8_t)round_number, "the memfd is not shared with its mapping");
  EXPECT(memory_private[PAGE] == 0x34 && memory[PAGE] == 0, "the memfd's private page is %d, %d", memory_private[PAGE],
         memory[PAGE]);

  EXPECT(anonymous[0] == 0x44 && anonymous[SIZE - 1] == 0x55, "the shared memory is %d, %d", anonymous[0], anonymous[SIZE - 1]);
  EXPECT(write(own_fd, anonymous + SIZE / 2, 1) == 1, "the read-only half of the shared memory can not be read");
  MUST(lseek(own_fd, 0, SEEK_SET));
  anonymous[1] = (uint8_t)round_number;
}

int main(void) {
  int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  MUST(exe);
  MUST(pread(exe, original, sizeof(original), 0));
  private_file = map(exe, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  memset(private_file, 0, PAGE);
  private_file[PAGE] = 0xaa;
  MUST(mprotect(private_file, PAGE, PROT_READ));
  MUST(close(exe));

  own_fd = open("/tmp/victim-file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  MUST(own_fd);
  MUST(ftruncate(own_fd, SIZE));
  own = map(own_fd, PROT_READ | PROT_WRITE, MAP_SHARED);
  own[5 * PAGE] = 0x11;

  int unlinked = open("/tmp/victim-gone", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  MUST(unlinked);
  MUST(ftruncate(unlinked, SIZE));
  gone = map(unlinked, PROT_READ | PROT_WRITE, MAP_SHARED);
  gone_private = map(unlinked, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  gone[7] = 0x22;
  gone_private[PAGE] = 0x23;
  MUST(unlink("/tmp/victim-gone"));
  MUST(close(unlinked));

  memory_fd = memfd_create("victim", MFD_CLOEXEC);
  MUST(memory_fd);
  MUST(ftruncate(memory_fd, SIZE));
  memory = map(memory_fd, PROT_READ | PROT_WRITE, MAP_SHARED);
  memory_again = map(memory_fd, PROT_READ, MAP_SHARED);
  memory_private = map(memory_fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  memory[3 * PAGE] = 0x33;
  memory_private[PAGE] = 0x34;

  anonymous = map(-1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
  anonymous[0] = 0x44;
  anonymous[SIZE - 1] = 0x55;
  MUST(mprotect(anonymous + SIZE / 2, SIZE / 2, PROT_READ));
  victim_serve(check);
}
