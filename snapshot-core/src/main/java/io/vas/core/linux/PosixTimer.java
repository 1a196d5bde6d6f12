package io.vas.core.linux;

import java.util.ArrayList;
import java.util.List;
import org.agrona.DirectBuffer;

/**
 * A timer made by timer_create(2), as /proc/PID/timers tells it. When it expires and how often,
 * only timer_gettime(2) in the process tells.
 *
 * @param id its number in the process.
 * @param signal to be sent, 0 if there is none.
 * @param value to be sent along ({@code sigev_value}).
 * @param notification of the {@code SIGEV_} constants, without {@link #SIGEV_THREAD_ID}.
 * @param toThread whether the signal goes to one thread rather than to the process.
 * @param target the thread or process, as the reader's pid namespace numbers it.
 * @param clock the clock's number; negative for the processor time of tasks.
 */
public record PosixTimer(
    int id, int signal, long value, int notification, boolean toThread, int target, int clock) {
  /** A signal is sent. */
  public static final int SIGEV_SIGNAL = 0;

  /** Nothing happens. */
  public static final int SIGEV_NONE = 1;

  /** A thread is started (by the C library: the kernel does as for a signal). */
  public static final int SIGEV_THREAD = 2;

  /** The signal goes to one thread. */
  public static final int SIGEV_THREAD_ID = 4;

  /**
   * Read /proc/PID/timers.
   *
   * @param text all of the file.
   * @return the timers, by rising number.
   * @throws io.vas.core.VasException if the text is something else.
   */
  public static List<PosixTimer> parse(final DirectBuffer text) {
    final TextCursor cursor = new TextCursor("timers", text);
    final List<PosixTimer> timers = new ArrayList<>();
    while (!cursor.atEnd()) {
      final int id = cursor.expect("ID:").decimalInt();
      cursor.skipLine();
      final int signal = cursor.expect("signal:").decimalInt();
      final long value = cursor.expect("/").hex();
      cursor.skipLine();
      cursor.expect("notify:").skipBlanks();
      final int notification = notification(cursor);
      final boolean toThread = cursor.take("tid.");
      if (!toThread) {
        cursor.expect("pid.");
      }
      final int target = cursor.decimalInt();
      cursor.skipLine();
      final int clock = cursor.expect("ClockID:").decimalInt();
      cursor.skipLine();
      timers.add(new PosixTimer(id, signal, value, notification, toThread, target, clock));
    }
    timers.sort((a, b) -> Integer.compare(a.id, b.id));
    return timers;
  }

  private static int notification(final TextCursor cursor) {
    if (cursor.take("signal/")) {
      return SIGEV_SIGNAL;
    }
    if (cursor.take("none/")) {
      return SIGEV_NONE;
    }
    if (cursor.take("thread/")) {
      return SIGEV_THREAD;
    }
    throw cursor.unexpected("signal, none or thread");
  }
}
