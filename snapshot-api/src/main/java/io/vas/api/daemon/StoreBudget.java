package io.vas.api.daemon;

import io.vas.core.InvalidRequestException;
import io.vas.store.FullPolicy;
import io.vas.store.StoreConfig;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How much the store may hold, and what is done when it is full: what the command line or else the
 * environment says. By default it is half of what is available, and then snapshots are refused.
 */
public final class StoreBudget {
  /** Environment variable: bytes, or a number with k, m, g or t for powers of 1024. */
  static final String VARIABLE = "VAS_STORE";

  /** Environment variable: the name of a {@link FullPolicy}. */
  static final String FULL_VARIABLE = "VAS_STORE_FULL";

  private static final Pattern SIZE = Pattern.compile("([0-9]{1,12})([kmgt]?)b?");

  private StoreBudget() {}

  /**
   * A store's configuration.
   *
   * @param stateDirectory of the daemon.
   * @param size as on the command line; null or empty: the default.
   * @param whenFull name of a policy; null or empty: the default.
   */
  static StoreConfig config(final Path stateDirectory, final String size, final String whenFull) {
    final StoreConfig config =
        size == null || size.isEmpty()
            ? StoreConfig.ofDefaultBudget(stateDirectory)
            : new StoreConfig(stateDirectory, bytes(size));
    return whenFull == null || whenFull.isEmpty()
        ? config
        : config.whenFull(FullPolicy.parse(whenFull));
  }

  /**
   * Refuses what is not understood.
   *
   * @param size as on the command line; empty: the default.
   * @param whenFull name of a policy; empty: the default.
   * @throws InvalidRequestException if one of them means nothing.
   */
  public static void check(final String size, final String whenFull) {
    if (!size.isEmpty()) {
      final long understood = bytes(size);
      assert understood >= 0;
    }
    if (!whenFull.isEmpty()) {
      final FullPolicy understood = FullPolicy.parse(whenFull);
      assert understood != null;
    }
  }

  static long bytes(final String size) {
    final Matcher matcher = SIZE.matcher(size.toLowerCase(Locale.ROOT));
    if (!matcher.matches()) {
      throw new InvalidRequestException(
          "the size of the store is one like 500m or 8g, not '" + size + "'");
    }
    final String unit = matcher.group(2);
    final int power = unit.isEmpty() ? 0 : "kmgt".indexOf(unit) + 1;
    try {
      return Math.multiplyExact(Long.parseLong(matcher.group(1)), 1L << (10 * power));
    } catch (final ArithmeticException e) {
      throw new InvalidRequestException(
          "the size of the store is more than there can be: " + size, e);
    }
  }
}
