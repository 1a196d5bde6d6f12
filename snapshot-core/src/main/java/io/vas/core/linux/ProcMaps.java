package io.vas.core.linux;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.agrona.DirectBuffer;

/** Reads /proc/PID/maps and /proc/PID/smaps. */
public final class ProcMaps {
  private static final long KIB = 1024;
  private static final String FLAGS = "VmFlags:";

  private ProcMaps() {}

  /**
   * The mappings of a process.
   *
   * @param text all of maps or smaps.
   * @return the mappings by rising address, without sizes.
   * @throws io.vas.core.VasException if the text is something else.
   */
  public static List<Vma> parse(final DirectBuffer text) {
    return parse(text, false);
  }

  /**
   * The mappings of a process, and how much of each is in memory.
   *
   * @param text all of smaps or smaps_rollup.
   * @return the mappings by rising address.
   * @throws io.vas.core.VasException if the text is something else.
   */
  public static List<Vma> parseWithSizes(final DirectBuffer text) {
    return parse(text, true);
  }

  /**
   * What counts while mappings stay as they are: how much memory they take.
   *
   * @param smaps all of /proc/PID/smaps.
   * @return all lines but those of the mappings themselves, and of their flags.
   */
  public static List<CountingPart> counting(final DirectBuffer smaps) {
    final TextCursor cursor = new TextCursor("smaps", smaps);
    final List<CountingPart> parts = new ArrayList<>();
    while (!cursor.atEnd()) {
      final int begin = cursor.position();
      final boolean counts = isBesides(cursor) && !cursor.isNext(FLAGS);
      cursor.skipLine();
      if (counts) {
        parts.add(new CountingPart(begin, cursor.position(), true));
      }
    }
    return parts;
  }

  /** The names of the lines that smaps adds begin with a capital, addresses with a digit or a-f. */
  private static boolean isBesides(final TextCursor line) {
    return Character.isUpperCase(line.peek());
  }

  private static List<Vma> parse(final DirectBuffer text, final boolean withSizes) {
    final TextCursor cursor = new TextCursor("maps", text);
    final List<Vma> vmas = new ArrayList<>();
    // Most mappings have the flags of some other one.
    final Map<String, Set<String>> flags = new HashMap<>();
    while (!cursor.atEnd()) {
      vmas.add(entry(cursor, withSizes, flags));
    }
    return vmas;
  }

  private static Vma entry(
      final TextCursor cursor, final boolean withSizes, final Map<String, Set<String>> known) {
    final long start = cursor.hex();
    final long end = cursor.expect("-").hex();
    cursor.skipBlanks();
    final int protection =
        (cursor.next() == 'r' ? MappedMemory.PROT_READ : 0)
            | (cursor.next() == 'w' ? MappedMemory.PROT_WRITE : 0)
            | (cursor.next() == 'x' ? MappedMemory.PROT_EXEC : 0);
    final char sharing = cursor.next();
    if (sharing != 's' && sharing != 'p') {
      throw cursor.unexpected("s or p");
    }
    final long offset = cursor.hex();
    final int major = (int) cursor.hex();
    final int minor = (int) cursor.expect(":").hex();
    final long inode = cursor.decimal();
    final String name = TextCursor.unescape(cursor.restOfLine(), "\n");

    Set<String> flags = Set.of();
    final Map<String, Long> sizes = withSizes ? new HashMap<>() : Map.of();
    while (isBesides(cursor)) {
      if (cursor.take(FLAGS)) {
        flags = known.computeIfAbsent(cursor.restOfLine(), ProcMaps::words);
      } else if (withSizes) {
        final String key = cursor.until(':');
        final long value = cursor.decimal();
        sizes.put(key, cursor.skipBlanks().take("kB") ? value * KIB : value);
        cursor.skipLine();
      } else {
        cursor.skipLine();
      }
    }
    return new Vma(
        start,
        end,
        protection,
        sharing == 's',
        offset,
        new DeviceNumber(major, minor),
        inode,
        name,
        flags,
        sizes);
  }

  private static Set<String> words(final String line) {
    return line.isBlank() ? Set.of() : Set.of(line.strip().split(" +"));
  }
}
