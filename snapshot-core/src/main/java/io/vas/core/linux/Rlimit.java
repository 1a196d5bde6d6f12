package io.vas.core.linux;

import io.vas.core.VasException;
import java.util.EnumMap;
import java.util.Map;
import org.agrona.DirectBuffer;

/** The resources whose use is limited, see getrlimit(2), and /proc/PID/limits, which shows them. */
public enum Rlimit {
  /** Seconds of processor time. */
  CPU(0, "Max cpu time"),

  /** Bytes of a file. */
  FSIZE(1, "Max file size"),

  /** Bytes of data. */
  DATA(2, "Max data size"),

  /** Bytes of the main stack. */
  STACK(3, "Max stack size"),

  /** Bytes of a core dump. */
  CORE(4, "Max core file size"),

  /** Bytes present, without effect. */
  RSS(5, "Max resident set"),

  /** Tasks of the user. */
  NPROC(6, "Max processes"),

  /** Descriptors. */
  NOFILE(7, "Max open files"),

  /** Bytes locked. */
  MEMLOCK(8, "Max locked memory"),

  /** Bytes of address space. */
  AS(9, "Max address space"),

  /** Locks, without effect. */
  LOCKS(10, "Max file locks"),

  /** Queued signals of the user. */
  SIGPENDING(11, "Max pending signals"),

  /** Bytes in POSIX message queues of the user. */
  MSGQUEUE(12, "Max msgqueue size"),

  /** 20 minus the lowest nice value. */
  NICE(13, "Max nice priority"),

  /** Real-time priority. */
  RTPRIO(14, "Max realtime priority"),

  /** Microseconds of real-time processor time without a pause. */
  RTTIME(15, "Max realtime timeout");

  /** In place of a limit: there is none (RLIM_INFINITY). */
  public static final long INFINITY = -1;

  private final int number;
  private final String title;

  Rlimit(final int number, final String title) {
    this.number = number;
    this.title = title;
  }

  /**
   * The limits of one resource.
   *
   * @param soft what is enforced, an unsigned number or {@link #INFINITY}.
   * @param hard up to where the task may raise it, an unsigned number or {@link #INFINITY}.
   */
  public record Limit(long soft, long hard) {}

  /**
   * The kernel's number.
   *
   * @return 0 to 15.
   */
  public int number() {
    return number;
  }

  /**
   * Read /proc/PID/limits.
   *
   * @param text all of the file.
   * @return the limits of all resources.
   * @throws VasException if the text is something else, or has a resource that is not known here.
   */
  public static Map<Rlimit, Limit> parse(final DirectBuffer text) {
    final TextCursor cursor = new TextCursor("limits", text);
    cursor.expect("Limit").skipLine();
    final Map<Rlimit, Limit> limits = new EnumMap<>(Rlimit.class);
    while (!cursor.atEnd()) {
      limits.put(resource(cursor), new Limit(limit(cursor), limit(cursor)));
      cursor.skipLine();
    }
    return limits;
  }

  private static Rlimit resource(final TextCursor cursor) {
    for (final Rlimit resource : values()) {
      if (cursor.take(resource.title + " ")) {
        return resource;
      }
    }
    throw cursor.unexpected("a resource");
  }

  private static long limit(final TextCursor cursor) {
    return cursor.skipBlanks().take("unlimited") ? INFINITY : cursor.decimal();
  }
}
