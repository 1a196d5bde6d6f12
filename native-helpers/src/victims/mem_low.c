/* Has memory at low addresses, as programs have that are not position-independent, and the next far above. */
#define _GNU_SOURCE
#include "victim.h"

#include <sys/mman.h>

#define PAGE 4096UL
#define PAGES 64UL

static uint8_t *const places[] = {(uint8_t *)0x10000000, (uint8_t *)0x210000000000};

static uint8_t pattern(uint64_t place, uint64_t page) { return (uint8_t)(place * 100 + page + 1); }

static void check(void) {
  for (uint64_t i = 0; i < 2; i++)
    for (uint64_t page = 0; page < PAGES; page++)
      EXPECT_EQUAL("a page", pattern(i, page), places[i][page * PAGE]);
  /* A hole gets pages again that hold zeros. */
  MUST(madvise(places[1], PAGE, MADV_DONTNEED));
  EXPECT_EQUAL("a zapped page", 0, places[1][0]);
  memset(places[1], pattern(1, 0), PAGE);
}

int main(void) {
  for (uint64_t i = 0; i < 2; i++) {
    void *memory = mmap(places[i], PAGES * PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    MUST(memory == places[i] ? 0 : -1);
    for (uint64_t page = 0; page < PAGES; page++)
      memset(places[i] + page * PAGE, pattern(i, page), PAGE);
  }
  victim_serve(check);
}
