/* Private anonymous memory: dense, sparse, read-only, never touched, PROT_NONE, growing by brk and by malloc. */
#define _GNU_SOURCE
#include "victim.h"

#include <sys/mman.h>

enum { DENSE = 8 << 20, SPARSE = 64 << 20, STRIDE = 1 << 20 };

static uint8_t *dense, *sparse, *constant, *untouched, *forbidden;
static uint32_t *heap;
static char *top;
static uint64_t sum_before;

static uint64_t sum(const uint8_t *bytes, size_t length) {
  uint64_t total = 0;
  for (size_t i = 0; i < length; i++)
    total = total * 31 + bytes[i];
  return total;
}

static void check(void) {
  EXPECT_EQUAL("sum of the dense memory", sum_before, sum(dense, DENSE));
  for (size_t at = 0; at < SPARSE; at += 4096)
    EXPECT(sparse[at] == (at % STRIDE ? 0 : (uint8_t)(at / STRIDE + 1)), "byte %zu of the sparse memory is %d", at, sparse[at]);
  for (int i = 0; i < 4096; i++)
    EXPECT(constant[i] == 0x5a, "the read-only page has changed");
  EXPECT(untouched[123456] == 0, "untouched memory is not zero");
  for (int i = 0; i < 100000; i++)
    EXPECT(heap[i] == (uint32_t)i * 7, "the heap has changed");
  EXPECT(sbrk(0) == top, "the break is at %p, was at %p", sbrk(0), (void *)top);
  char *more = sbrk(8192);
  EXPECT(more == top, "the break does not go on: %p", (void *)more);
  if (more == top) {
    for (int i = 0; i < 8192; i++)
      EXPECT(more[i] == 0, "new heap is not zero at %d", i);
    memset(more, 1, 8192);
    EXPECT(sbrk(-8192) == top + 8192, "the break does not go back");
  }
  /* Still forbidden: a write to it through the kernel fails. */
  EXPECT(write(STDOUT_FILENO, forbidden, 1) < 0 && errno == EFAULT, "the forbidden page can be read");
}

int main(void) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  dense = mmap(NULL, DENSE, PROT_READ | PROT_WRITE, flags, -1, 0);
  sparse = mmap(NULL, SPARSE, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, -1, 0);
  constant = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, -1, 0);
  untouched = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, flags, -1, 0);
  forbidden = mmap(NULL, 4096, PROT_NONE, flags, -1, 0);
  if (dense == MAP_FAILED || sparse == MAP_FAILED || constant == MAP_FAILED || untouched == MAP_FAILED || forbidden == MAP_FAILED)
    return 2;
  for (size_t i = 0; i < DENSE; i++)
    dense[i] = (uint8_t)(i * 131 >> 3);
  sum_before = sum(dense, DENSE);
  for (size_t i = 0; i < SPARSE; i += STRIDE)
    sparse[i] = (uint8_t)(i / STRIDE + 1);
  memset(constant, 0x5a, 4096);
  MUST(mprotect(constant, 4096, PROT_READ));
  heap = sbrk(400000);
  for (int i = 0; i < 100000; i++)
    heap[i] = (uint32_t)i * 7;
  sbrk(-(intptr_t)(uintptr_t)sbrk(0) & 4095); /* whole pages, so that what is given back does not stay */
  top = sbrk(0);
  victim_serve(check);
}
