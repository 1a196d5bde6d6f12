package io.vas.store;

/**
 * What a checkpoint tells about the snapshot that it took.
 *
 * @param frozenMicros how long the instance stood still.
 * @param totalMicros how long it took in all.
 * @param pages pages of 4 KiB that are stored.
 * @param pagesCopied pages of 4 KiB that were copied to take it.
 * @param memoryStrategy how its forks' memory comes back unless asked otherwise, for example {@code
 *     map}.
 */
public record SnapshotFacts(
    long frozenMicros, long totalMicros, long pages, long pagesCopied, String memoryStrategy) {
  /**
   * Facts before anybody has counted the pages, which the store does.
   *
   * @param frozenMicros how long the instance stood still.
   * @param totalMicros how long it took in all.
   * @param memoryStrategy how its forks' memory comes back unless asked otherwise.
   */
  public SnapshotFacts(
      final long frozenMicros, final long totalMicros, final String memoryStrategy) {
    this(frozenMicros, totalMicros, 0, 0, memoryStrategy);
  }

  SnapshotFacts counted(final long all, final long copied) {
    return new SnapshotFacts(frozenMicros, totalMicros, all, copied, memoryStrategy);
  }
}
