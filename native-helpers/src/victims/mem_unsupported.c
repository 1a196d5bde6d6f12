/* Something that can not be snapshotted; which, the argument says. The victim must not notice that it was tried. */
#define _GNU_SOURCE
#include "victim.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static uint8_t *memory;
static int descriptor = -1;

static void check(void) {
  if (memory != NULL)
    EXPECT(memory[0] == 1, "the memory is %d", memory[0]);
  if (descriptor >= 0)
    EXPECT(fcntl(descriptor, F_GETFD) >= 0, "the descriptor is gone");
}

static void *mapped(void *address) {
  MUST(address == MAP_FAILED ? -1 : 0);
  memory = address;
  memory[0] = 1;
  return address;
}

int main(int count, char **arguments) {
  const char *kind = count > 1 ? arguments[1] : "";

  if (strcmp(kind, "aio") == 0) {
    unsigned long context = 0;
    MUST(syscall(SYS_io_setup, 4, &context));
  } else if (strcmp(kind, "sysv") == 0) {
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    MUST(id);
    mapped(shmat(id, NULL, 0));
  } else if (strcmp(kind, "userfaultfd") == 0) {
    descriptor = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    MUST(descriptor);
  } else if (strcmp(kind, "hugetlb") == 0) {
    void *address = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    if (address == MAP_FAILED) {
      victim_say("no huge pages");
      return 0;
    }
    mapped(address);
  } else if (strcmp(kind, "child") == 0) {
    pid_t child = fork();
    MUST(child);
    if (child == 0)
      for (;;)
        pause();
  } else if (strcmp(kind, "zombie") == 0) {
    pid_t child = fork();
    MUST(child);
    if (child == 0)
      _exit(0);
    siginfo_t info;
    MUST(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT));
  } else if (strcmp(kind, "renamed") == 0) {
    int fd = open("/tmp/victim-one", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    MUST(fd);
    MUST(ftruncate(fd, 4096));
    MUST(link("/tmp/victim-one", "/tmp/victim-two"));
    mapped(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    MUST(unlink("/tmp/victim-one"));
    MUST(close(fd));
  } else {
    return 2;
  }
  victim_serve(check);
}
