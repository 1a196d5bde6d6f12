/*
 * Finding and copying the pages of an address space.
 *
 * Address ranges that have pages of their own get extents in one of two region files, linear: the page at address a lies
 * at offset + (a - start), whatever VMA it belongs to. Ranges that are dense in 2 MiB blocks go to the file with huge pages,
 * at an offset that lets huge pages be mapped (congruent modulo 2 MiB); the others to the file with small pages, where holes
 * cost nothing.
 *
 * The extents are laid out and filled with memory while the instance still runs. With a tracker, rounds of copying follow,
 * while it runs, too: what a round finds it arms, so that the next one finds only what has been written since. Frozen, what
 * is new is laid out, then several copiers take pieces of at most PIECE bytes and copy what is not known.
 *
 * A page is known when what an extent says of it (stored, or zero, or not there, or the same as at the base) is what it was
 * when it was last armed. With a base all that is armed is known from the beginning. So
 * what counts at the cut is known and not written since. All else is looked at and copied again; without a tracker, that is
 * everything.
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PIECE (16UL << 20)
#define CHUNK (256UL << 10) /* copied, then looked at, while in the second-level cache */
#define REGION_SPACE (1UL << 42) /* address space reserved for a region's mapping */
#define IOVS 64
#define COPIERS_MAX 64
#define GROWTH (64UL << 20) /* offsets left free behind a VMA, which may grow: before the cut, and until a later one */

#define RESIDENT (PAGE_IS_PRESENT | PAGE_IS_SWAPPED)

/* Addresses that have offsets. Pages are numbered from its start on. */
struct extent {
  uint64_t start, end;
  uint64_t offset;
  int region;
  bool warm;
  uint64_t *known;
  uint64_t *stored;
  uint64_t *zeros;  /* is zero now, in a VMA with a file; NULL until there is one */
  uint64_t *guards; /* is a guard page */
  uint64_t *ever;   /* was stored once, so that the region holds something there */
  uint64_t *same;   /* is as it was at the base; NULL without one */
};

/* What a VMA and an extent have in common, as of the last look at the maps. */
struct span {
  const struct vma *vma;
  struct extent *extent;
  uint64_t start, end;
  bool tracked;
};

struct piece {
  const struct span *span;
  uint64_t start, end;
};

struct object {
  uint64_t device, inode;
};

struct pages {
  struct pages_config config;
  int pagemap, memory;
  uint8_t *map[2];
  uint64_t cursor[2]; /* first free offset */
  uint64_t size[2];   /* of the file */
  struct extent **extents; /* by address */
  size_t extent_count, extent_capacity;
  struct vma *vmas; /* of the last look */
  size_t vma_count;
  struct span *spans;
  size_t span_count, span_capacity;
  struct piece *pieces;
  size_t piece_count;
  size_t next_piece;
  pthread_t copiers[COPIERS_MAX];
  uint32_t copier_count;
  bool frozen;
  uint64_t deadline_nanos;
  int error;
  uint64_t copied;    /* in this round, or frozen */
  uint64_t untracked; /* anonymous, but not registered */
  bool registered;    /* something was, in the last look */
  uint64_t stored;
  struct file_ranges files; /* which are not guarded */
  struct object *objects;
  size_t object_count;
  uint64_t object_pages, object_nanos;
};

int pages_open(struct pages **result, const struct pages_config *config) {
  char name[32];
  struct pages *pages = calloc(1, sizeof(*pages));

  if (pages == NULL)
    return -ENOMEM;
  *result = pages;
  pages->config = *config;
  pages->pagemap = pages->memory = -1;
  int error = config->guard < 0 ? 0 : file_ranges_read(config->instance, &pages->files);
  if (error < 0)
    return error;
  snprintf(name, sizeof(name), "%d/pagemap", config->pid);
  pages->pagemap = openat(proc_directory, name, O_RDONLY | O_CLOEXEC);
  if (pages->pagemap < 0)
    return -errno;
  snprintf(name, sizeof(name), "%d/mem", config->pid);
  pages->memory = openat(proc_directory, name, O_RDONLY | O_CLOEXEC);
  if (pages->memory < 0)
    return -errno;
  for (int i = 0; i < 2 && !config->record_only; i++) {
    struct stat status;
    if (fstat(config->regions[i], &status) < 0)
      return -errno;
    pages->size[i] = (uint64_t)status.st_size;
    pages->map[i] = mmap(NULL, REGION_SPACE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, config->regions[i], 0);
    if (pages->map[i] == MAP_FAILED) {
      pages->map[i] = NULL;
      return -errno;
    }
    madvise(pages->map[i], REGION_SPACE, MADV_DONTFORK);
  }
  return 0;
}

void pages_close(struct pages *pages) {
  if (pages == NULL)
    return;
  for (int i = 0; i < 2; i++)
    if (pages->map[i] != NULL)
      munmap(pages->map[i], REGION_SPACE);
  for (size_t i = 0; i < pages->extent_count; i++) {
    struct extent *extent = pages->extents[i];
    free(extent->known);
    free(extent->stored);
    free(extent->zeros);
    free(extent->guards);
    free(extent->ever);
    free(extent->same);
    free(extent);
  }
  close_fd(&pages->pagemap);
  close_fd(&pages->memory);
  file_ranges_free(&pages->files);
  free(pages->extents);
  free(pages->spans);
  free(pages->pieces);
  free(pages->vmas);
  free(pages->objects);
  free(pages);
}

const struct vma *pages_vmas(const struct pages *pages, size_t *count) {
  *count = pages->vma_count;
  return pages->vmas;
}

uint64_t pages_count(const struct pages *pages) { return pages->stored + pages->object_pages; }

uint64_t pages_objects(const struct pages *pages, uint64_t *nanos) {
  *nanos = pages->object_nanos;
  return pages->object_pages;
}

uint64_t pages_copied(const struct pages *pages) { return pages->copied + pages->object_pages; }

uint64_t pages_untracked(const struct pages *pages) { return pages->untracked; }

bool pages_are_tracked(const struct pages *pages) { return pages->config.tracker >= 0; }

bool pages_are_gone(const struct pages *pages) { return space_is_gone(pages->pagemap); }

static int backing_region(const struct pages *pages, const struct vma *vma) {
  for (int i = 0; i < 2; i++)
    if (!vma->shared && vma->inode != 0 && vma->device == pages->config.region_device[i])
      return i;
  return -1;
}

bool maps_region(const struct vma *vma, const uint64_t region_device[2]) {
  return !vma->shared && vma->inode != 0 && (vma->device == region_device[0] || vma->device == region_device[1]);
}

/* The userfaultfd that can tell of writes to a VMA, or -1. */
static int tracker_of(const struct pages *pages, const struct vma *vma) {
  if (vma->anonymous)
    return pages->config.tracker;
  return backing_region(pages, vma) >= 0 && !is_file_range(&pages->files, vma) ? pages->config.guard : -1;
}

/* To let an instance that runs wait for its guard until all is copied would be noticed. */
static void serve(const struct pages *pages) {
  if (!pages->frozen && !pages->config.instance->paused)
    instance_serve(pages->config.instance);
}

/* Pages of a region that a process has not written are the file's. */
static uint64_t foreign(const struct vma *vma) { return vma->anonymous ? 0 : PAGE_IS_FILE; }

bool pages_skips(const struct pages *pages, const struct vma *vma) {
  return vma->start < pages->config.skip_end && vma->end > pages->config.skip_start;
}

static bool wanted(const struct pages *pages, const struct vma *vma) {
  return !vma->special && !vma->shared && !pages_skips(pages, vma);
}

/* ---- sets of pages ---- */

/* Copiers may work on two VMAs whose pages share a word. */
static void set_bits(uint64_t *bits, uint64_t from, uint64_t to, bool value) {
  while (from < to) {
    uint64_t in_word = 64 - from % 64, count = to - from < in_word ? to - from : in_word;
    uint64_t mask = (count == 64 ? ~0ULL : (1ULL << count) - 1) << (from % 64);
    uint64_t *word = &bits[from / 64], old = __atomic_load_n(word, __ATOMIC_RELAXED);
    /* What was never written takes no memory. */
    if (value && (old & mask) != mask)
      __atomic_fetch_or(word, mask, __ATOMIC_RELAXED);
    else if (!value && (old & mask) != 0)
      __atomic_fetch_and(word, ~mask, __ATOMIC_RELAXED);
    from += count;
  }
}

static bool is_set(const uint64_t *bits, uint64_t index) { return bits[index / 64] >> (index % 64) & 1; }

/* The first index from `from` on whose bit has the value; `to` if there is none. */
static uint64_t find_bit(const uint64_t *bits, uint64_t from, uint64_t to, bool value) {
  while (from < to) {
    uint64_t word = (value ? bits[from / 64] : ~bits[from / 64]) >> (from % 64);
    if (word != 0) {
      from += (uint64_t)__builtin_ctzll(word);
      break;
    }
    from += 64 - from % 64;
  }
  return from < to ? from : to;
}

static uint64_t page_number(const struct extent *extent, uint64_t address) { return (address - extent->start) / PAGE; }

/* ---- pages of the process's own ---- */

struct own_scan {
  int (*use)(void *context, uint64_t start, uint64_t end, enum page_kind kind);
  void *context;
};

static int use_own(void *context, const struct page_region *found) {
  const struct own_scan *own = context;
  enum page_kind kind = found->categories & PAGE_IS_GUARD     ? PAGE_GUARD
                        : found->categories & PAGE_IS_PFNZERO ? PAGE_ZERO
                                                              : PAGE_DATA;
  return own->use(own->context, found->start, found->end, kind);
}

/* To tell a file's pages from a process's own makes the kernel look at each page, not only at its entry. */
int scan_pages(int pagemap, const struct vma *vma, uint64_t start, uint64_t end,
               int (*use)(void *context, uint64_t start, uint64_t end, enum page_kind kind), void *context) {
  const struct scan scan = {.without = foreign(vma),
                            .any = RESIDENT,
                            .returned = PAGE_IS_PFNZERO | guard_category()};
  struct own_scan own = {use, context};
  return pagemap_scan(pagemap, &scan, start, end, use_own, &own);
}

static int scan_own(const struct pages *pages, const struct vma *vma, uint64_t start, uint64_t end,
                    int (*use)(void *context, uint64_t start, uint64_t end, enum page_kind kind), void *context) {
  return scan_pages(pages->pagemap, vma, start, end, use, context);
}

/* The same, but of a VMA whose writes are told only what has been written since the base. */
static int scan_changed(const struct pages *pages, const struct vma *vma, uint64_t start, uint64_t end,
                        int (*use)(void *context, uint64_t start, uint64_t end, enum page_kind kind), void *context) {
  const struct scan scan = {.with = PAGE_IS_WRITTEN,
                            .without = foreign(vma),
                            .any = RESIDENT,
                            .returned = PAGE_IS_PFNZERO | guard_category()};
  struct own_scan own = {use, context};

  if (!pages->config.changes || tracker_of(pages, vma) < 0 || is_tracked(pages->pagemap, vma->start) != 1)
    return scan_own(pages, vma, start, end, use, context);
  return pagemap_scan(pages->pagemap, &scan, start, end, use_own, &own);
}

/* ---- the layout ---- */

struct density {
  uint64_t pages, blocks, last_block;
  bool guarded;
};

static int measure(void *context, uint64_t start, uint64_t end, enum page_kind kind) {
  struct density *density = context;
  if (kind == PAGE_GUARD)
    density->guarded = true;
  if (kind != PAGE_DATA)
    return 0;
  density->pages += (end - start) / PAGE;
  for (uint64_t block = ALIGN_DOWN(start, HUGE_PAGE); block < end; block += HUGE_PAGE)
    if (block != density->last_block) {
      density->blocks++;
      density->last_block = block;
    }
  return 0;
}

/*
 * Huge pages pay where at least half of what they take is used; of what has changed only where it is much, since each has to
 * be cleared first.
 */
static bool is_dense(const struct density *density, bool changes) {
  return density->pages >= (changes ? 4096 : 256) && density->pages * 2 * PAGE >= density->blocks * HUGE_PAGE;
}

static int make_size(struct pages *pages, int region, uint64_t size) {
  if (pages->config.record_only)
    return 0;
  if (size <= pages->size[region])
    return 0;
  if (ftruncate(pages->config.regions[region], (off_t)size) < 0)
    return -errno;
  pages->size[region] = size;
  return 0;
}

static int make_sizes(struct pages *pages) {
  int error = 0;
  for (int i = 0; i < 2 && error >= 0; i++)
    error = make_size(pages, i, ALIGN_UP(pages->cursor[i], HUGE_PAGE) + GROWTH);
  return error;
}

static uint64_t take_offsets(struct pages *pages, int region, uint64_t start, uint64_t length) {
  uint64_t offset = region == VAS_REGION_HUGE ? ALIGN_UP(pages->cursor[region], HUGE_PAGE) + (start & (HUGE_PAGE - 1))
                                              : pages->cursor[region];
  pages->cursor[region] = offset + length;
  return offset;
}

/* Makes room for one more element, of the given size. */
static int make_room(void **array, size_t count, size_t *capacity, size_t size) {
  if (count < *capacity)
    return 0;
  size_t grown = *capacity ? *capacity * 2 : 128;
  void *moved = realloc(*array, grown * size);
  if (moved == NULL)
    return -ENOMEM;
  *array = moved;
  *capacity = grown;
  return 0;
}

static uint64_t *make_bits(const struct extent *extent) {
  return calloc((extent->end - extent->start) / PAGE / 64 + 1, sizeof(uint64_t));
}

static int add_extent(struct pages *pages, size_t index, uint64_t start, uint64_t end, int region) {
  int error = make_room((void **)&pages->extents, pages->extent_count, &pages->extent_capacity, sizeof(*pages->extents));
  struct extent *extent = error < 0 ? NULL : calloc(1, sizeof(*extent));
  if (extent == NULL)
    return -ENOMEM;
  extent->start = start;
  extent->end = end;
  extent->region = region;
  extent->known = make_bits(extent);
  extent->stored = make_bits(extent);
  extent->guards = make_bits(extent);
  extent->ever = make_bits(extent);
  memmove(&pages->extents[index + 1], &pages->extents[index], (pages->extent_count - index) * sizeof(*pages->extents));
  pages->extents[index] = extent;
  pages->extent_count++;
  if (pages->config.changes && (extent->same = make_bits(extent)) == NULL)
    return -ENOMEM;
  if (extent->known == NULL || extent->stored == NULL || extent->guards == NULL || extent->ever == NULL)
    return -ENOMEM;
  extent->offset = take_offsets(pages, region, start, end - start);
  return 0;
}

static int add_span(struct pages *pages, const struct vma *vma, struct extent *extent, uint64_t start, uint64_t end) {
  int error = make_room((void **)&pages->spans, pages->span_count, &pages->span_capacity, sizeof(*pages->spans));
  if (error < 0)
    return error;
  if (vma->inode != 0 && extent->zeros == NULL && (extent->zeros = make_bits(extent)) == NULL)
    return -ENOMEM;
  pages->spans[pages->span_count++] = (struct span){.vma = vma, .extent = extent, .start = start, .end = end};
  return 0;
}

static int note_resident(void *context, const struct page_region *found) {
  (void)found;
  *(bool *)context = true;
  return 0;
}

static int is_resident(const struct pages *pages, uint64_t start, uint64_t end) {
  static const struct scan first = {.any = RESIDENT, .returned = RESIDENT, .limit = 1};
  bool found = false;
  int error = pagemap_scan(pages->pagemap, &first, start, end, note_resident, &found);
  return error < 0 ? error : found;
}

/* Gives offsets to a part of a VMA that has none, unless nothing is there. 1: it has some now. */
static int cover(struct pages *pages, size_t index, const struct vma *vma, uint64_t start, uint64_t end, uint64_t limit) {
  int backing = backing_region(pages, vma);
  struct density density = {.last_block = ~0UL};
  int error = scan_changed(pages, vma, start, end, measure, &density);
  if (error < 0)
    return error;
  if (density.pages == 0 && !density.guarded && backing < 0) {
    int resident = pages->config.changes ? is_resident(pages, start, end) : 0;
    if (resident <= 0)
      return resident;
  }
  /* What a backed VMA leaves unwritten stays in the older region: only what is its own counts. */
  int region = is_dense(&density, pages->config.changes) ? VAS_REGION_HUGE : VAS_REGION_SMALL;
  uint64_t growth = limit - end < GROWTH ? limit - end : GROWTH;
  if ((error = add_extent(pages, index, start, end + growth, region)) < 0)
    return error;
  if (pages->config.changes) {
    struct extent *extent = pages->extents[index];
    uint64_t count = page_number(extent, end);
    set_bits(extent->known, 0, count, true);
    set_bits(extent->same, 0, count, true);
  }
  return 1;
}

/* Looks at the maps, and gives offsets to all that has pages and has none. */
static int lay_out(struct pages *pages) {
  free(pages->vmas);
  pages->vmas = NULL;
  pages->vma_count = pages->span_count = 0;
  ssize_t count = read_vmas(pages->config.pid, &pages->vmas);
  if (count < 0)
    return (int)count;
  pages->vma_count = (size_t)count;
  size_t index = 0; /* the first extent that does not end before `at` */
  for (size_t i = 0; i < pages->vma_count; i++) {
    const struct vma *vma = &pages->vmas[i];
    if (!wanted(pages, vma) || (pages->config.record_only && backing_region(pages, vma) < 0))
      continue;
    for (uint64_t at = vma->start; at < vma->end;) {
      while (index < pages->extent_count && pages->extents[index]->end <= at)
        index++;
      struct extent *next = index < pages->extent_count ? pages->extents[index] : NULL;
      uint64_t end = vma->end;
      if (next != NULL && next->start > at) {
        end = next->start < end ? next->start : end;
        next = NULL;
      } else if (next != NULL) {
        end = next->end < end ? next->end : end;
      }
      if (next == NULL) {
        uint64_t limit = i + 1 < pages->vma_count ? pages->vmas[i + 1].start : vma->end;
        if (index < pages->extent_count && pages->extents[index]->start < limit)
          limit = pages->extents[index]->start;
        int covered = cover(pages, index, vma, at, end, limit < end ? end : limit);
        if (covered < 0)
          return covered;
        next = covered ? pages->extents[index] : NULL;
      }
      int error = next == NULL ? 0 : add_span(pages, vma, next, at, end);
      if (error < 0)
        return error;
      at = end;
    }
  }
  return make_sizes(pages);
}

struct warming {
  struct pages *pages;
  const struct extent *extent;
  uint64_t done; /* offsets below have memory */
};

/* Takes the memory now, so that a full store fails here, and maps it, so that copying does not fault. */
static int warm(void *context, uint64_t start, uint64_t end, enum page_kind kind) {
  struct warming *warming = context;
  const struct extent *extent = warming->extent;
  if (kind != PAGE_DATA)
    return 0;
  uint64_t unit = extent->region == VAS_REGION_HUGE ? HUGE_PAGE : PAGE;
  uint64_t from = ALIGN_DOWN(extent->offset + (start - extent->start), unit);
  uint64_t to = ALIGN_UP(extent->offset + (end - extent->start), unit);
  if (from < warming->done)
    from = warming->done;
  if (from >= to)
    return 0;
  warming->done = to;
  serve(warming->pages);
  if (fallocate(warming->pages->config.regions[extent->region], FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(to - from)) < 0)
    return -errno;
  if (madvise(warming->pages->map[extent->region] + from, to - from, MADV_POPULATE_WRITE) < 0)
    return errno == EFAULT ? -ENOSPC : -errno;
  return 0;
}

int pages_prepare(struct pages *pages) {
  if (pages->config.record_only)
    return 0;
  int error = lay_out(pages);
  for (size_t i = 0; error >= 0 && i < pages->span_count; i++) {
    struct span *span = &pages->spans[i];
    struct warming warming = {.pages = pages, .extent = span->extent};
    if (!span->extent->warm)
      error = scan_changed(pages, span->vma, span->start, span->end, warm, &warming);
  }
  for (size_t i = 0; i < pages->span_count; i++)
    pages->spans[i].extent->warm = true;
  return error;
}

/* ---- copying ---- */

static void fail(struct pages *pages, int error) {
  int none = 0;
  __atomic_compare_exchange_n(&pages->error, &none, error, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static bool is_zero(const uint8_t *page) {
  const uint64_t *words = (const uint64_t *)page;
  for (size_t i = 0; i < PAGE / sizeof(*words); i += 8)
    if (words[i] | words[i + 1] | words[i + 2] | words[i + 3] | words[i + 4] | words[i + 5] | words[i + 6] | words[i + 7])
      return false;
  return true;
}

/* The runs of a chunk, gathered until they are worth a call. */
struct batch {
  struct pages *pages;
  const struct span *span;
  struct iovec local[IOVS], remote[IOVS];
  int count;
  uint64_t bytes;
  uint64_t copied;
  uint64_t found; /* bytes of the range that is looked at */
};

static uint8_t *extent_address(const struct pages *pages, const struct extent *extent, uint64_t address) {
  return pages->map[extent->region] + extent->offset + (address - extent->start);
}

static void note_copied(struct batch *batch, uint64_t address, const uint8_t *copy, uint64_t length) {
  struct extent *extent = batch->span->extent;
  uint64_t page = page_number(extent, address);

  for (uint64_t end = page + length / PAGE; page < end; page++, copy += PAGE) {
    if (!is_zero(copy)) {
      set_bits(extent->stored, page, page + 1, true);
      set_bits(extent->ever, page, page + 1, true);
      batch->copied++;
    } else if (extent->zeros != NULL) {
      set_bits(extent->zeros, page, page + 1, true);
    }
  }
}

static int read_once(const struct batch *batch, const struct iovec *local, const struct iovec *remote, int count) {
  struct pages *pages = batch->pages;

  if (batch->span->vma->readable) {
    ssize_t n = process_vm_readv(pages->config.pid, local, (unsigned long)count, remote, (unsigned long)count, 0);
    ssize_t wanted_bytes = 0;
    for (int i = 0; i < count; i++)
      wanted_bytes += (ssize_t)local[i].iov_len;
    return n == wanted_bytes ? 0 : n < 0 ? -errno : -EFAULT;
  }
  /* process_vm_readv() respects PROT_NONE; /proc/PID/mem does not. */
  for (int i = 0; i < count; i++) {
    ssize_t n = pread(pages->memory, local[i].iov_base, local[i].iov_len, (off_t)(uintptr_t)remote[i].iov_base);
    if (n < 0 || (size_t)n != local[i].iov_len)
      return n < 0 && errno != EIO ? -errno : -EFAULT;
  }
  return 0;
}

/* A copy that failed with EFAULT: for want of memory here, or of the page there? That may go while the instance runs. */
static int copy_one_by_one(struct batch *batch) {
  struct extent *extent = batch->span->extent;

  for (int i = 0; i < batch->count; i++)
    for (uint64_t at = 0; at < batch->local[i].iov_len; at += PAGE) {
      struct iovec local = {(uint8_t *)batch->local[i].iov_base + at, PAGE};
      struct iovec remote = {(uint8_t *)batch->remote[i].iov_base + at, PAGE};
      uint64_t address = (uintptr_t)remote.iov_base;
      int error = read_once(batch, &local, &remote, 1);
      if (error == -EFAULT && madvise(local.iov_base, PAGE, MADV_POPULATE_WRITE) < 0)
        return -ENOSPC;
      if (error == -EFAULT && !batch->pages->frozen) {
        uint64_t page = page_number(extent, address);
        set_bits(extent->known, page, page + 1, false);
        set_bits(extent->ever, page, page + 1, true); /* part of it may have been copied */
        continue;
      }
      if (error < 0)
        return error;
      note_copied(batch, address, local.iov_base, PAGE);
    }
  return 0;
}

static int copy_out(struct batch *batch) {
  if (batch->count == 0)
    return 0;
  int error = read_once(batch, batch->local, batch->remote, batch->count);
  if (error == -EFAULT)
    error = copy_one_by_one(batch);
  else if (error >= 0)
    for (int i = 0; i < batch->count; i++)
      note_copied(batch, (uintptr_t)batch->remote[i].iov_base, batch->local[i].iov_base, batch->local[i].iov_len);
  batch->count = 0;
  batch->bytes = 0;
  return error;
}

static int copy_run(void *context, uint64_t start, uint64_t end, enum page_kind kind) {
  struct batch *batch = context;
  struct extent *extent = batch->span->extent;

  batch->found += end - start;
  if (kind != PAGE_DATA) {
    uint64_t *bits = kind == PAGE_GUARD ? extent->guards : extent->zeros;
    if (bits != NULL)
      set_bits(bits, page_number(extent, start), page_number(extent, end), true);
    return 0;
  }
  while (start < end) {
    uint64_t length = end - start;
    if (length > CHUNK - batch->bytes)
      length = CHUNK - batch->bytes;
    batch->local[batch->count] = (struct iovec){extent_address(batch->pages, extent, start), length};
    batch->remote[batch->count] = (struct iovec){(void *)(uintptr_t)start, length};
    batch->count++;
    batch->bytes += length;
    start += length;
    if (batch->count == IOVS || batch->bytes >= CHUNK) {
      int error = copy_out(batch);
      if (error < 0)
        return error;
      if (now_nanos() > batch->pages->deadline_nanos)
        return -ETIMEDOUT;
      serve(batch->pages);
    }
  }
  return 0;
}

/* Looks at a range anew: afterwards it is known. */
static int take(struct batch *batch, uint64_t start, uint64_t end) {
  const struct span *span = batch->span;
  struct extent *extent = span->extent;
  uint64_t from = page_number(extent, start), to = page_number(extent, end);
  struct own_scan own = {copy_run, batch};

  set_bits(extent->known, from, to, true);
  set_bits(extent->stored, from, to, false);
  set_bits(extent->guards, from, to, false);
  if (extent->same != NULL)
    set_bits(extent->same, from, to, false);
  if (extent->zeros != NULL)
    set_bits(extent->zeros, from, to, false);
  if (!span->tracked)
    return scan_own(batch->pages, span->vma, start, end, copy_run, batch);
  /* Armed, then copied: what is written from now on will be told. Guard pages can't be written, and are not armed. */
  const struct scan arm = {
      .without = guard_category() | foreign(span->vma), .any = RESIDENT, .returned = PAGE_IS_PFNZERO, .arm = true};
  batch->found = 0;
  int error = pagemap_scan(batch->pages->pagemap, &arm, start, end, use_own, &own);
  if (error == -EPERM && !batch->pages->frozen) { /* something else has been mapped there */
    set_bits(extent->known, from, to, false);
    return 0;
  }
  if (error < 0 || !batch->pages->frozen || guard_category() == 0 || batch->found == end - start)
    return error;
  const struct scan guards = {.with = guard_category(), .returned = guard_category()};
  return pagemap_scan(batch->pages->pagemap, &guards, start, end, use_own, &own);
}

static int forget(void *context, const struct page_region *found) {
  struct extent *extent = context;
  set_bits(extent->known, page_number(extent, found->start), page_number(extent, found->end), false);
  return 0;
}

static int copy_piece(struct batch *batch, const struct piece *piece) {
  const struct span *span = piece->span;
  /* Of anonymous memory also what is not there any more; the guard has put zeros where something was zapped. */
  const struct scan written = {.with = PAGE_IS_WRITTEN,
                               .without = foreign(span->vma),
                               .any = span->vma->anonymous ? 0 : RESIDENT,
                               .returned = PAGE_IS_WRITTEN};
  struct extent *extent = span->extent;
  uint64_t at = page_number(extent, piece->start), end = page_number(extent, piece->end);

  batch->span = span;
  if (span->tracked) {
    int error = pagemap_scan(batch->pages->pagemap, &written, piece->start, piece->end, forget, extent);
    if (error < 0)
      return error;
  } else {
    set_bits(extent->known, at, end, false);
  }
  while ((at = find_bit(extent->known, at, end, false)) < end) {
    uint64_t to = find_bit(extent->known, at, end, true);
    int error = take(batch, extent->start + at * PAGE, extent->start + to * PAGE);
    if (error < 0)
      return error;
    at = to;
  }
  return copy_out(batch);
}

static void *copy_pieces(void *argument) {
  struct pages *pages = argument;
  struct batch batch = {.pages = pages};

  while (!__atomic_load_n(&pages->error, __ATOMIC_RELAXED)) {
    size_t index = __atomic_fetch_add(&pages->next_piece, 1, __ATOMIC_RELAXED);
    if (index >= pages->piece_count)
      break;
    int error = copy_piece(&batch, &pages->pieces[index]);
    serve(pages);
    if (error < 0)
      fail(pages, error);
  }
  __atomic_fetch_add(&pages->copied, batch.copied, __ATOMIC_RELAXED);
  return NULL;
}

static int count_pages(void *context, uint64_t start, uint64_t end, enum page_kind kind) {
  (void)kind;
  *(uint64_t *)context += (end - start) / PAGE;
  return 0;
}

/*
 * Whether writes to a VMA are told. If not, nothing of it is known. It is registered when all stands still only: what is
 * mapped may have changed since it was looked at, and a mapping that is registered in part becomes several, which mremap()
 * does not take for one.
 */
static int track(struct pages *pages, struct span *spans, size_t count) {
  const struct vma *vma = spans[0].vma;
  int tracked = is_tracked(pages->pagemap, vma->start);

  if (tracked < 0)
    return tracked;
  for (size_t i = 0; i < count && tracked == 0; i++) {
    const struct page_region all = {.start = spans[i].start, .end = spans[i].end};
    forget(spans[i].extent, &all);
  }
  if (tracked == 0 && pages->frozen) {
    tracked = tracking_register(pages->pagemap, tracker_of(pages, vma), vma->start, vma->end, !vma->anonymous) >= 0;
    pages->registered |= tracked > 0;
  }
  for (size_t i = 0; i < count; i++)
    spans[i].tracked = tracked > 0;
  return tracked > 0 ? 0 : scan_own(pages, vma, vma->start, vma->end, count_pages, &pages->untracked);
}

static int track_spans(struct pages *pages) {
  pages->untracked = 0;
  pages->registered = false;
  for (size_t i = 0, count; pages->config.tracker >= 0 && i < pages->span_count; i += count) {
    for (count = 1; i + count < pages->span_count && pages->spans[i + count].vma == pages->spans[i].vma; count++)
      ;
    int error = tracker_of(pages, pages->spans[i].vma) < 0 ? 0 : track(pages, &pages->spans[i], count);
    if (error < 0)
      return error;
  }
  return 0;
}

static int cut_pieces(struct pages *pages) {
  size_t count = 0;

  for (size_t i = 0; i < pages->span_count; i++)
    count += (pages->spans[i].end - pages->spans[i].start) / PIECE + 2;
  free(pages->pieces);
  pages->piece_count = pages->next_piece = 0;
  pages->pieces = calloc(count ? count : 1, sizeof(*pages->pieces));
  if (pages->pieces == NULL)
    return -ENOMEM;
  for (size_t i = 0; i < pages->span_count; i++) {
    const struct span *span = &pages->spans[i];
    /* A file's memory is not tracked: to copy it before the cut would be in vain. */
    if (!pages->frozen && !span->tracked)
      continue;
    for (uint64_t a = span->start; a < span->end;) {
      uint64_t end = span->extent->start + ALIGN_UP(a + 1 - span->extent->start, PIECE);
      if (end > span->end)
        end = span->end;
      pages->pieces[pages->piece_count++] = (struct piece){span, a, end};
      a = end;
    }
  }
  return 0;
}

int64_t pages_round(struct pages *pages, uint64_t deadline_nanos) {
  int error = pages_prepare(pages);

  pages->deadline_nanos = deadline_nanos;
  pages->copied = 0;
  if (error < 0 || (error = track_spans(pages)) < 0 || (error = cut_pieces(pages)) < 0)
    return error;
  copy_pieces(pages);
  return pages->error < 0 ? pages->error : (int64_t)pages->copied;
}

int pages_start(struct pages *pages, uint64_t deadline_nanos) {
  int error;

  pages->frozen = true;
  pages->deadline_nanos = deadline_nanos;
  pages->copied = 0;
  if ((error = lay_out(pages)) < 0 || pages->config.record_only || (error = track_spans(pages)) < 0)
    return error;
  /* A mapping that is registered becomes one with its neighbours that were already. */
  if (pages->registered && ((error = lay_out(pages)) < 0 || (error = track_spans(pages)) < 0))
    return error;
  if ((error = cut_pieces(pages)) < 0)
    return error;
  /* More copiers than pieces, or for a small process, cost more than they bring. */
  if (pages->cursor[0] <= 2 * PIECE)
    return 0;
  uint32_t wanted_copiers = pages->config.threads ? pages->config.threads : (uint32_t)processors(COPIERS_MAX);
  for (uint32_t i = 1; i < wanted_copiers && i < COPIERS_MAX; i++) {
    if (pthread_create(&pages->copiers[pages->copier_count], NULL, copy_pieces, pages) != 0)
      break;
    pages->copier_count++;
  }
  return 0;
}

void pages_abandon(struct pages *pages, int error) { fail(pages, error); }

int pages_finish(struct pages *pages) {
  copy_pieces(pages);
  for (uint32_t i = 0; i < pages->copier_count; i++)
    pthread_join(pages->copiers[i], NULL);
  pages->copier_count = 0;
  return pages->error;
}

/* ---- objects: memfds, shared anonymous memory, files without a name ---- */

static int remember_object(struct pages *pages, uint64_t device, uint64_t inode) {
  for (size_t i = 0; i < pages->object_count; i++)
    if (pages->objects[i].device == device && pages->objects[i].inode == inode)
      return 0;
  struct object *moved = realloc(pages->objects, (pages->object_count + 1) * sizeof(*moved));
  if (moved == NULL)
    return -ENOMEM;
  pages->objects = moved;
  pages->objects[pages->object_count++] = (struct object){device, inode};
  return 1;
}

static int copy_object(struct pages *pages, int fd, struct record *record, const struct vas_file_status *status) {
  uint64_t offset = take_offsets(pages, VAS_REGION_SMALL, 0, ALIGN_UP(status->size, PAGE));
  int error = make_size(pages, VAS_REGION_SMALL, ALIGN_UP(pages->cursor[VAS_REGION_SMALL], HUGE_PAGE));
  if (error < 0)
    return error;
  struct vas_object object = {.status = *status, .offset = offset, .region = VAS_REGION_SMALL};
  record_begin(record, VAS_ENTRY_OBJECT, pages->config.pid, 0, 0);
  size_t header = record->length;
  record_append(record, &object, sizeof(object));
  for (off_t at = 0; (uint64_t)at < status->size && !pages->config.record_only;) {
    off_t data = lseek(fd, at, SEEK_DATA);
    if (data < 0)
      break; /* ENXIO: only a hole is left */
    data = (off_t)ALIGN_DOWN((uint64_t)data, PAGE);
    off_t hole = lseek(fd, data, SEEK_HOLE);
    if (hole < 0)
      return -errno;
    for (off_t from = data; from < hole;) {
      ssize_t n = pread(fd, pages->map[VAS_REGION_SMALL] + offset + (uint64_t)from, (size_t)(hole - from), from);
      if (n < 0)
        return errno == EFAULT ? -ENOSPC : -errno;
      if (n == 0) {
        /* It does not hold what its size says, a message queue for example: no object, and whoever has it open is refused. */
        record->length = record->entry;
        return 0;
      }
      from += n;
      if (now_nanos() > pages->deadline_nanos)
        return -ETIMEDOUT;
    }
    struct vas_run run = {(uint64_t)data, (uint64_t)(hole - data)};
    record_append(record, &run, sizeof(run));
    object.run_count++;
    pages->object_pages += ALIGN_UP(run.length, PAGE) / PAGE;
    at = hole;
  }
  if (!record->error)
    memcpy(record->base + header, &object, sizeof(object));
  record_end(record);
  return 0;
}

int pages_object(struct pages *pages, int fd, struct record *record, const struct vas_file_status *status) {
  uint64_t start = now_nanos();
  int fresh = remember_object(pages, status->device, status->inode);
  int error = fresh <= 0 ? fresh : copy_object(pages, fd, record, status);
  pages->object_nanos += now_nanos() - start;
  return error;
}

/* ---- the result ---- */

static int clear(struct pages *pages, const struct extent *extent, uint64_t from, uint64_t to) {
  uint64_t start = extent->offset + from * PAGE, end = extent->offset + to * PAGE;

  if (extent->region == VAS_REGION_HUGE) {
    /* A hole within a huge page would split it. */
    uint64_t first = ALIGN_UP(start, HUGE_PAGE), last = ALIGN_DOWN(end, HUGE_PAGE);
    if (first >= last)
      first = last = end;
    memset(pages->map[extent->region] + start, 0, first - start);
    memset(pages->map[extent->region] + last, 0, end - last);
    start = first;
    end = last;
  }
  return start < end && fallocate(pages->config.regions[extent->region], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                  (off_t)start, (off_t)(end - start)) < 0
             ? -errno
             : 0;
}

/* What was copied and is not there any more, or is zero, must read as zero in the region. */
static int clear_leftovers(struct pages *pages, struct extent *extent) {
  uint64_t count = (extent->end - extent->start) / PAGE;

  for (uint64_t at = 0; (at = find_bit(extent->ever, at, count, true)) < count;) {
    uint64_t end = find_bit(extent->ever, at, count, false);
    uint64_t from = find_bit(extent->stored, at, end, false);
    at = from < end ? find_bit(extent->stored, from, end, true) : end;
    int error = from < at ? clear(pages, extent, from, at) : 0;
    if (error < 0)
      return error;
  }
  return 0;
}

/* Copies what is stored of a span to another extent, which has the same addresses. */
static int move_stored(struct pages *pages, const struct span *span, struct extent *to) {
  struct extent *from = span->extent;
  uint64_t end = page_number(from, span->end), distance = page_number(to, span->start) - page_number(from, span->start);

  for (uint64_t page = page_number(from, span->start); page < end; page++) {
    if (to->zeros != NULL && from->zeros != NULL && is_set(from->zeros, page))
      set_bits(to->zeros, page + distance, page + distance + 1, true);
    if (is_set(from->guards, page))
      set_bits(to->guards, page + distance, page + distance + 1, true);
    if (from->same != NULL && is_set(from->same, page))
      set_bits(to->same, page + distance, page + distance + 1, true);
    if (!is_set(from->stored, page))
      continue;
    uint64_t address = from->start + page * PAGE;
    uint8_t *target = extent_address(pages, to, address);
    if (madvise(target, PAGE, MADV_POPULATE_WRITE) < 0)
      return -ENOSPC;
    memcpy(target, extent_address(pages, from, address), PAGE);
    set_bits(to->stored, page + distance, page + distance + 1, true);
    set_bits(from->stored, page, page + 1, false);
  }
  return 0;
}

/* A VMA that was put together while it was being copied lies in several extents: it gets one of its own. */
static int make_linear(struct pages *pages, size_t first, size_t count) {
  const struct vma *vma = pages->spans[first].vma;
  size_t last = pages->extent_count;
  int error = add_extent(pages, last, vma->start, vma->end, pages->spans[first].extent->region);

  if (error < 0 || (error = make_sizes(pages)) < 0)
    return error;
  struct extent *extent = pages->extents[last];
  if (vma->inode != 0 && (extent->zeros = make_bits(extent)) == NULL)
    return -ENOMEM;
  for (size_t i = first; i < first + count && error >= 0; i++) {
    error = move_stored(pages, &pages->spans[i], extent);
    pages->spans[i].extent = extent;
  }
  pages->spans[first].start = vma->start;
  pages->spans[first].end = vma->end;
  return error;
}

static uint32_t append_runs(struct record *record, const struct span *span, const uint64_t *bits, uint64_t mark) {
  const struct extent *extent = span->extent;
  uint64_t at = page_number(extent, span->start), end = page_number(extent, span->end);
  uint32_t count = 0;

  while ((at = find_bit(bits, at, end, true)) < end) {
    uint64_t to = find_bit(bits, at, end, false);
    struct vas_run run = {extent->start + at * PAGE, ((to - at) * PAGE) | mark};
    record_append(record, &run, sizeof(run));
    count++;
    at = to;
  }
  return count;
}

static void record_span(struct pages *pages, const struct span *span, struct record *record) {
  const struct extent *extent = span->extent;
  const struct vma *vma = span->vma;
  int backing = backing_region(pages, vma);
  struct vas_stored_pages stored = {.start = vma->start,
                                    .end = vma->end,
                                    .offset = extent->offset + (vma->start - extent->start),
                                    .region = (uint32_t)extent->region,
                                    .flags = backing >= 0 ? VAS_PAGES_REGION_BACKED : 0,
                                    .backing_inode = vma->inode,
                                    .backing_offset = vma->offset,
                                    .backing_region = backing < 0 ? 0 : (uint32_t)backing};
  record_begin(record, VAS_ENTRY_PAGES, pages->config.pid, 0, 0);
  size_t header = record->length;
  record_append(record, &stored, sizeof(stored));
  stored.run_count = append_runs(record, span, extent->stored, 0);
  if (extent->zeros != NULL && vma->inode != 0)
    stored.run_count += append_runs(record, span, extent->zeros, VAS_RUN_ZERO);
  stored.run_count += append_runs(record, span, extent->guards, VAS_RUN_GUARD);
  if (extent->same != NULL)
    stored.run_count += append_runs(record, span, extent->same, VAS_RUN_SAME);
  if (!record->error)
    memcpy(record->base + header, &stored, sizeof(stored));
  record_end(record);
}

int pages_record(struct pages *pages, struct record *record) {
  for (size_t i = 0, count; i < pages->span_count; i += count) {
    struct span *span = &pages->spans[i];
    for (count = 1; i + count < pages->span_count && pages->spans[i + count].vma == span->vma; count++)
      ;
    bool whole = span->start == span->vma->start && span->end == span->vma->end;
    int error = whole ? 0 : make_linear(pages, i, count);
    if (error < 0)
      return error;
    record_span(pages, span, record);
    for (uint64_t page = page_number(span->extent, span->start), end = page_number(span->extent, span->end); page < end; page++)
      pages->stored += is_set(span->extent->stored, page);
  }
  for (size_t i = 0; i < pages->extent_count; i++) {
    int error = clear_leftovers(pages, pages->extents[i]);
    if (error < 0)
      return error;
  }
  return record->error;
}
