/* mlockall for mappings to come: "now" locks them with their pages, "fault" as they are touched, "none" not at all. */
#define _GNU_SOURCE
#include "victim.h"

#include <sys/mman.h>

static char locked, present;

static void map_one(char *is_locked, char *is_present) {
  unsigned char in_memory = 0;
  char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mincore(page, 4096, &in_memory);
  *is_present = in_memory & 1;
  *is_locked = madvise(page, 4096, MADV_DONTNEED) < 0; /* the kernel refuses that for locked memory */
  munmap(page, 4096);
}

static void check(void) {
  char is_locked, is_present;
  map_one(&is_locked, &is_present);
  EXPECT_EQUAL("a new mapping's lock", locked, is_locked);
  EXPECT_EQUAL("a new mapping's page", present, is_present);
}

int main(int count, char **arguments) {
  const char *mode = count > 1 ? arguments[1] : "now";
  if (strcmp(mode, "none") != 0)
    MUST(mlockall(MCL_FUTURE | (strcmp(mode, "fault") == 0 ? MCL_ONFAULT : 0)));
  map_one(&locked, &present);
  EXPECT_EQUAL("lock", strcmp(mode, "none") != 0, locked);
  EXPECT_EQUAL("page", strcmp(mode, "now") == 0, present);
  victim_serve(check);
}
