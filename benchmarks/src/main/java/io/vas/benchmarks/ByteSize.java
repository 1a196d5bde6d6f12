package io.vas.benchmarks;

import io.vas.core.InvalidRequestException;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes as users write them. */
final class ByteSize {
  static final long KIB = 1L << 10;
  static final long MIB = 1L << 20;
  static final long GIB = 1L << 30;

  private static final Pattern SYNTAX = Pattern.compile("([0-9]{1,6})([KMG])(I?B)?");

  private ByteSize() {}

  /**
   * Reads a size.
   *
   * @param text such as 256M, 1G or 1GiB.
   * @return bytes.
   * @throws InvalidRequestException if it is none.
   */
  static long parse(final String text) {
    final Matcher matcher = SYNTAX.matcher(text.toUpperCase(Locale.ROOT));
    if (!matcher.matches()) {
      throw new InvalidRequestException("'" + text + "' is not a size such as 256M or 1G");
    }
    final long unit =
        switch (matcher.group(2)) {
          case "K" -> KIB;
          case "M" -> MIB;
          default -> GIB;
        };
    return Long.parseLong(matcher.group(1)) * unit;
  }

  /**
   * Shows a size.
   *
   * @param bytes 0 or more.
   * @return with the largest unit of which it is a whole number.
   */
  static String text(final long bytes) {
    if (bytes % GIB == 0) {
      return bytes / GIB + " GiB";
    }
    return bytes % MIB == 0 ? bytes / MIB + " MiB" : bytes / KIB + " KiB";
  }
}
