/*
 * Executes itself again when it is told to by SIGUSR2, and has then what it had before: a number that it was given, what is
 * ignored of signals, and new memory.
 */
#include "victim.h"

#define PAGES 300

static char *number;
static uint8_t *memory;

static void execute(int signal) {
  (void)signal;
  char next[16];
  snprintf(next, sizeof(next), "%d", atoi(number) + 1);
  execl("/proc/self/exe", "task_executes", next, NULL);
  _exit(4);
}

static void check(void) {
  for (int i = 0; i < PAGES; i++)
    EXPECT_EQUAL("a page", (uint8_t)(i + atoi(number)), memory[i * 4096]);
}

int main(int argc, char **argv) {
  struct sigaction action = {.sa_handler = execute, .sa_flags = SA_NODEFER};

  number = argc > 1 ? argv[1] : (char[]){"0"};
  memory = malloc(PAGES * 4096);
  for (int i = 0; i < PAGES; i++)
    memory[i * 4096] = (uint8_t)(i + atoi(number));
  MUST(sigaction(SIGUSR2, &action, NULL));
  if (argc > 1)
    victim_say("executed %s", number);
  victim_serve(check);
}
