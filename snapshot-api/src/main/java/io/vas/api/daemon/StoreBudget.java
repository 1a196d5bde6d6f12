package io.vas.api.daemon;

import io.vas.core.InvalidRequestException;
import io.vas.store.StoreConfig;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How much the store may hold: what the environment says, or half of what is available. */
final class StoreBudget {
  /** Environment variable: bytes, or a number with k, m, g or t for powers of 1024. */
  static final String VARIABLE = "VAS_STORE";

  private static final Pattern SIZE = Pattern.compile("([0-9]{1,12})([kmgt]?)b?");

  private StoreBudget() {}

  static StoreConfig config(final Path stateDirectory, final String size) {
    if (size == null || size.isEmpty()) {
      return StoreConfig.ofDefaultBudget(stateDirectory);
    }
    return new StoreConfig(stateDirectory, bytes(size));
  }

  static long bytes(final String size) {
    final Matcher matcher = SIZE.matcher(size.toLowerCase(Locale.ROOT));
    if (!matcher.matches()) {
      throw new InvalidRequestException(
          VARIABLE + " is a size like 500m or 8g, not '" + size + "'");
    }
    final String unit = matcher.group(2);
    final int power = unit.isEmpty() ? 0 : "kmgt".indexOf(unit) + 1;
    try {
      return Math.multiplyExact(Long.parseLong(matcher.group(1)), 1L << (10 * power));
    } catch (final ArithmeticException e) {
      throw new InvalidRequestException(VARIABLE + " is more than there can be: " + size, e);
    }
  }
}
