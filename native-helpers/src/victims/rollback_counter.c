/*
 * Keeps one number in memory, in a pipe and, with the argument "files", in a file of its layer, too. SIGUSR2 adds one, SIGUSR1
 * asks for it: "NUMBER", or what does not agree. Besides, each number up to it has a page of its own. With "block" it is in
 * every page of two huge ones, too.
 */
#define _GNU_SOURCE
#include "victim.h"

#include <fcntl.h>
#include <sys/mman.h>

#define PAGES 64
#define HISTORY 512
#define BLOCK 1024
#define BLOCK_START 0x100000000000UL /* by itself, and where a huge page begins */

static uint32_t *numbers; /* one at the begin of each page */
static uint32_t *history; /* the same, of numbers that there were; 0 where there was none */
static uint32_t *block;   /* NULL without; no page is there while the number is 0 */
static int pipes[2], file = -1;

static uint32_t in_pipe(void) {
  uint32_t number = 0;
  MUST(read(pipes[0], &number, sizeof(number)));
  return number;
}

static void put(uint32_t number) {
  for (int i = 0; i < PAGES; i++)
    numbers[i * 1024] = number;
  if (number > 0)
    history[number % HISTORY * 1024] = number;
  for (int i = 0; block != NULL && number > 0 && i < BLOCK; i++)
    block[i * 1024] = number;
  MUST(write(pipes[1], &number, sizeof(number)));
  if (file >= 0)
    MUST(pwrite(file, &number, sizeof(number), 0));
}

static void tell(void) {
  uint32_t number = in_pipe(), filed = number;

  MUST(write(pipes[1], &number, sizeof(number)));
  for (int i = 0; i < PAGES; i++)
    EXPECT_EQUAL("a page's number", number, numbers[i * 1024]);
  for (uint32_t i = 0; i < HISTORY && number < HISTORY; i++)
    EXPECT_EQUAL("a page of the history", i <= number ? i : 0, history[i * 1024]);
  for (int i = 0; block != NULL && i < BLOCK; i++)
    EXPECT_EQUAL("a page of the block", number, block[i * 1024]);
  if (file >= 0)
    MUST(pread(file, &filed, sizeof(filed), 0));
  EXPECT_EQUAL("the file's number", number, filed);
  if (!victim_failed)
    victim_say("%u", number);
}

int main(int argc, char **argv) {
  sigset_t questions;

  sigemptyset(&questions);
  sigaddset(&questions, SIGUSR1);
  sigaddset(&questions, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &questions, NULL);
  numbers = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MUST(numbers == MAP_FAILED ? -1 : 0);
  history = mmap(NULL, HISTORY * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (argc == 2 && strcmp(argv[1], "block") == 0) {
    block = mmap((void *)BLOCK_START, BLOCK * 4096, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    MUST(block == MAP_FAILED ? -1 : 0);
  }
  MUST(pipe(pipes));
  if (argc == 2 && strcmp(argv[1], "files") == 0)
    MUST(file = open("/rollback_counter", O_RDWR | O_CREAT, 0600));
  put(0);
  victim_say("ready");
  for (;;) {
    victim_failed = false;
    if (sigwaitinfo(&questions, NULL) == SIGUSR2)
      put(in_pipe() + 1);
    tell();
  }
}
