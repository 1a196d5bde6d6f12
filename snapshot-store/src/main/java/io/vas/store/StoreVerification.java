package io.vas.store;

import java.util.List;

/**
 * What verifying the store has found.
 *
 * @param snapshots how many were checked.
 * @param pages how many pages were read, each once.
 * @param newChecksums how many of these had no checksum before, and have one now.
 * @param brokenRecords records of the journal that could not be read when the store was opened.
 * @param damaged snapshots that are damaged, those that were known to be included.
 */
public record StoreVerification(
    long snapshots, long pages, long newChecksums, long brokenRecords, List<Damage> damaged) {
  /**
   * A damaged snapshot.
   *
   * @param snapshot which.
   * @param what is broken, in words.
   */
  public record Damage(Snapshot snapshot, String what) {}

  /** Told how far it is. */
  @FunctionalInterface
  public interface Progress {
    /**
     * So many pages are done.
     *
     * @param done pages.
     * @param total of about as many.
     */
    void pages(long done, long total);
  }
}
