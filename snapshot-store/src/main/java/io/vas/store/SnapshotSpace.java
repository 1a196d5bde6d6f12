package io.vas.store;

/**
 * What a snapshot takes in the store, in bytes. Layers of other snapshots that it relies on are
 * theirs.
 *
 * @param hugeBytes pages in the region with huge pages.
 * @param smallBytes pages in the region with pages of 4 KiB.
 * @param layerBytes the instance's own files.
 * @param imageBytes everything else about the instance.
 */
public record SnapshotSpace(long hugeBytes, long smallBytes, long layerBytes, long imageBytes) {
  /**
   * All of it.
   *
   * @return bytes.
   */
  public long bytes() {
    return hugeBytes + smallBytes + layerBytes + imageBytes;
  }
}
