/* Threads give memory other sizes all the time, each of them its own: mremap, mostly. */
#include "victim.h"

#define THREADS 3
#define LEAST 200000u
#define STEP 50000u

static _Atomic(unsigned) rounds[THREADS];

static void *resize(void *argument) {
  unsigned index = (unsigned)(uintptr_t)argument;
  uint8_t *memory = malloc(LEAST);

  for (unsigned i = 0;; i++) {
    memory = realloc(memory, LEAST + (i % 20) * STEP);
    memory[i % LEAST] = (uint8_t)i;
    rounds[index]++;
  }
  return NULL;
}

static void check(void) {
  for (int i = 0; i < THREADS; i++)
    EXPECT(rounds[i] > 0, "thread %d has done nothing", i);
}

int main(void) {
  victim_block_question();
  for (uintptr_t i = 0; i < THREADS; i++) {
    pthread_t thread;
    MUST(-pthread_create(&thread, NULL, resize, (void *)i));
  }
  victim_serve(check);
}
