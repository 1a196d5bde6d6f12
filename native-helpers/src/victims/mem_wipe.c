/* Memory that comes up zero in a fork: says "kept" or "zero". */
#define _GNU_SOURCE
#include "victim.h"

#include <sys/mman.h>

enum { SIZE = 1 << 20 };

int main(void) {
  uint8_t *wiped = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (wiped == MAP_FAILED)
    return 2;
  memset(wiped, 0x77, SIZE);
  MUST(madvise(wiped, SIZE, MADV_WIPEONFORK));
  victim_block_question();
  victim_say("ready");
  for (;;) {
    victim_await_question();
    size_t kept = 0;
    for (size_t i = 0; i < SIZE; i++)
      kept += wiped[i] == 0x77;
    victim_say(kept == SIZE ? "kept" : kept == 0 && wiped[0] == 0 ? "zero" : "FAILED: %zu bytes are left", kept);
  }
}
