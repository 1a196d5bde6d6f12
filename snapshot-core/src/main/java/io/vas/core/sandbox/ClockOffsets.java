package io.vas.core.sandbox;

/**
 * How far an instance's clocks are ahead of the host's: a time namespace, for what was saved before
 * the machine was started again. Its clocks must not go back.
 *
 * @param monotonicNanos of CLOCK_MONOTONIC, 0 or more.
 * @param boottimeNanos of CLOCK_BOOTTIME, 0 or more.
 */
public record ClockOffsets(long monotonicNanos, long boottimeNanos) {
  /** Those of an instance that has the host's clocks. */
  public static final ClockOffsets NONE = new ClockOffsets(0, 0);

  private static final long NANOS = 1_000_000_000L;

  /**
   * Whether the clocks are the host's.
   *
   * @return true if there is no need for a time namespace.
   */
  public boolean isNone() {
    return monotonicNanos == 0 && boottimeNanos == 0;
  }

  /**
   * As /proc/PID/timens_offsets takes it.
   *
   * @return two lines.
   */
  String text() {
    return "monotonic "
        + monotonicNanos / NANOS
        + " "
        + monotonicNanos % NANOS
        + "\nboottime "
        + boottimeNanos / NANOS
        + " "
        + boottimeNanos % NANOS
        + "\n";
  }

  /**
   * Whether they are what a process's namespace has.
   *
   * @param file /proc/PID/timens_offsets.
   * @return whether the numbers are the same.
   */
  public boolean matches(final String file) {
    return words(file).equals(words(text()));
  }

  private static String words(final String text) {
    return text.trim().replaceAll("\\s+", " ");
  }
}
