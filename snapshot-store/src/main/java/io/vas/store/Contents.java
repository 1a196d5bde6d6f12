package io.vas.store;

import io.vas.core.DamagedException;
import io.vas.store.journal.SpaceRecord;
import java.util.List;
import java.util.Optional;

/**
 * What a snapshot holds on to. It lasts until the snapshot is removed, or its pages are laid out
 * anew, and nobody uses it any more.
 */
final class Contents {
  private final SnapshotId id;
  private final SnapshotId snapshot;
  private final int region;
  private final List<SharedLayer> layers;
  private final SnapshotSpace space;
  private final List<SpaceRecord> spaces;
  private final SharedImage image;

  /** Where the journal has it. Guarded by the store. */
  private long position;

  /** Who keeps it: the index, and each use. Guarded by the store. */
  private int holders = 1;

  /** What is broken, if anything. */
  private volatile Optional<String> damage = Optional.empty();

  /** Whether it has no id any more. Guarded by the store. */
  private boolean removed;

  /**
   * Contents.
   *
   * @param id their own. It is the snapshot's unless its pages were laid out anew.
   * @param snapshot whose they are.
   * @param region number of its region files; 0 if it has none.
   * @param spaces its tables.
   * @param layers the uppermost first.
   * @param space what it takes.
   * @param image the whole image that its own is, or is described by; a reference of its own.
   * @param position of its record in the journal.
   */
  Contents(
      final SnapshotId id,
      final SnapshotId snapshot,
      final int region,
      final List<SpaceRecord> spaces,
      final List<SharedLayer> layers,
      final SnapshotSpace space,
      final SharedImage image,
      final long position) {
    this.id = id;
    this.snapshot = snapshot;
    this.region = region;
    this.spaces = List.copyOf(spaces);
    this.layers = List.copyOf(layers);
    this.space = space;
    this.image = image;
    this.position = position;
  }

  SnapshotId id() {
    return id;
  }

  /** Whose they are, or were until its pages were laid out anew. */
  SnapshotId snapshot() {
    return snapshot;
  }

  boolean isLaidOut() {
    return !snapshot.equals(id);
  }

  int region() {
    return region;
  }

  SharedImage image() {
    return image;
  }

  /** Whether its record has the whole image. */
  boolean ownsImage() {
    return image.owner().equals(id);
  }

  SnapshotSpace space() {
    return space;
  }

  List<SharedLayer> sharedLayers() {
    return layers;
  }

  /** Root of the table of a space; 0 if it has none. */
  int root(final int space) {
    for (final SpaceRecord table : spaces) {
      if (table.getSpace() == space) {
        return table.getRoot();
      }
    }
    return 0;
  }

  /** Its tables. */
  List<SpaceRecord> spaces() {
    return spaces;
  }

  /** The keeper's numbers for the layers. */
  List<Long> heldLayers() {
    return layers.stream().map(layer -> layer.owner().heldLayer()).toList();
  }

  long position() {
    return position;
  }

  void moveTo(final long newPosition) {
    position = newPosition;
  }

  int holders() {
    return holders;
  }

  void retain() {
    holders++;
  }

  /** Whether that was the last one. */
  boolean release() {
    holders--;
    return holders == 0;
  }

  Optional<String> damage() {
    return damage;
  }

  /**
   * Check that nothing is known to be broken.
   *
   * @throws DamagedException otherwise.
   */
  void checkIntact() {
    final Optional<String> what = damage;
    if (what.isPresent()) {
      throw new DamagedException("it is damaged: " + what.get());
    }
  }

  void setDamage(final Optional<String> what) {
    damage = what;
  }

  boolean isRemoved() {
    return removed;
  }

  void setRemoved() {
    removed = true;
  }
}
