package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import org.agrona.concurrent.UnsafeBuffer;

/** Asks which pages of this process's memory are of some kind: PAGEMAP_SCAN, Linux 6.7. */
final class PagemapScan {
  static final long PAGE_IS_WRITTEN = 1 << 1;
  static final long PAGE_IS_PRESENT = 1 << 3;

  private static final int PAGE = 4096;
  private static final long PAGEMAP_SCAN = 0xC0606610L;
  private static final int ARGUMENTS_LENGTH = 96;
  private static final int FLAGS_OFFSET = 8;
  private static final int START_OFFSET = 16;
  private static final int END_OFFSET = 24;
  private static final int VEC_OFFSET = 40;
  private static final int VEC_LENGTH_OFFSET = 48;
  private static final int CATEGORY_MASK_OFFSET = 72;
  private static final int RETURN_MASK_OFFSET = 88;
  private static final long PM_SCAN_WP_MATCHING = 1;
  private static final long PM_SCAN_CHECK_WPASYNC = 1 << 1;
  private static final int REGION_LENGTH = 24;

  private PagemapScan() {}

  /**
   * Count pages.
   *
   * @param memory where.
   * @param category PAGE constant of those that count.
   * @param arms whether the next write to each of them is to make it {@link #PAGE_IS_WRITTEN}: of
   *     memory that is registered for that.
   * @return pages of 4 KiB.
   * @throws LinuxException if the kernel can't do it.
   */
  static long count(final MappedMemory memory, final long category, final boolean arms) {
    // There can't be more ranges than pages.
    final long most = memory.length() / PAGE;
    try (Fd pagemap = Fd.open("/proc/self/pagemap", OpenFlags.O_RDONLY);
        MappedMemory ranges = MappedMemory.anonymous(most * REGION_LENGTH)) {
      final UnsafeBuffer scan = Scratch.zeroed(ARGUMENTS_LENGTH);
      scan.putLong(0, ARGUMENTS_LENGTH);
      scan.putLong(FLAGS_OFFSET, arms ? PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC : 0);
      scan.putLong(START_OFFSET, memory.address());
      scan.putLong(END_OFFSET, memory.address() + memory.length());
      scan.putLong(VEC_OFFSET, ranges.address());
      scan.putLong(VEC_LENGTH_OFFSET, most);
      scan.putLong(CATEGORY_MASK_OFFSET, category);
      scan.putLong(RETURN_MASK_OFFSET, category);
      final int count = LIBC.ioctl(pagemap.value(), PAGEMAP_SCAN, scan.addressOffset());
      if (count < 0) {
        throw Kernel.failure("ioctl", "fd", pagemap.value(), "request", "PAGEMAP_SCAN");
      }
      long pages = 0;
      for (int i = 0; i < count; i++) {
        final UnsafeBuffer range = ranges.buffer((long) i * REGION_LENGTH, REGION_LENGTH);
        pages += (range.getLong(Long.BYTES) - range.getLong(0)) / PAGE;
      }
      return pages;
    }
  }
}
