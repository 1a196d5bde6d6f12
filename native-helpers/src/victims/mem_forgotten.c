/* Forks children that end at once and that nobody waits for: the kernel removes them as soon as they have ended. */
#define _GNU_SOURCE
#include "victim.h"

#include <sys/mman.h>
#include <sys/wait.h>

#define PAGE 4096UL
#define PAGES 64UL
#define CHILDREN 200

static uint8_t *memory;

static void check(void) {
  for (int i = 0; i < CHILDREN; i++) {
    pid_t child = fork();
    EXPECT(child >= 0, "fork: %s", strerror(errno));
    if (child == 0)
      _exit(0);
    memory[(unsigned)i % PAGES * PAGE] = (uint8_t)i;
  }
  while (wait(NULL) >= 0)
    ;
  EXPECT_EQUAL("children", ECHILD, errno);
  for (unsigned i = CHILDREN - PAGES; i < CHILDREN; i++)
    EXPECT_EQUAL("a page", (uint8_t)i, memory[i % PAGES * PAGE]);
}

int main(void) {
  memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MUST(memory == MAP_FAILED ? -1 : 0);
  memset(memory, 1, PAGES * PAGE);
  signal(SIGCHLD, SIG_IGN);
  victim_serve(check);
}
