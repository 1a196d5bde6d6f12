package io.vas.api.record;

/**
 * The ticks of a clock: multiples of a period after a beginning, however late anybody comes to one.
 * Times are those of {@link System#nanoTime()}.
 */
public final class Cadence {
  private final long periodNanos;
  private long dueNanos;

  /**
   * A cadence.
   *
   * @param periodNanos above 0.
   * @param firstNanos when its first tick is due.
   */
  public Cadence(final long periodNanos, final long firstNanos) {
    if (periodNanos <= 0) {
      throw new IllegalArgumentException("periodNanos=" + periodNanos);
    }
    this.periodNanos = periodNanos;
    this.dueNanos = firstNanos;
  }

  /**
   * How long until the next tick.
   *
   * @param nowNanos the time.
   * @return nanoseconds; 0 or less if it is due.
   */
  public long untilDue(final long nowNanos) {
    return dueNanos - nowNanos;
  }

  /**
   * Goes on to the next tick that is still to come, after what there was to do at the last one.
   *
   * @param nowNanos the time.
   * @return how many ticks have passed meanwhile and are left out.
   */
  public long advance(final long nowNanos) {
    final long left = Math.max(0, (nowNanos - dueNanos) / periodNanos);
    dueNanos += (left + 1) * periodNanos;
    return left;
  }
}
