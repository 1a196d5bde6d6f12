/*
 * Threads that count all the time, each in four places: a word, a large table of which it adds one to a random entry, a
 * file, and a pipe that holds the number. Whenever a step is done, the four agree.
 */
#include "victim.h"

#include <fcntl.h>
#include <sys/mman.h>

#define THREADS 4
#define PAGES 1024
#define PAGE_SIZE 4096

static struct counter {
  pthread_mutex_t lock;
  uint64_t count;
  uint8_t *table; /* one entry a page */
  int file;
  int pipe[2];
} counters[THREADS];

static uint64_t *entry(const struct counter *counter, unsigned page) {
  return (uint64_t *)(void *)(counter->table + (size_t)page * PAGE_SIZE);
}

static void *count_on(void *argument) {
  struct counter *counter = argument;
  unsigned random = (unsigned)(counter - counters) + 1;

  for (;;) {
    uint64_t in_pipe = 0;
    pthread_mutex_lock(&counter->lock);
    (*entry(counter, (unsigned)rand_r(&random) % PAGES))++;
    MUST(read(counter->pipe[0], &in_pipe, sizeof(in_pipe)));
    counter->count++;
    in_pipe++;
    MUST(pwrite(counter->file, &counter->count, sizeof(counter->count), 0));
    MUST(write(counter->pipe[1], &in_pipe, sizeof(in_pipe)));
    pthread_mutex_unlock(&counter->lock);
    usleep(20); /* others want the processors, too */
  }
  return NULL;
}

static void check(void) {
  for (int i = 0; i < THREADS; i++) {
    struct counter *counter = &counters[i];
    uint64_t in_table = 0, in_file = 0, in_pipe = 0;
    pthread_mutex_lock(&counter->lock);
    for (unsigned page = 0; page < PAGES; page++)
      in_table += *entry(counter, page);
    EXPECT(pread(counter->file, &in_file, sizeof(in_file), 0) == sizeof(in_file), "the file is empty");
    EXPECT(read(counter->pipe[0], &in_pipe, sizeof(in_pipe)) == sizeof(in_pipe), "the pipe is empty");
    EXPECT(write(counter->pipe[1], &in_pipe, sizeof(in_pipe)) == sizeof(in_pipe), "the pipe is full");
    EXPECT_EQUAL("the table's sum", counter->count, in_table);
    EXPECT_EQUAL("the number in the file", counter->count, in_file);
    EXPECT_EQUAL("the number in the pipe", counter->count, in_pipe);
    pthread_mutex_unlock(&counter->lock);
  }
}

int main(void) {
  victim_block_question();
  for (int i = 0; i < THREADS; i++) {
    struct counter *counter = &counters[i];
    char name[32];
    snprintf(name, sizeof(name), "/counter-%d", i);
    pthread_mutex_init(&counter->lock, NULL);
    counter->table = mmap(NULL, (size_t)PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(counter->table == MAP_FAILED ? -1 : 0);
    MUST(counter->file = open(name, O_RDWR | O_CREAT, 0600));
    MUST(pwrite(counter->file, &counter->count, sizeof(counter->count), 0));
    MUST(pipe(counter->pipe));
    MUST(write(counter->pipe[1], &counter->count, sizeof(counter->count)));
    pthread_t thread;
    MUST(-pthread_create(&thread, NULL, count_on, counter));
  }
  victim_serve(check);
}
