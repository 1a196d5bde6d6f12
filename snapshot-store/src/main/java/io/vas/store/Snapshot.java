package io.vas.store;

import java.time.Instant;
import java.util.Optional;

/**
 * What is known about a snapshot without looking into it. It never changes.
 *
 * @param id 12 hexadecimal digits.
 * @param name what it was called, if anything.
 * @param ownerUid the user that it belongs to; an unsigned number.
 * @param instance id of the instance that it is the state of.
 * @param parent id of the snapshot before it in its timeline, which may be removed by now.
 * @param created when it was published.
 * @param facts what the checkpoint told about it.
 * @param space what it takes in the store.
 */
public record Snapshot(
    String id,
    Optional<SnapshotName> name,
    int ownerUid,
    String instance,
    Optional<String> parent,
    Instant created,
    SnapshotFacts facts,
    SnapshotSpace space) {

  /**
   * What to call it in messages.
   *
   * @return its name, or else its id.
   */
  public String label() {
    return name.map(SnapshotName::toString).orElse(id);
  }
}
