/*
 * Half of a mapping moves away and comes back all the time, and the other half is written meanwhile: together they are one
 * mapping again, of which the kernel forgets that writes to it were tracked. Memory that comes and goes besides makes the
 * keeper register what is not tracked.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <sys/mman.h>

#define HALF 64
#define MOST 2048
#define PAGE_SIZE 4096UL

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t *memory, *away;
static uint32_t value[HALF];
static unsigned random_state = 1;

static uint32_t *word(unsigned page) { return (uint32_t *)(void *)(memory + page * PAGE_SIZE); }

static void write_some(void) {
  for (int i = 0; i < 16; i++) {
    unsigned page = (unsigned)rand_r(&random_state) % HALF;
    *word(page) = value[page] = (uint32_t)rand_r(&random_state);
  }
}

static void move(uint8_t *from, uint8_t *to) {
  MUST(mremap(from, HALF * PAGE_SIZE, HALF * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED ? -1 : 0);
}

static void *go_on(void *argument) {
  (void)argument;
  for (;;) {
    pthread_mutex_lock(&lock);
    move(memory + HALF * PAGE_SIZE, away);
    write_some();
    pthread_mutex_unlock(&lock);
    usleep(300 + (unsigned)rand_r(&random_state) % 3000);
    pthread_mutex_lock(&lock);
    uint8_t *other = mmap(NULL, MOST * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(other == MAP_FAILED ? -1 : 0);
    for (unsigned page = 0; page < MOST; page++)
      other[page * PAGE_SIZE] = 1;
    move(away, memory + HALF * PAGE_SIZE);
    write_some();
    pthread_mutex_unlock(&lock);
    usleep(300 + (unsigned)rand_r(&random_state) % 3000);
    MUST(munmap(other, MOST * PAGE_SIZE));
  }
  return NULL;
}

static void check(void) {
  pthread_mutex_lock(&lock);
  for (unsigned page = 0; page < HALF; page++)
    EXPECT(*word(page) == value[page], "page %u is %x, was %x", page, *word(page), value[page]);
  pthread_mutex_unlock(&lock);
}

/* Free addresses on both sides of what is mapped there keep it a mapping of its own. */
static uint8_t *room(void) {
  uint8_t *all = mmap(NULL, (2 * HALF + 2) * PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MUST(all == MAP_FAILED ? -1 : 0);
  return all + PAGE_SIZE;
}

int main(void) {
  pthread_t thread;

  victim_block_question();
  away = room();
  memory = mmap(room(), 2 * HALF * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  MUST(memory == MAP_FAILED ? -1 : 0);
  for (unsigned page = 0; page < 2 * HALF; page++)
    *word(page) = 0;
  write_some();
  MUST(-pthread_create(&thread, NULL, go_on, NULL));
  victim_serve(check);
}
