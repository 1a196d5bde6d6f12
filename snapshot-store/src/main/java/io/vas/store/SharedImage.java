package io.vas.store;

/**
 * An image that is kept whole, by the snapshot whose image it is and by those that are described by
 * what differs from it. Guarded by the store.
 */
final class SharedImage {
  private final SnapshotId owner;
  private long position;
  private boolean orphaned;
  private int holders = 1;

  /**
   * An image.
   *
   * @param owner whose image it is.
   * @param position of the record in the journal that has it; -1 if it is lost.
   */
  SharedImage(final SnapshotId owner, final long position) {
    this.owner = owner;
    this.position = position;
  }

  SnapshotId owner() {
    return owner;
  }

  long position() {
    return position;
  }

  void moveTo(final long newPosition) {
    position = newPosition;
  }

  void retain() {
    holders++;
  }

  /** Whether that was the last one. */
  boolean release() {
    holders--;
    return holders == 0;
  }

  /** Whether its owner is gone, so that its record is there for this alone. */
  boolean isOrphaned() {
    return orphaned;
  }

  void setOrphaned() {
    orphaned = true;
  }
}
