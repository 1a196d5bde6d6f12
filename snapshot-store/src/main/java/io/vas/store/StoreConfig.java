package io.vas.store;

import io.vas.core.InvalidRequestException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * How a store is set up.
 *
 * @param stateDirectory where it may put what does not fit elsewhere; private to its owner.
 * @param budgetBytes what it may hold, at least 4 MiB.
 * @param isDefault whether nobody has asked for that budget: a store that is there keeps its own.
 * @param whenFull what to do when it is full; empty: as before, in a new store {@link
 *     FullPolicy#REFUSE}.
 */
public record StoreConfig(
    Path stateDirectory, long budgetBytes, boolean isDefault, Optional<FullPolicy> whenFull) {
  private static final long SMALLEST = 4 * ByteCount.MIB;

  /**
   * A configuration.
   *
   * @throws InvalidRequestException if the budget is too small to be of use, or more than the
   *     machine has.
   */
  public StoreConfig {
    if (budgetBytes < SMALLEST) {
      throw new InvalidRequestException(
          "a store of "
              + ByteCount.of(budgetBytes)
              + " is too small: it needs "
              + ByteCount.of(SMALLEST)
              + " at least");
    }
    final long total = AvailableMemory.totalBytes();
    if (budgetBytes > total) {
      throw new InvalidRequestException(
          "a store of "
              + ByteCount.of(budgetBytes)
              + " does not fit into this machine's memory of "
              + ByteCount.of(total));
    }
  }

  /**
   * A store of a size that somebody has asked for.
   *
   * @param stateDirectory where it may put what does not fit elsewhere.
   * @param budgetBytes what it may hold, at least 4 MiB.
   */
  public StoreConfig(final Path stateDirectory, final long budgetBytes) {
    this(stateDirectory, budgetBytes, false, Optional.empty());
  }

  /**
   * A store that may hold half of the memory that is available.
   *
   * @param stateDirectory where it may put what does not fit elsewhere.
   * @return the configuration.
   */
  public static StoreConfig ofDefaultBudget(final Path stateDirectory) {
    return new StoreConfig(
        stateDirectory,
        Math.max(SMALLEST, AvailableMemory.availableBytes() / 2),
        true,
        Optional.empty());
  }

  /**
   * The same with something else to do when it is full.
   *
   * @param policy what to do.
   * @return the configuration.
   */
  public StoreConfig whenFull(final FullPolicy policy) {
    return new StoreConfig(stateDirectory, budgetBytes, isDefault, Optional.of(policy));
  }
}
