package io.vas.api.stats;

import io.vas.core.VasException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/**
 * The process that writes a file of counters.
 *
 * @param pid as its pid namespace numbers it: others can't tell whether it lives.
 * @param startTicks when it started, in clock ticks since boot.
 */
public record WriterProcess(int pid, long startTicks) {
  /** Field 22 of proc_pid_stat(5), counted from the state, which is the third. */
  private static final int START_FIELD = 22 - 3;

  /**
   * This process.
   *
   * @return its identity.
   */
  public static WriterProcess current() {
    final int pid = (int) ProcessHandle.current().pid();
    return new WriterProcess(
        pid,
        startTicks(pid)
            .orElseThrow(() -> new VasException("/proc does not tell when this process started")));
  }

  /**
   * Whether it lives.
   *
   * @return false if it has ended, be it that its parent has not noticed yet, or that another
   *     process has its pid.
   */
  public boolean isAlive() {
    return startTicks(pid).equals(OptionalLong.of(startTicks));
  }

  /** By hand, for this is read by programs that have no Agrona. */
  private static OptionalLong startTicks(final int pid) {
    try {
      final String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
      // A name may have blanks and parentheses of its own.
      final String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
      return fields[0].equals("Z") || fields[0].equals("X")
          ? OptionalLong.empty()
          : OptionalLong.of(Long.parseLong(fields[START_FIELD]));
    } catch (final IOException e) {
      return OptionalLong.empty();
    }
  }
}
