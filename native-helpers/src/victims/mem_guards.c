/* Guard pages (Linux 6.13): they forbid access without a mapping of their own; gone, they leave zeros. */
#define _GNU_SOURCE
#include "victim.h"

#include <sys/mman.h>

#define MADV_GUARD_INSTALL_ 102
#define MADV_GUARD_REMOVE_ 103

enum { PAGE = 4096, SIZE = 64 * PAGE };

static uint8_t *memory;
static bool known;

static bool can_read(const uint8_t *address) {
  int pipes[2];
  MUST(pipe(pipes));
  bool readable = write(pipes[1], address, 1) == 1;
  close(pipes[0]);
  close(pipes[1]);
  return readable;
}

static void check(void) {
  if (!known)
    return;
  for (int page = 0; page < SIZE / PAGE; page++) {
    bool is_guard = page == 0 || (page >= 10 && page < 20) || page == SIZE / PAGE - 1;
    EXPECT(can_read(memory + page * PAGE) == !is_guard, "page %d %s be read", page, is_guard ? "can" : "can not");
    if (!is_guard)
      EXPECT(memory[page * PAGE] == page + 1, "page %d is %d", page, memory[page * PAGE]);
  }
  EXPECT(madvise(memory + 12 * PAGE, PAGE, MADV_GUARD_REMOVE_) == 0, "a guard page can not be removed: %s", strerror(errno));
  if (can_read(memory + 12 * PAGE))
    EXPECT(memory[12 * PAGE] == 0, "a page that was guarded is %d", memory[12 * PAGE]);
  else
    EXPECT(false, "a guard page is still there");
  EXPECT(madvise(memory + 12 * PAGE, PAGE, MADV_GUARD_INSTALL_) == 0, "a guard page can not be installed: %s", strerror(errno));
}

int main(void) {
  memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return 2;
  for (int page = 0; page < SIZE / PAGE; page++)
    memory[page * PAGE] = (uint8_t)(page + 1);
  known = madvise(memory, PAGE, MADV_GUARD_INSTALL_) == 0;
  if (known) {
    MUST(madvise(memory + 10 * PAGE, 10 * PAGE, MADV_GUARD_INSTALL_));
    MUST(madvise(memory + SIZE - PAGE, PAGE, MADV_GUARD_INSTALL_));
  }
  victim_serve(check);
}
