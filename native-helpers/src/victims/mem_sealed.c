/* Has memory that nobody can unmap, protect otherwise or zap: mseal(2). What it holds can be written. */
#define _GNU_SOURCE
#include "victim.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define PAGE 4096UL
#define PAGES 16UL
#ifndef SYS_mseal
#define SYS_mseal 462 /* Linux 6.10 */
#endif

static uint8_t *memory;

static void check(void) {
  for (uint64_t page = 0; page < PAGES; page++)
    EXPECT_EQUAL("a page", page + 1, memory[page * PAGE]);
  EXPECT_EQUAL("munmap", EPERM, munmap(memory, PAGE) < 0 ? errno : 0);
  EXPECT_EQUAL("mprotect", EPERM, mprotect(memory, PAGE, PROT_READ) < 0 ? errno : 0);
  memory[PAGE - 1]++;
}

int main(void) {
  memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MUST(memory == MAP_FAILED ? -1 : 0);
  for (uint64_t page = 0; page < PAGES; page++)
    memory[page * PAGE] = (uint8_t)(page + 1);
  MUST(syscall(SYS_mseal, memory, PAGES * PAGE, 0));
  victim_serve(check);
}
