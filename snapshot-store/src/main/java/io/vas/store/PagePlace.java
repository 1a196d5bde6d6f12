package io.vas.store;

import io.vas.core.memory.RegionKind;

/**
 * Where a page is stored, as a number. Pages that lie side by side have numbers that do.
 *
 * <pre>
 *   63                   37  36  35                     0
 *  +-----------------------+----+------------------------+
 *  |  number of the files  |kind|  page within the file  |
 *  +-----------------------+----+------------------------+
 *  |            file            |
 * </pre>
 */
final class PagePlace {
  static final int PAGE_SHIFT = 12;

  private static final int FILE_SHIFT = 36;
  private static final long PAGE_MASK = (1L << FILE_SHIFT) - 1;

  private PagePlace() {}

  /** The file with a number, of a kind. */
  static long file(final int number, final RegionKind kind) {
    return (long) number << 1 | kind.number();
  }

  static int number(final long file) {
    return (int) (file >>> 1);
  }

  static RegionKind kind(final long file) {
    return RegionKind.of((int) (file & 1));
  }

  /** The place at an offset, in bytes, of a file. */
  static long of(final long file, final long offset) {
    return file << FILE_SHIFT | offset >>> PAGE_SHIFT;
  }

  static long fileOf(final long place) {
    return place >>> FILE_SHIFT;
  }

  /** Bytes. */
  static long offsetOf(final long place) {
    return (place & PAGE_MASK) << PAGE_SHIFT;
  }
}
