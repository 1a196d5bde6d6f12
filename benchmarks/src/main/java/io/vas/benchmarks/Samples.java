package io.vas.benchmarks;

import org.HdrHistogram.Histogram;

/** Measured values of one kind: times in nanoseconds, or bytes. Four digits are kept. */
final class Samples {
  private static final int DIGITS = 4;
  private static final double MEDIAN = 50;
  private static final double NEARLY_ALL = 99;

  private final Histogram histogram = new Histogram(DIGITS);

  void add(final long value) {
    histogram.recordValue(value);
  }

  int count() {
    return Math.toIntExact(histogram.getTotalCount());
  }

  long min() {
    return histogram.getMinValue();
  }

  long p50() {
    return histogram.getValueAtPercentile(MEDIAN);
  }

  long p99() {
    return histogram.getValueAtPercentile(NEARLY_ALL);
  }

  long max() {
    return histogram.getMaxValue();
  }
}
