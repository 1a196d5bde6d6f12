package io.vas.api.client;

import io.vas.api.stats.LatencyBuckets;

/**
 * What is known of a latency.
 *
 * @param sumMicros of all times, microseconds.
 * @param maxMicros the longest, microseconds; exact.
 * @param buckets how many times fell in each of the {@link LatencyBuckets}.
 */
@SuppressWarnings("ArrayRecordComponent") // Filled once and handed over; nobody compares these.
public record LatencyFigures(long sumMicros, long maxMicros, long[] buckets) {
  /**
   * How many times were noted.
   *
   * @return 0 or more.
   */
  public long count() {
    long count = 0;
    for (final long bucket : buckets) {
      count += bucket;
    }
    return count;
  }

  /**
   * The mean.
   *
   * @return microseconds; 0 if there are no times.
   */
  public long meanMicros() {
    final long count = count();
    return count == 0 ? 0 : sumMicros / count;
  }

  /**
   * The time that a share of all times does not exceed: the upper end of its bucket, so what is
   * told is never less than the true one, and more by an eighth at most.
   *
   * @param share more than 0, at most 1: 0.5 for the median, 0.99 for what is called p99.
   * @return microseconds; 0 if there are no times.
   */
  public long percentileMicros(final double share) {
    final long rank = (long) Math.ceil(share * count());
    long seen = 0;
    for (int i = 0; i < buckets.length; i++) {
      seen += buckets[i];
      if (seen >= rank && seen > 0) {
        return Math.min(LatencyBuckets.highest(i), maxMicros);
      }
    }
    return 0;
  }
}
