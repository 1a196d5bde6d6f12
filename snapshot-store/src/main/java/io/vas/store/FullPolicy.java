package io.vas.store;

import io.vas.core.InvalidRequestException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What is done when a snapshot does not fit into the store. */
public enum FullPolicy {
  /** The snapshot is refused, before its instance is frozen. */
  REFUSE,
  /**
   * Snapshots without a name that nobody needs are removed, those that were used the longest time
   * ago first, until it fits.
   */
  EVICT,
  /**
   * The same, but first of all those between others of their instance, as {@link Thinning} orders
   * them: timelines stay, and get thinner the older they are.
   */
  THIN;

  /**
   * A policy by its name.
   *
   * @param name as {@link #toString} gives it.
   * @return the policy.
   * @throws InvalidRequestException if there is none of that name.
   */
  public static FullPolicy parse(final String name) {
    return Arrays.stream(values())
        .filter(policy -> policy.toString().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new InvalidRequestException(
                    "what to do when the store is full is one of "
                        + Arrays.stream(values())
                            .map(FullPolicy::toString)
                            .collect(Collectors.joining(", "))
                        + ", not '"
                        + name
                        + "'"));
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
