package io.vas.api.stats;

/**
 * Which times fall in the same bucket: up to 15 us each has its own; above, each power of two is
 * divided in eight. So a bucket is no wider than an eighth of the least time in it. What takes
 * longer than 2^40 us - 1 (twelve days) falls in the last one.
 */
public final class LatencyBuckets {
  private static final int BITS = 3;
  private static final int PARTS = 1 << BITS;
  private static final long MOST = (1L << 40) - 1;

  /** How many there are. */
  public static final int COUNT = index(MOST) + 1;

  private LatencyBuckets() {}

  /**
   * The bucket of a time.
   *
   * @param micros the time; one below 0 counts as 0.
   * @return 0 to {@link #COUNT} - 1.
   */
  public static int index(final long micros) {
    final long value = Math.max(0, Math.min(MOST, micros));
    final int shift = Math.max(0, Long.SIZE - 1 - Long.numberOfLeadingZeros(value | 1) - BITS);
    return (shift << BITS) + (int) (value >>> shift);
  }

  /**
   * The longest time that falls in a bucket.
   *
   * @param index 0 to {@link #COUNT} - 1.
   * @return microseconds.
   */
  public static long highest(final int index) {
    if (index < 2 * PARTS) {
      return index;
    }
    final int shift = (index >>> BITS) - 1;
    return ((PARTS + (index & (PARTS - 1)) + 1L) << shift) - 1;
  }
}
