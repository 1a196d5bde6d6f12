package io.vas.core.linux;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.agrona.DirectBuffer;

/**
 * Reads /proc/PID/stat, and that of threads. The fields are numbered from 1, as proc_pid_stat(5)
 * does. Some are 0 for a reader who may not trace the task.
 */
public final class ProcStat {
  /** How many fields this class needs; newer kernels may add some. */
  public static final int FIELDS = 52;

  private static final int FIRST_NUMBER = 4;

  /** minflt to cstime; rss; kstkesp and kstkeip; wchan; processor; blkio, guest and cguest time. */
  private static final List<Integer> MOVING =
      List.of(10, 11, 12, 13, 14, 15, 16, 17, 24, 29, 30, 35, 39, 42, 43, 44);

  private final String name;
  private final char state;
  private final long[] values;

  private ProcStat(final String name, final char state, final long[] values) {
    this.name = name;
    this.state = state;
    this.values = values;
  }

  /**
   * Read a stat.
   *
   * @param text all of the file.
   * @return the fields.
   * @throws io.vas.core.VasException if the text is something else.
   */
  public static ProcStat parse(final DirectBuffer text) {
    final TextCursor cursor = new TextCursor("stat", text);
    final long[] values = new long[FIELDS + 1];
    values[1] = cursor.decimal();
    cursor.expect("(");
    final String name = cursor.untilLast(')'); // a name may have parentheses of its own
    final char state = cursor.skipBlanks().next();
    for (int field = FIRST_NUMBER; field <= FIELDS; field++) {
      values[field] = cursor.decimal();
    }
    return new ProcStat(name, state, values);
  }

  /**
   * What counts or moves while nothing changes: page faults, times, pages in memory, registers,
   * where it waits, on which processor.
   *
   * @param text all of the file.
   * @return in their order.
   * @throws io.vas.core.VasException if the text is something else.
   */
  public static List<CountingPart> counting(final DirectBuffer text) {
    final TextCursor cursor = new TextCursor("stat", text);
    final List<CountingPart> parts = new ArrayList<>();
    cursor.untilLast(')');
    cursor.word(); // the state
    for (int field = FIRST_NUMBER; field <= FIELDS; field++) {
      final int begin = cursor.skipBlanks().position();
      cursor.decimal();
      if (MOVING.contains(field)) {
        parts.add(new CountingPart(begin, cursor.position(), false));
      }
    }
    return parts;
  }

  /**
   * A field that holds a number.
   *
   * @param number 1, or 4 to {@link #FIELDS}.
   * @return its value; one of more than 63 bits is negative.
   */
  public long field(final int number) {
    if (number != 1 && (number < FIRST_NUMBER || number > FIELDS)) {
      throw new IllegalArgumentException("no field with a number: " + number);
    }
    return values[number];
  }

  /**
   * Field 1: the task's number.
   *
   * @return as the reader's pid namespace numbers it.
   */
  public int pid() {
    return (int) values[1];
  }

  /**
   * Field 2: the task's name (comm).
   *
   * @return at most 15 bytes.
   */
  public String name() {
    return name;
  }

  /**
   * Field 3: what the task does.
   *
   * @return R, S, D, T (stopped), t (traced), Z, X or I.
   */
  public char state() {
    return state;
  }

  /**
   * Field 4: the parent.
   *
   * @return its pid.
   */
  public int parent() {
    return (int) values[4];
  }

  /**
   * Field 5: the process group.
   *
   * @return its number.
   */
  public int processGroup() {
    return (int) values[5];
  }

  /**
   * Field 6: the session.
   *
   * @return its number.
   */
  public int session() {
    return (int) values[6];
  }

  /**
   * Field 7: the controlling terminal.
   *
   * @return its device number, 0 if there is none.
   */
  public int terminal() {
    return (int) values[7];
  }

  /**
   * Field 9: flags of the task ({@code PF_} in the kernel's sched.h).
   *
   * @return the flags.
   */
  public long flags() {
    return values[9];
  }

  /**
   * Field 19: the nice value.
   *
   * @return -20 to 19.
   */
  public int nice() {
    return (int) values[19];
  }

  /**
   * Field 20: how many threads the process has.
   *
   * @return 1 or more.
   */
  public int threads() {
    return (int) values[20];
  }

  /**
   * Field 22: when the task started.
   *
   * @return clock ticks (a hundredth of a second) since boot.
   */
  public long startTime() {
    return values[22];
  }

  /**
   * Field 26: where the program's code begins.
   *
   * @return an address.
   */
  public long startCode() {
    return values[26];
  }

  /**
   * Field 27: where the program's code ends.
   *
   * @return an address.
   */
  public long endCode() {
    return values[27];
  }

  /**
   * Field 28: where the stack begins, at its high end.
   *
   * @return an address.
   */
  public long startStack() {
    return values[28];
  }

  /**
   * Field 38: the signal that tells the parent of the end.
   *
   * @return its number, -1 for a thread.
   */
  public int exitSignal() {
    return (int) values[38];
  }

  /**
   * Field 40: the real-time priority.
   *
   * @return 1 to 99, 0 for a task that is not real-time.
   */
  public int realTimePriority() {
    return (int) values[40];
  }

  /**
   * Field 41: the scheduling class.
   *
   * @return one of the {@code SCHED_} constants of sched(7).
   */
  public int policy() {
    return (int) values[41];
  }

  /**
   * Field 45: where the program's data begins.
   *
   * @return an address.
   */
  public long startData() {
    return values[45];
  }

  /**
   * Field 46: where the program's data ends.
   *
   * @return an address.
   */
  public long endData() {
    return values[46];
  }

  /**
   * Field 47: where the heap begins. Where it ends, only brk(0) tells.
   *
   * @return an address.
   */
  public long startBreak() {
    return values[47];
  }

  /**
   * Field 48: where the command line begins.
   *
   * @return an address.
   */
  public long argumentsStart() {
    return values[48];
  }

  /**
   * Field 49: where the command line ends.
   *
   * @return an address.
   */
  public long argumentsEnd() {
    return values[49];
  }

  /**
   * Field 50: where the environment begins.
   *
   * @return an address.
   */
  public long environmentStart() {
    return values[50];
  }

  /**
   * Field 51: where the environment ends.
   *
   * @return an address.
   */
  public long environmentEnd() {
    return values[51];
  }

  /**
   * Field 52: how the task ended.
   *
   * @return a status as wait(2) has it.
   */
  public int exitCode() {
    return (int) values[52];
  }

  @Override
  public String toString() {
    return name + " " + state + " " + Arrays.toString(values);
  }
}
