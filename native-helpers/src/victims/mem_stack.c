/* The main stack: what is on it, and that it still grows. */
#define _GNU_SOURCE
#include "victim.h"

enum { DEPTH = 1500, FRAME = 4096 };

static uint8_t (*shallow)[FRAME];

__attribute__((noinline)) static unsigned deep(unsigned depth) {
  volatile uint8_t frame[FRAME];
  for (int i = 0; i < FRAME; i += 512)
    frame[i] = (uint8_t)(depth + (unsigned)i);
  unsigned below = depth > 0 ? deep(depth - 1) : 0;
  for (int i = 0; i < FRAME; i += 512)
    if (frame[i] != (uint8_t)(depth + (unsigned)i))
      return below + 1;
  return below;
}

static void check(void) {
  for (int i = 0; i < 50; i++)
    for (int j = 0; j < FRAME; j++)
      EXPECT(shallow[i][j] == (uint8_t)(i * 3 + j), "the stack has changed at %d, %d", i, j);
  EXPECT_EQUAL("damaged frames", 0, deep(DEPTH));
}

int main(void) {
  uint8_t kept[50][FRAME];
  for (int i = 0; i < 50; i++)
    for (int j = 0; j < FRAME; j++)
      kept[i][j] = (uint8_t)(i * 3 + j);
  shallow = kept;
  victim_serve(check);
}
