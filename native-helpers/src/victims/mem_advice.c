/* Advice, locks and kinds of mappings, as /proc/self/smaps shows them. */
#define _GNU_SOURCE
#include "victim.h"

#include <sys/mman.h>

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif

enum { PAGE = 4096, SIZE = 64 * PAGE };

struct mapping {
  const char *name;
  int advice;       /* or -1 */
  const char *flag; /* that smaps must show */
  bool dense;
  uint8_t *address;
};

static struct mapping mappings[] = {
    {"random", MADV_RANDOM, " rr", true, NULL},
    {"sequential", MADV_SEQUENTIAL, " sr", true, NULL},
    {"dontfork", MADV_DONTFORK, " dc", true, NULL},
    {"dontdump", MADV_DONTDUMP, " dd", true, NULL},
    {"hugepage", MADV_HUGEPAGE, " hg", true, NULL},
    {"nohugepage", MADV_NOHUGEPAGE, " nh", true, NULL},
    {"sparse nohugepage", MADV_NOHUGEPAGE, " nh", false, NULL},
    {"locked", -1, " lo", true, NULL},
    {"locked on fault", -2, " lf", false, NULL},
    {"noreserve", -3, " nr", true, NULL},
    {"read-only", -4, " rd", true, NULL},
    {"growing down", -5, " gd", false, NULL},
};

enum { COUNT = sizeof(mappings) / sizeof(mappings[0]) };

/* Into a buffer of its own: the heap would change what is looked at. */
static char smaps[1 << 20];

static void expect_flag(const struct mapping *mapping) {
  char start[32];
  snprintf(start, sizeof(start), "\n%lx-", (unsigned long)(uintptr_t)mapping->address);
  char *entry = strstr(smaps, start);
  EXPECT(entry != NULL, "%s: no mapping begins at %p", mapping->name, (void *)mapping->address);
  if (entry == NULL)
    return;
  EXPECT((unsigned long)strtoul(entry + strlen(start), NULL, 16) == (unsigned long)(uintptr_t)mapping->address + SIZE,
         "%s: its length has changed", mapping->name);
  char *flags = strstr(entry, "VmFlags:");
  char *end = flags ? strchr(flags, '\n') : NULL;
  char *found = flags ? strstr(flags, mapping->flag) : NULL;
  EXPECT(found != NULL && found < end, "%s: not%s: %.*s", mapping->name, mapping->flag, flags ? (int)(end - flags) : 0,
         flags ? flags : "");
}

static void check(void) {
  FILE *file = fopen("/proc/self/smaps", "r");
  size_t length = file ? fread(smaps, 1, sizeof(smaps) - 1, file) : 0;
  smaps[length] = 0;
  fclose(file);
  for (int i = 0; i < COUNT; i++) {
    struct mapping *mapping = &mappings[i];
    expect_flag(mapping);
    for (int page = 0; page < SIZE / PAGE; page++) {
      int expected = mapping->dense || page % 8 == 3 ? i + 1 : 0;
      if (mapping->dense || page % 8 == 3)
        EXPECT(mapping->address[page * PAGE] == expected, "%s: page %d is %d", mapping->name, page,
               mapping->address[page * PAGE]);
    }
  }
}

int main(void) {
  for (int i = 0; i < COUNT; i++) {
    struct mapping *mapping = &mappings[i];
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    if (mapping->advice == -3)
      flags |= MAP_NORESERVE;
    if (mapping->advice == -5)
      flags |= MAP_GROWSDOWN;
    /* Apart from each other, or mappings of the same kind would be one. */
    uint8_t *room = mmap(NULL, SIZE + 512 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED || munmap(room, SIZE + 512 * PAGE) < 0)
      return 2;
    mapping->address = mmap(room + 256 * PAGE, SIZE, PROT_READ | PROT_WRITE, flags | MAP_FIXED, -1, 0);
    if (mapping->address == MAP_FAILED) {
      victim_say("FAILED: not set up: %s: %s", mapping->name, strerror(errno));
      return 2;
    }
    if (mapping->advice >= 0)
      MUST(madvise(mapping->address, SIZE, mapping->advice));
    if (mapping->advice == -1)
      MUST(mlock(mapping->address, SIZE));
    if (mapping->advice == -2)
      MUST(mlock2(mapping->address, SIZE, MLOCK_ONFAULT));
    for (int page = 0; page < SIZE / PAGE; page++)
      if (mapping->dense || page % 8 == 3)
        mapping->address[page * PAGE] = (uint8_t)(i + 1);
    if (mapping->advice == -4)
      MUST(mprotect(mapping->address, SIZE, PROT_READ));
  }
  victim_serve(check);
}
