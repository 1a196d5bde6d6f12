package io.vas.store;

import io.vas.store.Layers.Layer;

/**
 * A layer that belongs to a snapshot and to those of its forks, whose own layers lie on top of it.
 */
final class SharedLayer {
  private final SnapshotId owner;
  private final Layer layer;

  /** How many snapshots, drafts of snapshots included, have it. Guarded by the store. */
  private int holders = 1;

  SharedLayer(final SnapshotId owner, final Layer layer) {
    this.owner = owner;
    this.layer = layer;
  }

  SnapshotId owner() {
    return owner;
  }

  Layer layer() {
    return layer;
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
