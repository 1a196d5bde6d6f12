package io.vas.core.linux;

import io.vas.core.VasException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.agrona.DirectBuffer;

/** Reads /proc/PID/status, and that of threads. */
public final class ProcStatus {
  private static final long KIB = 1024;

  private static final List<String> COUNTING =
      List.of("voluntary_", "nonvoluntary_", "Vm", "Rss", "Hugetlb", "SigQ");

  private final Map<String, String> values;

  private ProcStatus(final Map<String, String> values) {
    this.values = values;
  }

  /**
   * The four users, or groups, of a task.
   *
   * @param real the one it was started by.
   * @param effective the one permissions are checked for.
   * @param saved the one it can go back to.
   * @param fileSystem the one permissions of files are checked for.
   */
  public record Ids(int real, int effective, int saved, int fileSystem) {}

  /**
   * Read a status.
   *
   * @param text all of the file.
   * @return the status.
   * @throws VasException if the text is something else.
   */
  public static ProcStatus parse(final DirectBuffer text) {
    final TextCursor cursor = new TextCursor("status", text);
    final Map<String, String> values = new HashMap<>();
    while (!cursor.atEnd()) {
      final String key = cursor.until(':');
      // A name may begin or end with blanks; what else is padded is not.
      cursor.take("\t");
      final String value = cursor.until('\n');
      values.put(key, key.equals("Name") ? value : value.trim());
    }
    return new ProcStatus(values);
  }

  /**
   * What counts while nothing changes: switches of context, memory in use, signals that the user
   * has queued anywhere.
   *
   * @param text all of the file.
   * @return what such lines say, in their order.
   */
  public static List<CountingPart> counting(final DirectBuffer text) {
    final TextCursor cursor = new TextCursor("status", text);
    final List<CountingPart> parts = new ArrayList<>();
    while (!cursor.atEnd()) {
      final boolean counts = COUNTING.stream().anyMatch(cursor::isNext);
      cursor.until(':');
      final int begin = cursor.position();
      cursor.skipLine();
      if (counts) {
        parts.add(new CountingPart(begin, cursor.position(), true));
      }
    }
    return parts;
  }

  /**
   * Whether the kernel shows a line: those of memory are missing in zombies, others depend on its
   * version.
   *
   * @param key name of the line.
   * @return true if there is one.
   */
  public boolean has(final String key) {
    return values.containsKey(key);
  }

  /**
   * A line.
   *
   * @param key its name, for example {@code Seccomp}.
   * @return what it says.
   * @throws VasException if there is no such line.
   */
  public String value(final String key) {
    final String value = values.get(key);
    if (value == null) {
      throw new VasException("status: no line " + key);
    }
    return value;
  }

  /**
   * A line that holds a decimal number.
   *
   * @param key its name, for example {@code Threads}.
   * @return the number.
   */
  public int number(final String key) {
    return Integer.parseInt(value(key));
  }

  /**
   * A line that holds a mask of 64 bits.
   *
   * @param key its name, for example {@code SigBlk}.
   * @return the mask; of signals, bit 0 is signal 1.
   */
  public long mask(final String key) {
    return Long.parseUnsignedLong(value(key), 16);
  }

  /**
   * A line that holds an amount of memory.
   *
   * @param key its name, for example {@code RssAnon}.
   * @return bytes, 0 if there is no such line.
   */
  public long bytes(final String key) {
    final String value = values.get(key);
    return value == null ? 0 : Long.parseLong(value.substring(0, value.indexOf(' '))) * KIB;
  }

  /**
   * A line that holds numbers.
   *
   * @param key its name, for example {@code NSpid}.
   * @return the numbers; of those that begin with NS, the last is that of the innermost namespace.
   */
  public List<Integer> numbers(final String key) {
    return Stream.of(value(key).split("\\s+"))
        .filter(word -> !word.isEmpty())
        .map(Integer::parseUnsignedInt)
        .toList();
  }

  /**
   * The name of the task (comm).
   *
   * @return at most 15 bytes.
   */
  public String name() {
    return value("Name").replace("\\n", "\n").replace("\\\\", "\\");
  }

  /**
   * What the task does.
   *
   * @return R, S, D, T (stopped), t (traced), Z, X or I.
   */
  public char state() {
    return value("State").charAt(0);
  }

  /**
   * The task's number, its thread's number for a thread.
   *
   * @return as the reader's pid namespace numbers it.
   */
  public int pid() {
    return number("Pid");
  }

  /**
   * The task's number in its own pid namespace.
   *
   * @return the innermost number.
   */
  public int innermostPid() {
    final List<Integer> pids = numbers("NSpid");
    return pids.get(pids.size() - 1);
  }

  /**
   * The mask of permissions that new files do not get.
   *
   * @return nine bits.
   */
  public int umask() {
    return Integer.parseInt(value("Umask"), 8);
  }

  /**
   * The users of the task, as the reader's user namespace numbers them.
   *
   * @return the four.
   */
  public Ids uids() {
    return ids("Uid");
  }

  /**
   * The groups of the task.
   *
   * @return the four.
   */
  public Ids gids() {
    return ids("Gid");
  }

  private Ids ids(final String key) {
    final List<Integer> ids = numbers(key);
    return new Ids(ids.get(0), ids.get(1), ids.get(2), ids.get(3));
  }
}
