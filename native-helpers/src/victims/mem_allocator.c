/*
 * Fills, frees and allocates again, as servers with jemalloc do (the test preloads it): calloc() trusts memory that the
 * allocator gave back to the kernel to be zero, without looking. Also sums memory that it never touches again.
 */
#include "victim.h"

enum { BLOCKS = 48, BLOCK = 512 << 10, KEPT = 8 << 20 };

static uint8_t *blocks[BLOCKS];
static uint64_t *kept;
static uint64_t sum;

static uint64_t sum_of_kept(void) {
  uint64_t total = 0;
  for (size_t i = 0; i < KEPT / sizeof(*kept); i++)
    total = total * 31 + kept[i];
  return total;
}

static void fill(void) {
  for (int i = 0; i < BLOCKS; i++) {
    blocks[i] = malloc(BLOCK);
    if (blocks[i] == NULL)
      abort();
    memset(blocks[i], 0xa5, BLOCK);
  }
}

static void check(void) {
  for (int round = 0; round < 4; round++) {
    for (int i = 0; i < BLOCKS; i++)
      free(blocks[i]);
    for (int i = 0; i < BLOCKS; i++) {
      blocks[i] = calloc(1, BLOCK);
      if (blocks[i] == NULL)
        abort();
      for (size_t at = 0; at < BLOCK; at++)
        EXPECT(blocks[i][at] == 0, "calloc gave byte %zu of block %d as 0x%x", at, i, blocks[i][at]);
      memset(blocks[i], 0x5a, BLOCK);
    }
  }
  EXPECT(sum_of_kept() == sum, "the sum of the kept memory has changed");
}

int main(void) {
  kept = malloc(KEPT);
  if (kept == NULL)
    return 2;
  for (size_t i = 0; i < KEPT / sizeof(*kept); i++)
    kept[i] = i * 0x9e3779b97f4a7c15ULL;
  sum = sum_of_kept();
  fill();
  victim_serve(check);
}
