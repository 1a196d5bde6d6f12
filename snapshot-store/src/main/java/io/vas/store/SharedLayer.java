package io.vas.store;

/**
 * A layer that belongs to a snapshot and to those of its forks, whose own layers lie on top of it.
 */
final class SharedLayer {
  private final SnapshotId owner;

  /** How many snapshots, drafts of snapshots included, have it. Guarded by the store. */
  private int holders = 1;

  SharedLayer(final SnapshotId owner) {
    this.owner = owner;
  }

  SnapshotId owner() {
    return owner;
  }

  /** Of its directory. */
  String name() {
    return owner.toString();
  }

  void retain() {
    holders++;
  }

  /** Whether that was the last one. */
  boolean release() {
    holders--;
    return holders == 0;
  }
}
