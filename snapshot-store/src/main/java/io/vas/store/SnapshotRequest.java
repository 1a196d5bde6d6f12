package io.vas.store;

import java.util.Optional;

/**
 * What a snapshot to come is about.
 *
 * @param ownerUid the user that it is to belong to; an unsigned number.
 * @param instance id of the instance.
 * @param name what to call it, if anything.
 * @param parent id of the snapshot before it in its timeline, if there is one.
 * @param base the snapshot that the instance was forked from, whose layers are below the instance's
 *     own; empty for an instance that was not forked. The caller may close it at any time.
 * @param memoryBytes how much memory of the instance is to be stored, as far as it is known. As
 *     much is set aside.
 * @param mostBytes how much memory it may be at most: so much may be taken if it is free.
 * @param layerBytes how much the instance's own files take.
 * @param former what it is to be again, if it comes back to the store.
 */
public record SnapshotRequest(
    int ownerUid,
    String instance,
    Optional<SnapshotName> name,
    Optional<String> parent,
    Optional<SnapshotUse> base,
    long memoryBytes,
    long mostBytes,
    long layerBytes,
    Optional<FormerSnapshot> former) {
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

  /**
   * A request for a snapshot of root's, of which it is known how large it is.
   *
   * @param instance id of the instance.
   * @param name what to call it, if anything.
   * @param parent id of the snapshot before it in its timeline, if there is one.
   * @param base the snapshot that the instance was forked from.
   * @param memoryBytes about how much memory of the instance is to be stored.
   * @param layerBytes how much the instance's own files take.
   */
  public SnapshotRequest(
      final String instance,
      final Optional<SnapshotName> name,
      final Optional<String> parent,
      final Optional<SnapshotUse> base,
      final long memoryBytes,
      final long layerBytes) {
    this(0, instance, name, parent, base, memoryBytes, memoryBytes, layerBytes, Optional.empty());
  }

  /**
   * A request for a snapshot of which it is known how large it is at least.
   *
   * @param ownerUid the user that it is to belong to.
   * @param instance id of the instance.
   * @param name what to call it, if anything.
   * @param parent id of the snapshot before it in its timeline, if there is one.
   * @param base the snapshot that the instance was forked from.
   * @param memoryBytes about how much memory of the instance is to be stored.
   * @param mostBytes how much memory it may be at most.
   * @param layerBytes how much the instance's own files take.
   */
  public SnapshotRequest(
      final int ownerUid,
      final String instance,
      final Optional<SnapshotName> name,
      final Optional<String> parent,
      final Optional<SnapshotUse> base,
      final long memoryBytes,
      final long mostBytes,
      final long layerBytes) {
    this(
        ownerUid,
        instance,
        name,
        parent,
        base,
        memoryBytes,
        mostBytes,
        layerBytes,
        Optional.empty());
  }

  /**
   * A request for a snapshot that comes back to the store.
   *
   * @param ownerUid the user that it belonged to.
   * @param instance id of the instance that it is of.
   * @param name what to call it, if anything.
   * @param parent id of the snapshot before it in its timeline, if there is one.
   * @param memoryBytes what its own pages take.
   * @param layerBytes what the layers take that come back with it.
   * @param former what it is to be again.
   */
  public SnapshotRequest(
      final int ownerUid,
      final String instance,
      final Optional<SnapshotName> name,
      final Optional<String> parent,
      final long memoryBytes,
      final long layerBytes,
      final FormerSnapshot former) {
    this(
        ownerUid,
        instance,
        name,
        parent,
        Optional.empty(),
        memoryBytes,
        memoryBytes,
        layerBytes,
        Optional.of(former));
  }
}
