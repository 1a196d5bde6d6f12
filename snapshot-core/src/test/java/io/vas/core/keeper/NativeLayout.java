package io.vas.core.keeper;

import io.vas.natives.NativeBinaries;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What {@code vas-keeper --layout} says of the layouts and constants that C and Java share, in the
 * names that the descriptors use.
 */
public final class NativeLayout {
  private static final Pattern FIELD = Pattern.compile("(\\w+)\\.(\\w+) (\\d+) (\\d+)");
  private static final Pattern SIZE = Pattern.compile("sizeof (\\w+) (\\d+)");
  private static final Pattern CONSTANT = Pattern.compile("(VAS_\\w+) (\\d+)");

  private static List<String> lines;

  private NativeLayout() {}

  private static synchronized List<String> lines() {
    if (lines == null) {
      try {
        final Process process =
            new ProcessBuilder(NativeBinaries.keeper().toString(), "--layout")
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        lines =
            new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII)
                .lines()
                .toList();
        if (process.waitFor() != 0 || lines.isEmpty()) {
          throw new AssertionError("vas-keeper --layout failed");
        }
      } catch (final IOException e) {
        throw new UncheckedIOException(e);
      } catch (final InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new AssertionError(e);
      }
    }
    return lines;
  }

  /**
   * The constants that a descriptor should have.
   *
   * @param structures prefixes of the descriptor's constants by structure.
   * @param constants new beginnings of the names of those constants that belong to the descriptor,
   *     by their beginnings in C; the longest one that fits counts.
   * @return values by name.
   */
  public static Map<String, Long> expected(
      final Map<String, String> structures, final Map<String, String> constants) {
    final Map<String, Long> values = new TreeMap<>();
    for (final String line : lines()) {
      final Matcher field = FIELD.matcher(line);
      final Matcher size = SIZE.matcher(line);
      final Matcher constant = CONSTANT.matcher(line);
      if (field.matches()) {
        final String prefix = structures.get(field.group(1));
        if (prefix != null) {
          values.put(
              prefix + field.group(2).toUpperCase(Locale.ROOT) + "_OFFSET",
              Long.parseLong(field.group(3)));
        }
      } else if (size.matches()) {
        final String prefix = structures.get(size.group(1));
        if (prefix != null) {
          values.put(prefix + "LENGTH", Long.parseLong(size.group(2)));
        }
      } else if (constant.matches()) {
        constants.keySet().stream()
            .filter(constant.group(1)::startsWith)
            .max((a, b) -> Integer.compare(a.length(), b.length()))
            .ifPresent(
                begin ->
                    values.put(
                        constants.get(begin) + constant.group(1).substring(begin.length()),
                        Long.parseUnsignedLong(constant.group(2))));
      } else {
        throw new AssertionError("what is this: " + line);
      }
    }
    return values;
  }

  /**
   * Structures and constants that no descriptor claims.
   *
   * @param structures all that are claimed.
   * @param constants beginnings of all constants that are claimed.
   * @return lines of the layout.
   */
  public static List<String> unclaimed(
      final List<String> structures, final List<String> constants) {
    final List<String> unclaimed = new ArrayList<>();
    for (final String line : lines()) {
      final Matcher size = SIZE.matcher(line);
      final Matcher constant = CONSTANT.matcher(line);
      if ((size.matches() && !structures.contains(size.group(1)))
          || (constant.matches() && constants.stream().noneMatch(constant.group(1)::startsWith))) {
        unclaimed.add(line);
      }
    }
    return unclaimed;
  }

  /**
   * The constants that a descriptor has.
   *
   * @param descriptor a class of constants.
   * @return values by name; u32s as unsigned.
   */
  public static Map<String, Long> actual(final Class<?> descriptor) {
    final Map<String, Long> values = new TreeMap<>();
    try {
      for (final Field field : descriptor.getFields()) {
        if (Modifier.isStatic(field.getModifiers())) {
          final Object value = field.get(null);
          values.put(
              field.getName(),
              value instanceof Integer number
                  ? Integer.toUnsignedLong(number)
                  : ((Number) value).longValue());
        }
      }
    } catch (final IllegalAccessException e) {
      throw new AssertionError(e);
    }
    return values;
  }
}
