#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

/* linux/fs.h, Linux 6.7 */
struct pm_scan_arg {
  uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
  uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define PAGEMAP_SCAN _IOWR('f', 16, struct pm_scan_arg)
#define PM_SCAN_WP_MATCHING (1 << 0)
#define PM_SCAN_CHECK_WPASYNC (1 << 1) /* EPERM where a page is found that can't be armed */

#define SCAN_REGIONS 512

int pagemap_scan(int pagemap, const struct scan *scan, uint64_t start, uint64_t end,
               int (*use)(void *context, const struct page_region *found), void *context) {
  struct page_region found[SCAN_REGIONS];

  while (start < end) {
    struct pm_scan_arg arg = {.size = sizeof(arg),
                              .flags = scan->arm ? PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC : 0,
                              .start = start,
                              .end = end,
                              .vec = (uintptr_t)found,
                              .vec_len = SCAN_REGIONS,
                              .max_pages = scan->limit,
                              .category_inverted = scan->without,
                              .category_mask = scan->with | scan->without,
                              .category_anyof_mask = scan->any,
                              .return_mask = scan->returned};
    int n = ioctl(pagemap, PAGEMAP_SCAN, &arg);
    if (n < 0)
      return -errno;
    for (int i = 0; i < n; i++) {
      int error = use(context, &found[i]);
      if (error < 0)
        return error;
    }
    if (scan->limit != 0 && n > 0)
      break;
    start = arg.walk_end;
  }
  return 0;
}

static int ignore(void *context, const struct page_region *found) {
  (void)context;
  (void)found;
  return 0;
}

static uint64_t known_guard_category;

static void look_for_guard_category(void) {
  const struct scan scan = {.with = PAGE_IS_GUARD, .returned = PAGE_IS_GUARD};
  uint64_t page = ALIGN_DOWN((uintptr_t)&known_guard_category, PAGE);
  cleanup_close int pagemap = openat(proc_directory, "self/pagemap", O_RDONLY | O_CLOEXEC);

  if (pagemap >= 0 && pagemap_scan(pagemap, &scan, page, page + PAGE, ignore, NULL) >= 0)
    known_guard_category = PAGE_IS_GUARD;
}

uint64_t guard_category(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;

  pthread_once(&once, look_for_guard_category);
  return known_guard_category;
}
