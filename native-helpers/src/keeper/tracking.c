/*
 * What an address space has written, told by the kernel.
 *
 * A userfaultfd with WP_ASYNC write-protects pages without ever telling anybody of a fault: the fault of a write lifts the
 * protection, and PAGEMAP_SCAN tells the pages that have none. That is exact for anonymous memory: pages that were zapped
 * count as written, too. In a private mapping of a file, zapping leaves a marker behind that passes the protection on to the
 * page that comes next, whatever is in it. So of such mappings those alone are tracked that map a region: the guard, whose
 * userfaultfd they have, knows what is zapped, takes the markers away and puts zeros there, which count as written.
 *
 * The userfaultfd is made by a system call of the first task while the instance stands still, and taken out of its table of
 * descriptors before it goes on. A child has none of it, and what is mapped or moved later is not registered: it counts as
 * written until it is.
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ptrace.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
/* linux/userfaultfd.h, Linux 6.4 and 6.7 */
#define FEATURE_WP_UNPOPULATED (1 << 13) /* without it, anonymous memory is not armed by PAGEMAP_SCAN */
#define FEATURE_WP_ASYNC (1 << 15)

static int enable(int tracker) {
  struct uffdio_api api = {.api = UFFD_API, .features = FEATURE_WP_ASYNC | FEATURE_WP_UNPOPULATED};
  return ioctl(tracker, UFFDIO_API, &api) < 0 ? -errno : 0;
}

static int note_found(void *context, const struct page_region *found) {
  (void)found;
  *(bool *)context = true;
  return 0;
}

int is_tracked(int pagemap, uint64_t start) {
  const struct scan scan = {.without = PAGE_IS_WPALLOWED, .returned = PAGE_IS_WPALLOWED, .limit = 1};
  bool found = false;
  int error = pagemap_scan(pagemap, &scan, start, start + PAGE, note_found, &found);
  return error < 0 ? error : !found;
}

static int lift(void *context, const struct page_region *found) {
  struct uffdio_writeprotect none = {.range = {found->start, found->end - found->start}};
  return ioctl(*(int *)context, UFFDIO_WRITEPROTECT, &none) < 0 ? -errno : 0;
}

/*
 * Pages may look armed though nobody tracks them: where a mapping that was moved becomes one with another, the kernel forgets
 * that writes to both were tracked, but leaves the marks on pages that have not moved. Such a page is written without a
 * fault, and would look armed for ever.
 */
int tracking_register(int pagemap, int tracker, uint64_t start, uint64_t end, bool is_guard) {
  struct uffdio_register range = {.range = {start, end - start},
                                  .mode = UFFDIO_REGISTER_MODE_WP | (is_guard ? UFFDIO_REGISTER_MODE_MISSING : 0)};
  const struct scan armed = {
      .without = PAGE_IS_WRITTEN, .any = PAGE_IS_PRESENT | PAGE_IS_SWAPPED, .returned = PAGE_IS_WRITTEN};

  return ioctl(tracker, UFFDIO_REGISTER, &range) < 0 ? -errno : pagemap_scan(pagemap, &armed, start, end, lift, &tracker);
}

bool space_is_gone(int pagemap) {
  uint64_t entry;
  return pread(pagemap, &entry, sizeof(entry), 0) == 0;
}

/* ---- does it work here? ---- */

#define PROBE_PAGES 1536u /* room for a huge page that is aligned */

static int mark(void *context, const struct page_region *found) {
  uint8_t **probe = context; /* memory, marks */
  for (uint64_t a = found->start; a < found->end; a += PAGE)
    probe[1][(a - (uintptr_t)probe[0]) / PAGE] = 1;
  return 0;
}

/* Not every kernel that knows PAGEMAP_SCAN must tell zapped pages alike: what is relied on is tried. */
static bool probe(uint8_t *memory, int tracker, int pagemap) {
  const struct scan arm = {.any = PAGE_IS_PRESENT | PAGE_IS_SWAPPED, .arm = true};
  const struct scan written = {.with = PAGE_IS_WRITTEN, .returned = PAGE_IS_WRITTEN};
  uint8_t marks[PROBE_PAGES] = {0};
  uint8_t *context[2] = {memory, marks};
  uint64_t start = (uintptr_t)memory, end = start + PROBE_PAGES * PAGE;
  unsigned block = (unsigned)((ALIGN_UP(start, HUGE_PAGE) - start) / PAGE);

  for (unsigned i = 0; i < PROBE_PAGES; i++)
    memory[i * PAGE] = 1;
  if (enable(tracker) < 0 || is_tracked(pagemap, start) != 0 || tracking_register(pagemap, tracker, start, end, false) < 0 ||
      is_tracked(pagemap, start) != 1 ||
      pagemap_scan(pagemap, &arm, start, end, mark, context) < 0)
    return false;
  memset(marks, 0, sizeof(marks));
  unsigned written_page = block + 600, zapped_page = block + 700;
  memory[written_page * PAGE] = 2;
  if (madvise(memory + zapped_page * PAGE, PAGE, MADV_DONTNEED) < 0 ||
      madvise(memory + block * PAGE, HUGE_PAGE, MADV_DONTNEED) < 0 ||
      pagemap_scan(pagemap, &written, start, end, mark, context) < 0)
    return false;
  for (unsigned i = 0; i < PROBE_PAGES; i++) {
    bool expected = i == written_page || i == zapped_page || (i >= block && i < block + HUGE_PAGE / PAGE);
    if (marks[i] != expected)
      return false;
  }
  return true;
}

static bool works;

static void try_it(void) {
  uint8_t *memory = mmap(NULL, PROBE_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return;
  madvise(memory, PROBE_PAGES * PAGE, MADV_DONTFORK);
  cleanup_close int tracker = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
  cleanup_close int pagemap = openat(proc_directory, "self/pagemap", O_RDONLY | O_CLOEXEC);
  works = tracker >= 0 && pagemap >= 0 && probe(memory, tracker, pagemap);
  munmap(memory, PROBE_PAGES * PAGE);
}

bool tracking_works(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;

  pthread_once(&once, try_it);
  return works;
}

/* ---- the tracker of an instance ---- */

void tracking_end(struct instance *instance) {
  instance->cut = 0;
  close_fd(&instance->tracker);
  close_fd(&instance->tracked_space);
}

static int make_tracker(struct instance *instance, struct task *leader) {
  const uint64_t make[6] = {O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY};
  struct ptrace_rseq_configuration rseq;
  uint64_t instruction;
  long number, closed;
  int error;

  if ((error = find_syscall_instruction(instance->pid, &instruction)) < 0 || (error = prepare_task(instance, leader, &rseq)) < 0 ||
      (error = task_syscall(leader, instruction, SYS_userfaultfd, make, &number)) < 0)
    return error;
  if (number < 0)
    return (int)number;
  int tracker = (int)syscall(SYS_pidfd_getfd, instance->pidfd, (int)number, 0);
  error = tracker < 0 ? -errno : 0;
  const uint64_t forget[6] = {(uint64_t)number};
  int forgotten = task_syscall(leader, instruction, SYS_close, forget, &closed);
  instance->tracker = tracker;
  return error < 0 ? error : forgotten < 0 ? forgotten : enable(tracker);
}

static int register_all(struct instance *instance) {
  struct vma *vmas = NULL;
  ssize_t count = read_vmas(instance->pid, &vmas);
  int guard = guard_of(instance, instance->pid), error = count < 0 ? (int)count : 0;
  struct file_ranges files = {0};

  if (error >= 0 && guard >= 0)
    error = file_ranges_read(instance, &files);
  for (ssize_t i = 0; i < count && error >= 0; i++) {
    bool guarded =
        guard >= 0 && maps_region(&vmas[i], instance->region_device) && !is_file_range(&files, &vmas[i]);
    if ((!vmas[i].anonymous && !guarded) || vmas[i].special)
      continue;
    int tracker = guarded ? guard : instance->tracker;
    int result = is_tracked(instance->tracked_space, vmas[i].start);
    if (result == 0)
      result = tracking_register(instance->tracked_space, tracker, vmas[i].start, vmas[i].end, guarded);
    /* Others are copied as a whole. */
    error = result == -EBUSY ? result : 0;
  }
  file_ranges_free(&files);
  free(vmas);
  return error;
}

bool has_tracker(const struct instance *instance) {
  return instance->tracker >= 0 && !space_is_gone(instance->tracked_space);
}

static int begin_frozen(struct instance *instance, const struct freezing *freezing) {
  struct task *leader = NULL;
  char name[32];

  for (size_t i = 0; i < freezing->count; i++) {
    if (freezing->tasks[i].tid == instance->pid && !freezing->tasks[i].gone)
      leader = &freezing->tasks[i];
    if (freezing->tasks[i].group_stopped)
      return -EOPNOTSUPP;
  }
  if (leader == NULL)
    return -ESRCH;
  if (!has_tracker(instance)) {
    tracking_end(instance);
    if (has_own_filter(instance, leader) != 0)
      return -EOPNOTSUPP;
    int error = make_tracker(instance, leader);
    if (error < 0)
      return error;
    snprintf(name, sizeof(name), "%d/pagemap", instance->pid);
    instance->tracked_space = openat(proc_directory, name, O_RDONLY | O_CLOEXEC);
    if (instance->tracked_space < 0)
      return -errno;
  }
  return register_all(instance);
}

int tracking_begin(struct instance *instance, uint64_t deadline_nanos) {
  struct freezing freezing = {.instance = instance, .deadline_nanos = deadline_nanos, .alone = true};

  /* All of its threads: the number that the userfaultfd has for a moment must not be missing to any. */
  int error = freeze_tasks(&freezing, &instance->pid, 1, 1, guard_drain, instance);
  if (error >= 0 && (error = guard_settle(instance, &freezing)) >= 0)
    error = begin_frozen(instance, &freezing);
  thaw_instance(instance, &freezing);
  if (error < 0)
    tracking_end(instance);
  return error;
}
