package io.vas.api.cli;

import io.vas.api.v1.InstanceState;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;

/** Numbers, times and names as people read them. */
public final class Texts {
  private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB"};

  private Texts() {}

  /**
   * A size.
   *
   * @param bytes 0 or more.
   * @return three digits at least and a unit: "1.25 GiB", "256 MiB", "17 B".
   */
  public static String size(final long bytes) {
    double value = bytes;
    int unit = 0;
    while (value >= 1024 && unit < UNITS.length - 1) {
      value /= 1024;
      unit++;
    }
    return unit == 0 ? bytes + " B" : threeDigits(value) + " " + UNITS[unit];
  }

  /**
   * A time.
   *
   * @param micros 0 or more.
   * @return three digits and a unit: "870 us", "1.42 ms", "3.05 s".
   */
  public static String duration(final long micros) {
    if (micros < 1000) {
      return micros + " us";
    }
    return micros < 1_000_000
        ? threeDigits(micros / 1e3) + " ms"
        : threeDigits(micros / 1e6) + " s";
  }

  /**
   * How long ago something was.
   *
   * @param unixMicros when.
   * @return "12 s ago", "3 min ago", "5 h ago", "2 d ago".
   */
  public static String age(final long unixMicros) {
    final long seconds =
        Math.max(0, ChronoUnit.SECONDS.between(instant(unixMicros), Instant.now()));
    if (seconds < 60) {
      return seconds + " s ago";
    }
    if (seconds < 3600) {
      return seconds / 60 + " min ago";
    }
    return seconds < 86_400 ? seconds / 3600 + " h ago" : seconds / 86_400 + " d ago";
  }

  /**
   * A moment.
   *
   * @param unixMicros when.
   * @return as ISO 8601 writes it, in UTC.
   */
  public static String timestamp(final long unixMicros) {
    return instant(unixMicros).toString();
  }

  /**
   * A moment for people.
   *
   * @param unixMicros when.
   * @return date and time of day to the millisecond, as the clock on this machine's wall shows it.
   */
  public static String localTime(final long unixMicros) {
    return LocalDateTime.ofInstant(instant(unixMicros), ZoneId.systemDefault())
        .format(DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss.SSS", Locale.ROOT));
  }

  /**
   * A state.
   *
   * @param state of an instance.
   * @return one word in lower case.
   */
  public static String state(final InstanceState state) {
    return state.name().toLowerCase(Locale.ROOT);
  }

  /**
   * An address.
   *
   * @param address unsigned.
   * @return hexadecimal, with 0x.
   */
  public static String address(final long address) {
    return "0x" + Long.toHexString(address);
  }

  /**
   * A number of things.
   *
   * @param number of things.
   * @return with commas: "65,536".
   */
  public static String count(final long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  /**
   * A command as one would type it.
   *
   * @param words of the command.
   * @return the words, quoted where the shell would need it.
   */
  public static String command(final List<String> words) {
    final StringBuilder text = new StringBuilder();
    for (final String word : words) {
      text.append(text.length() == 0 ? "" : " ");
      if (!word.isEmpty() && word.chars().allMatch(Texts::isPlain)) {
        text.append(word);
      } else {
        text.append('\'').append(word.replace("'", "'\\''")).append('\'');
      }
    }
    return text.toString();
  }

  /**
   * The beginning of a text.
   *
   * @param text one line.
   * @param length the most characters.
   * @return the text or its beginning with an ellipsis.
   */
  public static String clipped(final String text, final int length) {
    final String line = text.replace('\n', ' ');
    return line.length() <= length ? line : line.substring(0, length - 3) + "...";
  }

  private static boolean isPlain(final int c) {
    return (c >= '0' && c <= '9')
        || (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || "-_./:=,@%+".indexOf(c) >= 0;
  }

  private static String threeDigits(final double value) {
    final String format = value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f";
    return String.format(Locale.ROOT, format, value);
  }

  private static Instant instant(final long unixMicros) {
    return Instant.EPOCH.plus(unixMicros, ChronoUnit.MICROS);
  }
}
