package io.vas.store;

import java.time.Instant;
import java.util.List;

/**
 * What a snapshot that comes back to a store is to be again.
 *
 * @param id it had, 12 hexadecimal digits.
 * @param created when it was published first.
 * @param facts what its checkpoint told.
 * @param layers its layers, the uppermost first. The caller closes them.
 * @param layerBytes what its own one takes.
 */
public record FormerSnapshot(
    String id, Instant created, SnapshotFacts facts, List<LoadedLayer> layers, long layerBytes) {
  /**
   * A snapshot.
   *
   * @throws IllegalArgumentException if the id is none.
   */
  public FormerSnapshot {
    SnapshotId.parse(id);
    layers = List.copyOf(layers);
  }
}
