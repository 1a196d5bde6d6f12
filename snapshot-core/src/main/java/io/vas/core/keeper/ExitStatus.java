package io.vas.core.keeper;

import io.vas.core.linux.Signals;

/**
 * How a process ended.
 *
 * @param waitStatus as wait4(2) tells it.
 */
public record ExitStatus(int waitStatus) {
  private static final int SIGNAL_MASK = 0x7f;
  private static final int CORE_DUMPED = 0x80;

  /**
   * The exit code, as a shell shows it.
   *
   * @return 0 to 255; 128 plus the signal if one ended the process.
   */
  public int code() {
    return signal() == 0 ? (waitStatus >>> 8) & 0xff : 128 + signal();
  }

  /**
   * The signal that ended it.
   *
   * @return 1 to 64, or 0 if it exited.
   */
  public int signal() {
    return waitStatus & SIGNAL_MASK;
  }

  /**
   * Whether it left a core dump.
   *
   * @return whether the kernel says so.
   */
  public boolean dumpedCore() {
    return (waitStatus & CORE_DUMPED) != 0;
  }

  @Override
  public String toString() {
    return signal() == 0
        ? "exited with code " + code()
        : "killed by " + Signals.name(signal()) + (dumpedCore() ? " (core dumped)" : "");
  }
}
