/*
 * Does everything that can be done to private memory, in an order that a seed decides, and tells a digest of all that it
 * saw. On each SIGUSR1 it takes STEPS steps and prints "digest N X".
 *
 * Its copies must go on alike: one that was never snapshotted, a fork by map and a fork by copy print the same lines.
 * Some of the memory is a private mapping of a file, all of it written and then protected, as a loader leaves relocated data.
 *
 * Addresses that the kernel chooses are left out of the digest, and so is what the kernel leaves open (MADV_FREE).
 *
 * oracle_memory SEED STEPS
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define REGIONS 18
#define FILE_REGIONS 4 /* the last of them */
#define FILE_PAGES 64UL /* the file has more */
#define MAX_PAGES 1024UL
#define SLOT 0x100000000000UL

void *mremap(void *old, size_t old_size, size_t new_size, int flags, ...);
#define MREMAP_MAYMOVE 1
#define MREMAP_DONTUNMAP 4

struct region {
  uint8_t *start;
  size_t pages;
  int is_file;
  int divided; /* parts of it were treated apart: whether they are one VMA again is the kernel's own affair */
};

static struct region regions[REGIONS];
static uint64_t state, digest;
static char file_path[256];
static int asked;

static uint64_t next(void) {
  state += 0x9e3779b97f4a7c15ULL;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

static uint64_t below(uint64_t limit) { return next() % limit; }

static void mix(uint64_t value) {
  digest ^= value;
  digest *= 0x100000001b3ULL;
  digest ^= digest >> 29;
}

/* The result of a call: 0, or its error. */
static void mix_result(int failed) { mix(failed ? (uint64_t)errno : 0); }

static int slots_used;

static void map_region(struct region *region, size_t pages) {
  /* Each in a slot of its own, so that neighbours never merge. */
  uint8_t *at = (uint8_t *)(SLOT + (uint64_t)slots_used++ * (MAX_PAGES * PAGE * 4));
  int file = region->is_file ? open(file_path, O_RDONLY | O_CLOEXEC) : -1;
  region->start = mmap(at, pages * PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | (region->is_file ? 0 : MAP_ANONYMOUS) | MAP_FIXED_NOREPLACE, file, 0);
  if (file >= 0)
    close(file);
  if (region->start == MAP_FAILED) {
    printf("FAILED: mmap: %s\n", strerror(errno));
    exit(1);
  }
  region->pages = pages;
  region->divided = 0;
}

/* A page is readable or it is not: both must be the same everywhere. */
static void digest_page(const uint8_t *page) {
  int pair[2];
  uint64_t sum = 0;
  uint64_t words[PAGE / 8];

  if (pipe(pair) < 0)
    abort();
  if (write(pair[1], page, PAGE) != (ssize_t)PAGE) {
    mix(0xdead);
  } else if (read(pair[0], words, PAGE) == (ssize_t)PAGE) {
    for (size_t i = 0; i < PAGE / 8; i++)
      sum = (sum ^ words[i]) * 0x100000001b3ULL;
    mix(sum);
  }
  close(pair[0]);
  close(pair[1]);
}

static void digest_all(void) {
  for (int i = 0; i < REGIONS; i++)
    for (size_t page = 0; page < regions[i].pages; page++)
      digest_page(regions[i].start + page * PAGE);
}

static int is_writable(uint8_t *page) {
  int pair[2], result;

  if (pipe(pair) < 0)
    abort();
  if (write(pair[1], "x", 1) != 1)
    abort();
  result = read(pair[0], page, 1) == 1;
  close(pair[0]);
  close(pair[1]);
  return result;
}

static void scribble(uint8_t *start, size_t pages) {
  for (size_t page = 0; page < pages; page++)
    if (is_writable(start + page * PAGE))
      for (size_t i = 0; i < PAGE; i += 8 * (1 + below(64)))
        *(uint64_t *)(start + page * PAGE + i) = next();
}

static void advise(struct region *region) {
  /* DONTNEED and what is like it most often. HUGEPAGE, NOHUGEPAGE, COLD, PAGEOUT, WILLNEED, POPULATE_*, DONTDUMP ... */
  static const int advice[] = {MADV_DONTNEED, MADV_DONTNEED, MADV_DONTNEED, MADV_DONTNEED, 24 /* DONTNEED_LOCKED */,
                               MADV_NORMAL,   MADV_RANDOM,   MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTDUMP,
                               MADV_DODUMP,   14 /* HUGEPAGE */, 15 /* NOHUGEPAGE */, 20 /* COLD */, 21 /* PAGEOUT */,
                               22 /* POPULATE_READ */, 23 /* POPULATE_WRITE */, MADV_DOFORK, 18 /* WIPEONFORK */,
                               19 /* KEEPONFORK */, 102 /* GUARD_INSTALL */, 103 /* GUARD_REMOVE */};
  size_t first = below(region->pages), pages = 1 + below(region->pages - first);
  uint8_t *start = region->start + first * PAGE;
  int what = advice[below(sizeof(advice) / sizeof(advice[0]))];
  /* What has guard pages is not mapped, and what is wiped is zero in a fork. */
  if ((what >= 102 || what == 18) && asked == 0)
    what = MADV_DONTNEED;
  if (below(16) == 0) {
    /* Contents are undefined until written, so all of it is. */
    region->divided = 1;
    mix_result(mprotect(start, pages * PAGE, PROT_READ | PROT_WRITE) < 0);
    mix_result(madvise(start, pages * PAGE, MADV_FREE) < 0);
    int byte = (int)below(256);
    for (size_t page = 0; page < pages; page++)
      if (is_writable(start + page * PAGE))
        memset(start + page * PAGE, byte, PAGE);
    return;
  }
  if (what != MADV_DONTNEED && what != 24 && what < 102)
    region->divided = 1;
  mix_result(madvise(start, pages * PAGE, what) < 0);
}

static void replace(struct region *region);

/* What is divided cannot be moved as a whole; then it begins anew. */
static void make_whole(struct region *region) {
  if (region->divided)
    replace(region);
}

static void resize(struct region *region) {
  make_whole(region);
  size_t pages = 1 + below(MAX_PAGES / 4);
  uint8_t *moved = mremap(region->start, region->pages * PAGE, pages * PAGE, MREMAP_MAYMOVE);
  mix_result(moved == MAP_FAILED);
  if (moved != MAP_FAILED) {
    region->start = moved;
    region->pages = pages;
  }
}

static void move_away(struct region *region) {
  make_whole(region);
  uint8_t *old = region->start;
  uint8_t *moved = mremap(old, region->pages * PAGE, region->pages * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
  mix_result(moved == MAP_FAILED);
  if (moved == MAP_FAILED)
    return;
  for (size_t page = 0; page < region->pages; page++)
    digest_page(old + page * PAGE); /* zeros */
  munmap(old, region->pages * PAGE);
  region->start = moved;
}

static void protect(struct region *region) {
  static const int protections[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE};
  size_t first = below(4) ? 0 : below(region->pages), pages = first ? 1 + below(region->pages - first) : region->pages;
  region->divided = 1;
  mix_result(mprotect(region->start + first * PAGE, pages * PAGE, protections[below(4)]) < 0);
}

static void lock(struct region *region) {
  size_t first = below(region->pages), pages = 1 + below(region->pages - first);
  if (pages > 16)
    pages = 16;
  region->divided = 1;
  if (below(2))
    mix_result(mlock(region->start + first * PAGE, pages * PAGE) < 0);
  else
    mix_result(munlock(region->start + first * PAGE, pages * PAGE) < 0);
}

static void replace(struct region *region) {
  munmap(region->start, region->pages * PAGE);
  map_region(region, 1 + below(region->is_file ? FILE_PAGES : MAX_PAGES / 8));
  scribble(region->start, region->pages);
  if (region->is_file)
    mix_result(mprotect(region->start, region->pages * PAGE, PROT_READ) < 0);
}

static void replace_middle(struct region *region) {
  size_t first = below(region->pages), pages = 1 + below(region->pages - first);
  region->divided = 1;
  void *got = mmap(region->start + first * PAGE, pages * PAGE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  mix_result(got == MAP_FAILED);
}

static void grow_heap(void) {
  static uint8_t *bottom;
  uint8_t *end = sbrk(0);
  if (bottom == NULL)
    bottom = end;
  if (below(3) && end > bottom + 8 * PAGE) {
    mix_result(sbrk(-(intptr_t)(4 * PAGE)) == (void *)-1);
  } else {
    size_t bytes = (1 + below(16)) * PAGE;
    uint8_t *added = sbrk((intptr_t)bytes);
    mix_result(added == (void *)-1);
    if (added != (void *)-1) {
      for (size_t i = 0; i < bytes; i += 512)
        mix(added[i]); /* zeros */
      memset(added, (int)below(256), bytes);
    }
  }
}

/* A child sees what its parent sees, and zaps what it likes without its parent noticing. */
static void fork_child(void) {
  int pair[2];
  uint64_t result = 0;
  int status;

  if (pipe(pair) < 0)
    abort();
  pid_t child = fork();
  if (child == 0) {
    digest_all();
    for (int i = 0; i < 8; i++)
      advise(&regions[below(REGIONS)]);
    for (int i = 0; i < 3; i++)
      resize(&regions[below(REGIONS)]);
    digest_all();
    if (write(pair[1], &digest, sizeof(digest)) != sizeof(digest))
      _exit(2);
    _exit(0);
  }
  if (child < 0 || read(pair[0], &result, sizeof(result)) != sizeof(result) || waitpid(child, &status, 0) != child ||
      status != 0) {
    printf("FAILED: child: %s\n", strerror(errno));
    exit(1);
  }
  mix(result);
  close(pair[0]);
  close(pair[1]);
}

static void step(void) {
  struct region *region = &regions[below(REGIONS)];
  switch (below(24)) {
  case 0:
  case 1:
  case 2:
  case 3:
  case 4:
  case 5:
    scribble(region->start + below(region->pages) * PAGE, 1);
    break;
  case 6:
  case 7:
  case 8:
  case 9:
  case 10:
  case 11:
  case 12:
    advise(region);
    break;
  case 13:
  case 14:
  case 15:
    resize(region);
    break;
  case 16:
    move_away(region);
    break;
  case 17:
    protect(region);
    break;
  case 18:
    lock(region);
    break;
  case 19:
    replace(region);
    break;
  case 20:
    replace_middle(region);
    break;
  case 21:
  case 22:
    grow_heap();
    break;
  case 23:
    if (below(8) == 0)
      fork_child();
    break;
  }
}

/* A second thread reads all the time: what holds the first must hold it, too. */
static void *reader(void *unused) {
  static volatile uint64_t sum;
  static uint64_t table[65536];
  (void)unused;
  for (size_t i = 0; i < 65536; i++)
    table[i] = i;
  for (;;) {
    for (size_t i = 0; i < 65536; i++)
      sum += table[i];
    usleep(500);
  }
  return NULL;
}

/* The C library: large enough, and the host's. */
static void find_file(void) {
  char line[512], *path;
  FILE *maps = fopen("/proc/self/maps", "re");

  while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
    if ((path = strchr(line, '/')) != NULL && strstr(path, "/libc.so") != NULL)
      snprintf(file_path, sizeof(file_path), "%.*s", (int)strcspn(path, "\n"), path);
  if (file_path[0] == 0) {
    printf("FAILED: where is the C library?\n");
    exit(1);
  }
  fclose(maps);
}

int main(int argc, char **argv) {
  sigset_t set;
  pthread_t thread;
  int got;

  setvbuf(stdout, NULL, _IONBF, 0);
  if (argc != 3) {
    fprintf(stderr, "usage: oracle_memory SEED STEPS\n");
    return 2;
  }
  state = strtoull(argv[1], NULL, 0);
  int steps = atoi(argv[2]);
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  find_file();
  for (int i = REGIONS - FILE_REGIONS; i < REGIONS; i++) {
    regions[i].is_file = 1;
    map_region(&regions[i], 1 + below(FILE_PAGES));
    scribble(regions[i].start, regions[i].pages);
    mix_result(mprotect(regions[i].start, regions[i].pages * PAGE, PROT_READ) < 0);
  }
  for (int i = 0; i < REGIONS - FILE_REGIONS; i++) {
    /* Dense ones, sparse ones, small ones, one with huge pages. */
    map_region(&regions[i], i < 4 ? MAX_PAGES : 1 + below(MAX_PAGES / 4));
    for (size_t page = 0; page < regions[i].pages; page++)
      if (i % 3 != 2 || page % 17 == 0)
        scribble(regions[i].start + page * PAGE, 1);
  }
  pthread_create(&thread, NULL, reader, NULL);
  for (int i = 0; i < steps; i++)
    step();
  digest_all();
  printf("ready\n");
  for (;;) {
    if (sigwait(&set, &got) != 0)
      continue;
    asked++;
    for (int i = 0; i < steps; i++)
      step();
    digest_all();
    printf("digest %d %016lx\n", asked, digest);
  }
}
