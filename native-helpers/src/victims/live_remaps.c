/*
 * live_remaps SEED [forks|goes-on]
 *
 * A thread that maps, writes, zaps, moves, grows, splits, protects and unmaps memory all the time, and knows for each page
 * what must be in it. Seen from outside, between two steps, all pages are as it knows. With "forks" it has short-lived children,
 * with "goes-on" it does not stand still in a snapshot's fork.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <sys/mman.h>
#include <sys/wait.h>

#define AREAS 24
#define MAX_PAGES 1400 /* room for huge pages */
#define PAGE_SIZE 4096UL

static struct area {
  uint8_t *start;
  unsigned pages;
  bool mended; /* of several mappings, which the kernel may or may not see as one */
  uint32_t value[MAX_PAGES]; /* the first word of each page; the last one is its complement, unless it is 0 */
} areas[AREAS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned random_state;
static bool forks;
static volatile int *original; /* 0 in a snapshot's fork, which stands still, so that only the snapshot is judged */

static unsigned below(unsigned limit) { return (unsigned)rand_r(&random_state) % limit; }

static uint32_t *word(const struct area *area, unsigned page, unsigned index) {
  return (uint32_t *)(void *)(area->start + page * PAGE_SIZE) + index;
}

static void put(struct area *area, unsigned page, uint32_t value) {
  *word(area, page, 0) = value;
  *word(area, page, PAGE_SIZE / 4 - 1) = value ? ~value : 0;
  area->value[page] = value;
}

static void forget(struct area *area) {
  MUST(munmap(area->start, area->pages * PAGE_SIZE));
  area->start = NULL;
}

static void map(struct area *area) {
  area->pages = 1 + below(below(4) == 0 ? MAX_PAGES : 64);
  memset(area->value, 0, sizeof(area->value));
  area->mended = false;
  area->start = mmap(NULL, area->pages * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MUST(area->start == MAP_FAILED ? -1 : 0);
  if (below(3) == 0)
    madvise(area->start, area->pages * PAGE_SIZE, MADV_HUGEPAGE);
}

static void write_some(struct area *area) {
  unsigned from = below(area->pages), count = 1 + below(below(8) == 0 ? area->pages : 8);
  for (unsigned page = from; page < from + count && page < area->pages; page++)
    put(area, page, below(6) == 0 ? 0 : 1 + (uint32_t)rand_r(&random_state));
}

static void zap(struct area *area) {
  unsigned from = below(area->pages), count = 1 + below(area->pages - from);
  MUST(madvise(area->start + from * PAGE_SIZE, count * PAGE_SIZE, MADV_DONTNEED));
  memset(&area->value[from], 0, count * sizeof(area->value[0]));
}

static void resize(struct area *area) {
  unsigned pages = 1 + below(MAX_PAGES);
  uint8_t *moved = mremap(area->start, area->pages * PAGE_SIZE, pages * PAGE_SIZE, MREMAP_MAYMOVE);
  if (moved == MAP_FAILED)
    return;
  for (unsigned page = pages < area->pages ? pages : area->pages; page < MAX_PAGES; page++)
    area->value[page] = 0;
  area->start = moved;
  area->pages = pages;
}

/* To another place, by way of one that holds something else. */
static void move(struct area *area) {
  size_t length = area->pages * PAGE_SIZE;
  uint8_t *other = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MUST(other == MAP_FAILED ? -1 : 0);
  for (unsigned page = 0; page < area->pages; page += 1 + below(4))
    other[page * PAGE_SIZE] = 0x5a;
  uint8_t *moved = mremap(area->start, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, other);
  if (moved == MAP_FAILED) {
    MUST(munmap(other, length));
    return;
  }
  area->start = moved;
}

/* A mapping that is split by other rights, and put together again. */
static void protect(struct area *area) {
  unsigned from = below(area->pages), count = 1 + below(area->pages - from);
  MUST(mprotect(area->start + from * PAGE_SIZE, count * PAGE_SIZE, below(2) ? PROT_READ : PROT_NONE));
  for (unsigned i = below(200); i > 0; i--)
    __asm__ volatile("pause");
  MUST(mprotect(area->start, area->pages * PAGE_SIZE, PROT_READ | PROT_WRITE));
}

/* Something else in the same place. */
static void replace(struct area *area) {
  unsigned from = below(area->pages), count = 1 + below(area->pages - from);
  MUST(mmap(area->start + from * PAGE_SIZE, count * PAGE_SIZE, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED
           ? -1
           : 0);
  memset(&area->value[from], 0, count * sizeof(area->value[0]));
  area->mended = true;
}

static void have_child(void) {
  pid_t child = fork();
  MUST(child);
  if (child == 0) {
    for (int i = 0; i < AREAS; i++)
      if (areas[i].start != NULL)
        write_some(&areas[i]);
    _exit(0);
  }
  MUST(waitpid(child, NULL, 0));
}

static void step(void) {
  struct area *area = &areas[below(AREAS)];

  if (area->start == NULL) {
    map(area);
    return;
  }
  switch (below(forks ? 21 : 20)) {
  case 0:
    forget(area);
    break;
  case 1:
    zap(area);
    break;
  case 2:
    if (!area->mended)
      resize(area);
    break;
  case 3:
    if (!area->mended)
      move(area);
    break;
  case 4:
    protect(area);
    break;
  case 5:
    replace(area);
    break;
  case 20:
    have_child();
    break;
  default:
    write_some(area);
    break;
  }
}

static void *go_on(void *argument) {
  (void)argument;
  for (;;) {
    pthread_mutex_lock(&lock);
    while (!*original) {
      pthread_mutex_unlock(&lock);
      pause();
    }
    step();
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

static void check(void) {
  pthread_mutex_lock(&lock);
  for (int i = 0; i < AREAS; i++)
    for (unsigned page = 0; areas[i].start != NULL && page < areas[i].pages; page++) {
      uint32_t value = areas[i].value[page];
      uint32_t first = *word(&areas[i], page, 0), last = *word(&areas[i], page, PAGE_SIZE / 4 - 1);
      EXPECT(first == value && last == (value ? ~value : 0), "page %u of %u at %p is %x...%x, was %x", page, areas[i].pages,
             (void *)areas[i].start, first, last, value);
    }
  pthread_mutex_unlock(&lock);
}

int main(int argc, char **argv) {
  pthread_t thread;

  random_state = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
  forks = argc > 2 && strcmp(argv[2], "forks") == 0;
  victim_block_question();
  original = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MUST(original == MAP_FAILED ? -1 : 0);
  if (argc < 3 || strcmp(argv[2], "goes-on") != 0)
    MUST(madvise((void *)(uintptr_t)original, PAGE_SIZE, MADV_WIPEONFORK));
  *original = 1;
  for (int i = 0; i < 2000; i++)
    step();
  MUST(-pthread_create(&thread, NULL, go_on, NULL));
  victim_serve(check);
}
