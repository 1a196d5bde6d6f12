package io.vas.store;

/** Who knows which snapshots are needed though nobody uses them, and is told of evictions. */
public interface SnapshotOwner {
  /** Of a store whose snapshots are needed by their names and uses alone. */
  SnapshotOwner NOBODY =
      new SnapshotOwner() {
        @Override
        public boolean letGo(final Snapshot snapshot) {
          return true;
        }

        @Override
        public void evicted(final Snapshot snapshot) {}
      };

  /**
   * A snapshot is about to be evicted: end uses of it that are not needed.
   *
   * @param snapshot without a name.
   * @return false if it must stay.
   */
  boolean letGo(Snapshot snapshot);

  /**
   * A snapshot was removed to make room.
   *
   * @param snapshot which one.
   */
  void evicted(Snapshot snapshot);

  /**
   * A snapshot's pages were laid out anew: uses that are opened from now on see them there.
   *
   * @param snapshot which one.
   */
  default void laidOut(final Snapshot snapshot) {}
}
