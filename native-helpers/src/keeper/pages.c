/*
 * Finding and copying the pages of an address space.
 *
 * Every private VMA that has pages of its own gets a place in one of two region files, linear: the page at address a lies
 * at offset + (a - start). VMAs that are dense in 2 MiB blocks go to the file with huge pages, at an offset that lets huge
 * pages be mapped (congruent modulo 2 MiB); the others to the file with small pages, where holes cost nothing.
 *
 * The places are laid out and filled with memory while the instance still runs. Frozen, only what is new is laid out,
 * then several copiers take pieces of at most PIECE bytes, scan them (PAGEMAP_SCAN), copy what is there by
 * process_vm_readv() and note which pages are not zero while they are still in the cache.
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* linux/fs.h, Linux 6.7 */
struct pm_scan_arg {
  uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
  uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
struct page_region {
  uint64_t start, end, categories;
};
#define PAGEMAP_SCAN _IOWR('f', 16, struct pm_scan_arg)
#define PAGE_IS_FILE (1 << 2)
#define PAGE_IS_PRESENT (1 << 3)
#define PAGE_IS_SWAPPED (1 << 4)
#define PAGE_IS_PFNZERO (1 << 5)
#define PAGE_IS_GUARD (1 << 8) /* Linux 6.15: put there by MADV_GUARD_INSTALL */

#define PIECE (16UL << 20)
#define CHUNK (256UL << 10) /* copied, then looked at, while in the second-level cache */
#define REGION_SPACE (1UL << 42) /* address space reserved for a region's mapping */
#define SCAN_REGIONS 512
#define IOVS 64
#define GROWTH (64UL << 20) /* offsets left free behind a VMA that may grow before the cut */

struct place {
  struct vma vma;
  uint64_t reserved_end; /* offsets are set aside up to this address */
  uint64_t offset;
  int region;
  bool seen;       /* in the last look at the maps */
  bool backed;     /* maps an older region */
  uint64_t *bits;  /* one a page: stored */
  uint64_t *zeros; /* one a page of a VMA with a file: is zero now; or NULL */
  uint64_t *guards; /* one a page: is a guard page */
};

struct piece {
  struct place *place;
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
  struct place **places;
  size_t place_count, place_capacity;
  struct vma *vmas; /* of the last look */
  size_t vma_count;
  struct piece *pieces;
  size_t piece_count;
  size_t next_piece;
  pthread_t copiers[64];
  uint32_t copier_count;
  uint64_t deadline_nanos;
  int error;
  uint64_t stored;
  struct object *objects;
  size_t object_count;
};

int pages_open(struct pages **result, const struct pages_config *config) {
  char name[32];
  struct pages *pages = calloc(1, sizeof(*pages));

  if (pages == NULL)
    return -ENOMEM;
  *result = pages;
  pages->config = *config;
  pages->pagemap = pages->memory = -1;
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
  for (size_t i = 0; i < pages->place_count; i++) {
    free(pages->places[i]->bits);
    free(pages->places[i]->zeros);
    free(pages->places[i]->guards);
    free(pages->places[i]);
  }
  close_fd(&pages->pagemap);
  close_fd(&pages->memory);
  free(pages->places);
  free(pages->pieces);
  free(pages->vmas);
  free(pages->objects);
  free(pages);
}

const struct vma *pages_vmas(const struct pages *pages, size_t *count) {
  *count = pages->vma_count;
  return pages->vmas;
}

uint64_t pages_count(const struct pages *pages) { return pages->stored; }

static int backing_region(const struct pages *pages, const struct vma *vma) {
  for (int i = 0; i < 2; i++)
    if (!vma->shared && vma->inode != 0 && vma->device == pages->config.region_device[i])
      return i;
  return -1;
}

bool pages_skips(const struct pages *pages, const struct vma *vma) {
  return vma->start < pages->config.skip_end && vma->end > pages->config.skip_start;
}

static bool wanted(const struct pages *pages, const struct vma *vma) {
  return !vma->special && !vma->shared && !pages_skips(pages, vma);
}

int scan_pages(int pagemap, uint64_t start, uint64_t end,
               int (*use)(void *context, uint64_t start, uint64_t end, enum page_kind kind), void *context) {
  static uint64_t guard_category = PAGE_IS_GUARD;
  struct page_region found[SCAN_REGIONS];

  while (start < end) {
    uint64_t guard = __atomic_load_n(&guard_category, __ATOMIC_RELAXED);
    struct pm_scan_arg arg = {.size = sizeof(arg),
                              .start = start,
                              .end = end,
                              .vec = (uintptr_t)found,
                              .vec_len = SCAN_REGIONS,
                              .category_inverted = PAGE_IS_FILE,
                              .category_mask = PAGE_IS_FILE,
                              .category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
                              .return_mask = PAGE_IS_PFNZERO | guard};
    int n = ioctl(pagemap, PAGEMAP_SCAN, &arg);
    if (n < 0 && errno == EINVAL && guard != 0) {
      __atomic_store_n(&guard_category, 0, __ATOMIC_RELAXED); /* this kernel does not know it */
      continue;
    }
    if (n < 0)
      return -errno;
    for (int i = 0; i < n; i++) {
      enum page_kind kind = found[i].categories & PAGE_IS_GUARD     ? PAGE_GUARD
                            : found[i].categories & PAGE_IS_PFNZERO ? PAGE_ZERO
                                                                    : PAGE_DATA;
      int error = use(context, found[i].start, found[i].end, kind);
      if (error < 0)
        return error;
    }
    start = arg.walk_end;
  }
  return 0;
}

static int scan(struct pages *pages, uint64_t start, uint64_t end,
                int (*use)(void *context, uint64_t start, uint64_t end, enum page_kind kind), void *context) {
  return scan_pages(pages->pagemap, start, end, use, context);
}

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

/* Huge pages pay where at least half of what they take is used. */
static bool is_dense(const struct density *density) {
  return density->pages >= 256 && density->pages * 2 * PAGE >= density->blocks * HUGE_PAGE;
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

static uint64_t take_offsets(struct pages *pages, int region, uint64_t start, uint64_t length) {
  uint64_t offset = region == VAS_REGION_HUGE ? ALIGN_UP(pages->cursor[region], HUGE_PAGE) + (start & (HUGE_PAGE - 1))
                                              : pages->cursor[region];
  pages->cursor[region] = offset + length;
  return offset;
}

static struct place *find_place(struct pages *pages, const struct vma *vma) {
  for (size_t i = 0; i < pages->place_count; i++) {
    struct place *place = pages->places[i];
    if (place->vma.start == vma->start && vma->end <= place->reserved_end)
      return place;
  }
  return NULL;
}

static bool overlaps_huge(const struct pages *pages, const struct vma *vma) {
  for (size_t i = 0; i < pages->place_count; i++) {
    const struct place *place = pages->places[i];
    if (place->region == VAS_REGION_HUGE && place->vma.start < vma->end && vma->start < place->vma.end)
      return true;
  }
  return false;
}

static int add_place(struct pages *pages, const struct vma *vma, uint64_t next_start, int region, struct place **added) {
  if (pages->place_count == pages->place_capacity) {
    size_t capacity = pages->place_capacity ? pages->place_capacity * 2 : 128;
    struct place **moved = realloc(pages->places, capacity * sizeof(*moved));
    if (moved == NULL)
      return -ENOMEM;
    pages->places = moved;
    pages->place_capacity = capacity;
  }
  struct place *place = calloc(1, sizeof(*place));
  if (place == NULL)
    return -ENOMEM;
  uint64_t growth = next_start - vma->end < GROWTH ? next_start - vma->end : GROWTH;
  place->vma = *vma;
  place->region = region;
  place->reserved_end = vma->end + growth;
  place->offset = take_offsets(pages, region, vma->start, place->reserved_end - vma->start);
  place->backed = backing_region(pages, vma) >= 0;
  pages->places[pages->place_count++] = place;
  *added = place;
  return 0;
}

/* Looks at the maps and gives a place to every VMA that has pages and has none. */
static int lay_out(struct pages *pages, bool live) {
  free(pages->vmas);
  pages->vmas = NULL;
  pages->vma_count = 0;
  ssize_t count = read_vmas(pages->config.pid, &pages->vmas);
  if (count < 0)
    return (int)count;
  pages->vma_count = (size_t)count;
  for (size_t i = 0; i < pages->place_count; i++)
    pages->places[i]->seen = false;
  for (size_t i = 0; i < pages->vma_count; i++) {
    const struct vma *vma = &pages->vmas[i];
    if (!wanted(pages, vma) || (pages->config.record_only && backing_region(pages, vma) < 0))
      continue;
    struct place *place = find_place(pages, vma);
    if (place == NULL) {
      int region = overlaps_huge(pages, vma) ? VAS_REGION_HUGE : VAS_REGION_SMALL;
      bool backed = backing_region(pages, vma) >= 0;
      if (live || backed) {
        struct density density = {.last_block = ~0UL};
        int error = scan(pages, vma->start, vma->end, measure, &density);
        if (error < 0)
          return error;
        if (density.pages == 0 && !density.guarded && !backed)
          continue;
        /* What a backed VMA leaves unwritten stays in the older region: only what is its own counts. */
        region = is_dense(&density) ? VAS_REGION_HUGE : VAS_REGION_SMALL;
      }
      uint64_t next = i + 1 < pages->vma_count ? pages->vmas[i + 1].start : vma->end;
      int error = add_place(pages, vma, next, region, &place);
      if (error < 0)
        return error;
    }
    place->vma = *vma;
    place->seen = true;
  }
  for (int i = 0; i < 2; i++) {
    int error = make_size(pages, i, ALIGN_UP(pages->cursor[i], HUGE_PAGE));
    if (error < 0)
      return error;
  }
  return 0;
}

struct warming {
  struct pages *pages;
  struct place *place;
  uint64_t done; /* offsets below have memory */
};

/* Takes the memory now, so that a full store fails here, and maps it, so that copying does not fault. */
static int warm(void *context, uint64_t start, uint64_t end, enum page_kind kind) {
  struct warming *warming = context;
  struct place *place = warming->place;
  if (kind != PAGE_DATA)
    return 0;
  uint64_t unit = place->region == VAS_REGION_HUGE ? HUGE_PAGE : PAGE;
  uint64_t from = ALIGN_DOWN(place->offset + (start - place->vma.start), unit);
  uint64_t to = ALIGN_UP(place->offset + (end - place->vma.start), unit);
  if (from < warming->done)
    from = warming->done;
  if (from >= to)
    return 0;
  warming->done = to;
  if (fallocate(warming->pages->config.regions[place->region], FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(to - from)) < 0)
    return -errno;
  if (madvise(warming->pages->map[place->region] + from, to - from, MADV_POPULATE_WRITE) < 0)
    return errno == EFAULT ? -ENOSPC : -errno;
  return 0;
}

int pages_prepare(struct pages *pages) {
  if (pages->config.record_only)
    return 0;
  int error = lay_out(pages, true);
  for (size_t i = 0; error >= 0 && i < pages->place_count; i++) {
    struct warming warming = {.pages = pages, .place = pages->places[i]};
    error = scan(pages, pages->places[i]->vma.start, pages->places[i]->vma.end, warm, &warming);
  }
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

static void set_bit(uint64_t *bits, uint64_t index) {
  __atomic_fetch_or(&bits[index / 64], 1ULL << (index % 64), __ATOMIC_RELAXED);
}

/* The runs of a chunk, gathered until they are worth a call. */
struct batch {
  struct pages *pages;
  struct place *place;
  struct iovec local[IOVS], remote[IOVS];
  int count;
  uint64_t bytes;
  uint64_t stored;
};

static uint8_t *place_address(const struct pages *pages, const struct place *place, uint64_t address) {
  return pages->map[place->region] + place->offset + (address - place->vma.start);
}

/* A copy that failed with EFAULT: for want of memory here, or of the page there? */
static int why_not_copied(const struct batch *batch) {
  for (int i = 0; i < batch->count; i++)
    if (madvise(batch->local[i].iov_base, batch->local[i].iov_len, MADV_POPULATE_WRITE) < 0)
      return -ENOSPC;
  return -EFAULT;
}

static int copy_out(struct batch *batch) {
  struct pages *pages = batch->pages;
  struct place *place = batch->place;

  if (batch->count == 0)
    return 0;
  if (place->vma.readable) {
    ssize_t n = process_vm_readv(pages->config.pid, batch->local, (unsigned long)batch->count, batch->remote,
                                 (unsigned long)batch->count, 0);
    if (n < 0 && errno != EFAULT)
      return -errno;
    if (n < 0 || (uint64_t)n != batch->bytes)
      return why_not_copied(batch);
  } else {
    /* process_vm_readv() respects PROT_NONE; /proc/PID/mem does not. */
    for (int i = 0; i < batch->count; i++) {
      ssize_t n = pread(pages->memory, batch->local[i].iov_base, batch->local[i].iov_len,
                        (off_t)(uintptr_t)batch->remote[i].iov_base);
      if (n < 0 && errno != EFAULT)
        return -errno;
      if (n < 0 || (size_t)n != batch->local[i].iov_len)
        return why_not_copied(batch);
    }
  }
  for (int i = 0; i < batch->count; i++) {
    uint64_t first = ((uintptr_t)batch->remote[i].iov_base - place->vma.start) / PAGE;
    for (uint64_t page = 0; page < batch->local[i].iov_len / PAGE; page++) {
      bool zero = is_zero((uint8_t *)batch->local[i].iov_base + page * PAGE);
      if (!zero) {
        set_bit(place->bits, first + page);
        batch->stored++;
      } else if (place->zeros != NULL) {
        set_bit(place->zeros, first + page);
      }
    }
  }
  batch->count = 0;
  batch->bytes = 0;
  return 0;
}

static int copy_run(void *context, uint64_t start, uint64_t end, enum page_kind kind) {
  struct batch *batch = context;
  struct place *place = batch->place;

  if (kind != PAGE_DATA) {
    uint64_t *bits = kind == PAGE_GUARD ? place->guards : place->zeros;
    if (bits != NULL)
      for (uint64_t a = start; a < end; a += PAGE)
        set_bit(bits, (a - place->vma.start) / PAGE);
    return 0;
  }
  while (start < end) {
    uint64_t length = end - start;
    if (length > CHUNK - batch->bytes)
      length = CHUNK - batch->bytes;
    batch->local[batch->count] = (struct iovec){place_address(batch->pages, place, start), length};
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
    }
  }
  return 0;
}

static void *copy_pieces(void *argument) {
  struct pages *pages = argument;
  struct batch batch = {.pages = pages};

  while (!__atomic_load_n(&pages->error, __ATOMIC_RELAXED)) {
    size_t index = __atomic_fetch_add(&pages->next_piece, 1, __ATOMIC_RELAXED);
    if (index >= pages->piece_count)
      break;
    struct piece *piece = &pages->pieces[index];
    batch.place = piece->place;
    int error = scan(pages, piece->start, piece->end, copy_run, &batch);
    if (error >= 0)
      error = copy_out(&batch);
    if (error < 0)
      fail(pages, error);
  }
  __atomic_fetch_add(&pages->stored, batch.stored, __ATOMIC_RELAXED);
  return NULL;
}

int pages_start(struct pages *pages, uint64_t deadline_nanos) {
  int error = lay_out(pages, false);
  if (error < 0)
    return error;
  pages->deadline_nanos = deadline_nanos;
  if (pages->config.record_only)
    return 0;
  size_t count = 0;
  for (size_t i = 0; i < pages->place_count; i++)
    if (pages->places[i]->seen)
      count += (pages->places[i]->vma.end - pages->places[i]->vma.start) / PIECE + 2;
  pages->pieces = calloc(count ? count : 1, sizeof(*pages->pieces));
  if (pages->pieces == NULL)
    return -ENOMEM;
  for (size_t i = 0; i < pages->place_count; i++) {
    struct place *place = pages->places[i];
    if (!place->seen)
      continue;
    size_t words = (place->vma.end - place->vma.start) / PAGE / 64 + 1;
    place->bits = calloc(words, sizeof(uint64_t));
    place->guards = calloc(words, sizeof(uint64_t));
    /* Where a file lies underneath, a page of zeros is not the same as no page. */
    if (place->vma.inode != 0)
      place->zeros = calloc(words, sizeof(uint64_t));
    if (place->bits == NULL || place->guards == NULL || (place->vma.inode != 0 && place->zeros == NULL))
      return -ENOMEM;
    for (uint64_t a = place->vma.start; a < place->vma.end;) {
      uint64_t end = ALIGN_UP(a + 1, PIECE);
      if (end > place->vma.end)
        end = place->vma.end;
      pages->pieces[pages->piece_count++] = (struct piece){place, a, end};
      a = end;
    }
  }
  /* More copiers than pieces, or for a small process, cost more than they bring. */
  uint32_t wanted_copiers = pages->config.threads ? pages->config.threads : (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
  uint64_t bytes = pages->cursor[0];
  for (uint32_t i = 1; i < wanted_copiers && i < 64 && bytes > 2 * PIECE; i++) {
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

int pages_object(struct pages *pages, int fd, struct record *record, const struct vas_file_status *status) {
  int fresh = remember_object(pages, status->device, status->inode);
  if (fresh <= 0)
    return fresh;
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
    pages->stored += ALIGN_UP(run.length, PAGE) / PAGE;
    at = hole;
  }
  if (!record->error)
    memcpy(record->base + header, &object, sizeof(object));
  record_end(record);
  return 0;
}

/* ---- the result ---- */

static uint32_t append_runs(struct record *record, const struct place *place, const uint64_t *bits, uint64_t mark) {
  uint64_t pages = (place->vma.end - place->vma.start) / PAGE, run_start = 0;
  uint32_t count = 0;
  bool in_run = false;

  for (uint64_t page = 0; page <= pages; page++) {
    bool set = page < pages && (bits[page / 64] >> (page % 64) & 1);
    if (set && !in_run)
      run_start = page;
    if (!set && in_run) {
      struct vas_run run = {place->vma.start + run_start * PAGE, ((page - run_start) * PAGE) | mark};
      record_append(record, &run, sizeof(run));
      count++;
    }
    in_run = set;
  }
  return count;
}

void pages_record(struct pages *pages, struct record *record) {
  for (size_t i = 0; i < pages->place_count; i++) {
    const struct place *place = pages->places[i];
    if (!place->seen)
      continue;
    int backing = backing_region(pages, &place->vma);
    struct vas_stored_pages stored = {.start = place->vma.start,
                                      .end = place->vma.end,
                                      .offset = place->offset,
                                      .region = (uint32_t)place->region,
                                      .flags = place->backed ? VAS_PAGES_REGION_BACKED : 0,
                                      .backing_inode = place->vma.inode,
                                      .backing_offset = place->vma.offset,
                                      .backing_region = backing < 0 ? 0 : (uint32_t)backing};
    record_begin(record, VAS_ENTRY_PAGES, pages->config.pid, 0, 0);
    size_t header = record->length;
    record_append(record, &stored, sizeof(stored));
    if (place->bits != NULL)
      stored.run_count = append_runs(record, place, place->bits, 0);
    if (place->zeros != NULL)
      stored.run_count += append_runs(record, place, place->zeros, VAS_RUN_ZERO);
    if (place->guards != NULL)
      stored.run_count += append_runs(record, place, place->guards, VAS_RUN_GUARD);
    if (!record->error)
      memcpy(record->base + header, &stored, sizeof(stored));
    record_end(record);
  }
}
