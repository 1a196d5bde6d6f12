package io.vas.store.archive;

/** Told how far the saving or loading of snapshots is. */
@FunctionalInterface
public interface ArchiveProgress {
  /**
   * So much is done. What this throws ends the work, and nothing is left of it.
   *
   * @param doneBytes bytes, before they are compressed.
   * @param totalBytes of about as many.
   */
  void bytes(long doneBytes, long totalBytes);
}
