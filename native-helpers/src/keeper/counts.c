/*
 * What the guard has done, in a memfd that the daemon takes and maps: it can be read while the keeper is busy, and outlives
 * the daemon as the keeper does. Nobody but the keeper can write to it.
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 /* Linux 5.1 */
#endif

struct vas_guard_counts *guard_counts;

int guard_counts_make(void) {
  cleanup_close int file = memfd_create("vas-guard-counts", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (file < 0 || ftruncate(file, PAGE) < 0)
    return -errno;
  void *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (map == MAP_FAILED)
    return -errno;
  madvise(map, PAGE, MADV_DONTFORK); /* or every spawned child would inherit it */
  if (fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0)
    return -errno;
  guard_counts = map;
  int error = held_put(VAS_HELD_GUARD_COUNTS, file);
  if (error >= 0)
    file = -1;
  return error;
}

void guard_count(uint64_t *count) { __atomic_fetch_add(count, 1, __ATOMIC_RELAXED); }
