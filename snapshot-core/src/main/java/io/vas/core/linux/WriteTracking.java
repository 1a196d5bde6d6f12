package io.vas.core.linux;

import io.vas.core.VasException;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Tries how the kernel tracks writes to memory: a userfaultfd with {@code WP_ASYNC}, and {@code
 * PAGEMAP_SCAN}, which tells what was written and arms it again.
 */
final class WriteTracking {
  private static final int PAGE = 4096;
  private static final int PAGES = 1024; // even

  private WriteTracking() {}

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
    try (Userfaultfd tracker =
            Userfaultfd.open(Userfaultfd.FEATURE_WP_ASYNC | Userfaultfd.FEATURE_WP_UNPOPULATED);
        MappedMemory memory = MappedMemory.anonymous((long) PAGES * PAGE)) {
      memory.advise(0, memory.length(), MappedMemory.MADV_NOHUGEPAGE);
      final UnsafeBuffer bytes = memory.buffer();
      bytes.setMemory(0, bytes.capacity(), (byte) 1);
      tracker.registerForWrites(memory);
      final long start = System.nanoTime();
      expectWritten(memory, PAGES);
      final long armed = System.nanoTime();
      bytes.setMemory(0, bytes.capacity(), (byte) 2);
      final long written = System.nanoTime();
      expectWritten(memory, PAGES);
      for (int page = 0; page < PAGES; page += 2) {
        bytes.putByte(page * PAGE, (byte) 3);
      }
      expectWritten(memory, PAGES / 2);
      return new Cost((armed - start) / PAGES, (written - armed) / PAGES);
    }
  }

  /** All are armed then. */
  private static void expectWritten(final MappedMemory memory, final int expected) {
    final long pages = PagemapScan.count(memory, PagemapScan.PAGE_IS_WRITTEN, true);
    if (pages != expected) {
      throw new VasException("of " + expected + " pages that were written it tells " + pages);
    }
  }
}
