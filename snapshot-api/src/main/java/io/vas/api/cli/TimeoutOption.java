package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.core.InvalidRequestException;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Option;

/** A limit for what may take long. */
final class TimeoutOption {
  private static final Pattern TIME = Pattern.compile("([0-9]{1,7})(ms|s|m)?");

  @Option(
      names = "--timeout",
      paramLabel = "TIME",
      description = "Give up after: 30, 30s, 500ms, 2m. What was begun is undone.")
  private String text;

  /**
   * The client, limited as asked for.
   *
   * @param client to be limited.
   * @return a client that need not be closed.
   */
  VasClient apply(final VasClient client) {
    return text == null ? client : client.withTimeout(parse(text));
  }

  static Duration parse(final String text) {
    final Matcher matcher = TIME.matcher(text);
    if (!matcher.matches() || Integer.parseInt(matcher.group(1)) == 0) {
      throw new InvalidRequestException(
          "--timeout takes a time above 0 like 30, 30s, 500ms or 2m, not '" + text + "'");
    }
    final long number = Integer.parseInt(matcher.group(1));
    final String unit = matcher.group(2);
    if ("ms".equals(unit)) {
      return Duration.ofMillis(number);
    }
    return "m".equals(unit) ? Duration.ofMinutes(number) : Duration.ofSeconds(number);
  }
}
