package io.vas.api.record;

import io.vas.core.InvalidRequestException;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Spans of time as they are written on the command line: a whole number and one unit. */
public final class TimeSpan {
  /** What is allowed, for messages and help. */
  public static final String FORM = "a time above 0 like 2ms, 100ms, 1s, 10m, 1h or 7d";

  private static final Pattern TEXT = Pattern.compile("([0-9]{1,9})(ms|s|m|h|d)");

  private TimeSpan() {}

  /**
   * Reads one.
   *
   * @param text of the form {@value #FORM}.
   * @return above zero.
   * @throws InvalidRequestException if it is not of that form, or zero.
   */
  public static Duration parse(final String text) {
    final Matcher matcher = TEXT.matcher(text);
    if (!matcher.matches() || Long.parseLong(matcher.group(1)) == 0) {
      throw new InvalidRequestException("'" + text + "' is not " + FORM);
    }
    final long number = Long.parseLong(matcher.group(1));
    return switch (matcher.group(2)) {
      case "ms" -> Duration.ofMillis(number);
      case "s" -> Duration.ofSeconds(number);
      case "m" -> Duration.ofMinutes(number);
      case "h" -> Duration.ofHours(number);
      default -> Duration.ofDays(number);
    };
  }

  /**
   * Writes one.
   *
   * @param span a whole number of milliseconds.
   * @return the shortest text that {@link #parse} reads as the same.
   */
  public static String text(final Duration span) {
    final long millis = span.toMillis();
    if (millis % 1000 != 0) {
      return millis + "ms";
    }
    final long seconds = millis / 1000;
    if (seconds % 86_400 == 0) {
      return seconds / 86_400 + "d";
    }
    if (seconds % 3600 == 0) {
      return seconds / 3600 + "h";
    }
    return seconds % 60 == 0 ? seconds / 60 + "m" : seconds + "s";
  }
}
