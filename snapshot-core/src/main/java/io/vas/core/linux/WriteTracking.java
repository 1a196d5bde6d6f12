package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import io.vas.core.VasException;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Tries how the kernel tracks writes to memory: a userfaultfd with {@code WP_ASYNC}, and {@code
 * PAGEMAP_SCAN}, which tells what was written and arms it again.
 */
final class WriteTracking {
  private static final int PAGE = 4096;
  private static final int PAGES = 1024; // even

  private static final long UFFDIO_API = 0xC018AA3FL;
  private static final int UFFDIO_API_LENGTH = 24;
  private static final long UFFD_API = 0xAA;
  private static final long UFFD_FEATURE_WP_UNPOPULATED = 1 << 13; // Linux 6.4
  private static final long UFFD_FEATURE_WP_ASYNC = 1 << 15; // Linux 6.7
  private static final long UFFDIO_REGISTER = 0xC020AA00L;
  private static final int UFFDIO_REGISTER_LENGTH = 32;
  private static final int REGISTER_MODE_OFFSET = 16;
  private static final long UFFDIO_REGISTER_MODE_WP = 2;

  private static final long PAGEMAP_SCAN = 0xC0606610L; // Linux 6.7
  private static final int SCAN_LENGTH = 96;
  private static final int SCAN_FLAGS_OFFSET = 8;
  private static final int SCAN_START_OFFSET = 16;
  private static final int SCAN_END_OFFSET = 24;
  private static final int SCAN_VEC_OFFSET = 40;
  private static final int SCAN_VEC_LENGTH_OFFSET = 48;
  private static final int SCAN_CATEGORY_MASK_OFFSET = 72;
  private static final int SCAN_RETURN_MASK_OFFSET = 88;
  private static final long PM_SCAN_WP_MATCHING = 1;
  private static final long PM_SCAN_CHECK_WPASYNC = 1 << 1;
  private static final long PAGE_IS_WRITTEN = 1 << 1;
  private static final int REGION_LENGTH = 24;

  private final MappedMemory memory;
  private final Fd pagemap;

  private WriteTracking(final MappedMemory memory, final Fd pagemap) {
    this.memory = memory;
    this.pagemap = pagemap;
  }

  /**
   * What tracking costs here, once.
   *
   * @param armNanos for each page of 4 KiB, when it is armed.
   * @param writeNanos for the first write to each page after that.
   */
  record Cost(long armNanos, long writeNanos) {}

  /**
   * Track some memory.
   *
   * @return what it costs.
   * @throws LinuxException if the kernel can't do it.
   * @throws VasException if it does not tell what was written.
   */
  static Cost tryOut() {
    final long value =
        Syscall.call(Syscall.USERFAULTFD, OpenFlags.O_CLOEXEC | OpenFlags.O_NONBLOCK);
    if (value < 0) {
      throw Kernel.failure("userfaultfd", "flags", "O_CLOEXEC|O_NONBLOCK");
    }
    try (Fd tracker = Fd.owning((int) value);
        Fd pagemap = Fd.open("/proc/self/pagemap", OpenFlags.O_RDONLY);
        MappedMemory memory = MappedMemory.anonymous((long) PAGES * PAGE)) {
      memory.advise(0, memory.length(), MappedMemory.MADV_NOHUGEPAGE);
      final UnsafeBuffer bytes = memory.buffer();
      bytes.setMemory(0, bytes.capacity(), (byte) 1);
      final WriteTracking tracking = new WriteTracking(memory, pagemap);
      tracking.register(tracker);
      final long start = System.nanoTime();
      tracking.expectWritten(PAGES);
      final long armed = System.nanoTime();
      bytes.setMemory(0, bytes.capacity(), (byte) 2);
      final long written = System.nanoTime();
      tracking.expectWritten(PAGES);
      for (int page = 0; page < PAGES; page += 2) {
        bytes.putByte(page * PAGE, (byte) 3);
      }
      tracking.expectWritten(PAGES / 2);
      return new Cost((armed - start) / PAGES, (written - armed) / PAGES);
    }
  }

  private void register(final Fd tracker) {
    final UnsafeBuffer api = Scratch.zeroed(UFFDIO_API_LENGTH);
    api.putLong(0, UFFD_API);
    api.putLong(Long.BYTES, UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED);
    if (LIBC.ioctl(tracker.value(), UFFDIO_API, api.addressOffset()) < 0) {
      throw Kernel.failure("ioctl", "fd", tracker.value(), "request", "UFFDIO_API");
    }
    final UnsafeBuffer register = Scratch.zeroed(UFFDIO_REGISTER_LENGTH);
    register.putLong(0, memory.address());
    register.putLong(Long.BYTES, memory.length());
    register.putLong(REGISTER_MODE_OFFSET, UFFDIO_REGISTER_MODE_WP);
    if (LIBC.ioctl(tracker.value(), UFFDIO_REGISTER, register.addressOffset()) < 0) {
      throw Kernel.failure("ioctl", "fd", tracker.value(), "request", "UFFDIO_REGISTER");
    }
  }

  /** All are armed then. */
  private void expectWritten(final int expected) {
    final long pages = arm();
    if (pages != expected) {
      throw new VasException("of " + expected + " pages that were written it tells " + pages);
    }
  }

  /** How many pages were written since the last time. */
  private long arm() {
    // More ranges than there can be: every other page.
    try (MappedMemory ranges = MappedMemory.anonymous((long) PAGES * REGION_LENGTH)) {
      final UnsafeBuffer scan = Scratch.zeroed(SCAN_LENGTH);
      scan.putLong(0, SCAN_LENGTH);
      scan.putLong(SCAN_FLAGS_OFFSET, PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC);
      scan.putLong(SCAN_START_OFFSET, memory.address());
      scan.putLong(SCAN_END_OFFSET, memory.address() + memory.length());
      scan.putLong(SCAN_VEC_OFFSET, ranges.address());
      scan.putLong(SCAN_VEC_LENGTH_OFFSET, PAGES);
      scan.putLong(SCAN_CATEGORY_MASK_OFFSET, PAGE_IS_WRITTEN);
      scan.putLong(SCAN_RETURN_MASK_OFFSET, PAGE_IS_WRITTEN);
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
