package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import org.agrona.concurrent.UnsafeBuffer;

/**
 * The clocks that begin anew whenever the machine starts.
 *
 * @param monotonicNanos of CLOCK_MONOTONIC.
 * @param boottimeNanos of CLOCK_BOOTTIME, which goes on while the machine sleeps.
 */
public record Clocks(long monotonicNanos, long boottimeNanos) {
  private static final int CLOCK_MONOTONIC = 1;
  private static final int CLOCK_BOOTTIME = 7;
  private static final int TIMESPEC_LENGTH = 16;
  private static final long NANOS = 1_000_000_000L;

  /**
   * What they show to this process.
   *
   * @return their times.
   */
  public static Clocks now() {
    return new Clocks(nanos(CLOCK_MONOTONIC), nanos(CLOCK_BOOTTIME));
  }

  private static long nanos(final int clock) {
    final UnsafeBuffer time = Scratch.zeroed(TIMESPEC_LENGTH);
    if (LIBC.clock_gettime(clock, time.addressOffset()) < 0) {
      throw Kernel.failure("clock_gettime", "clock", clock);
    }
    return time.getLong(0) * NANOS + time.getLong(Long.BYTES);
  }
}
