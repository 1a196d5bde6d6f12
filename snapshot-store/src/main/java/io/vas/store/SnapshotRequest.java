package io.vas.store;

import java.util.Optional;

/**
 * What a snapshot to come is about.
 *
 * @param instance id of the instance.
 * @param name what to call it, if anything.
 * @param parent id of the snapshot before it in its timeline, if there is one.
 * @param base the snapshot that the instance was forked from, whose layers are below the instance's
 *     own; empty for an instance that was not forked. The caller may close it at any time.
 * @param memoryBytes about how much memory of the instance is to be stored.
 * @param layerBytes how much the instance's own files take.
 */
public record SnapshotRequest(
    String instance,
    Optional<SnapshotName> name,
    Optional<String> parent,
    Optional<SnapshotUse> base,
    long memoryBytes,
    long layerBytes) {
  /**
   * A request.
   *
   * @throws IllegalArgumentException if a number is negative.
   */
  public SnapshotRequest {
    if (memoryBytes < 0 || layerBytes < 0) {
      throw new IllegalArgumentException(
          "memoryBytes=" + memoryBytes + ", layerBytes=" + layerBytes);
    }
  }
}
