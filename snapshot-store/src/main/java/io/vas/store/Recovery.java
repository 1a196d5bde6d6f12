package io.vas.store;

import io.vas.core.VasException;
import io.vas.store.journal.BudgetRecord;
import io.vas.store.journal.JournalRecord;
import io.vas.store.journal.SnapshotRecord;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** What a journal says in the end. */
final class Recovery implements Journal.Reader {
  private final Map<Long, Found> snapshots = new LinkedHashMap<>();

  /** Where whole images are, by the ids of their snapshots, also of those that are gone. */
  private final Map<Long, Long> images = new HashMap<>();

  private final Map<Long, String> damage = new HashMap<>();
  private Optional<BudgetRecord> budget = Optional.empty();

  /**
   * A snapshot whose contents are there.
   *
   * @param position of its record.
   * @param imageBase id of the snapshot whose image its own is described by; 0: it is whole.
   * @param record its record, without the image.
   * @param isRemoved whether it has no id any more, or other contents.
   */
  record Found(long position, long imageBase, SnapshotRecord record, boolean isRemoved) {}

  @Override
  public void read(final long position, final JournalRecord record) {
    switch (record.getRecordCase()) {
      case SNAPSHOT -> {
        final SnapshotRecord snapshot = record.getSnapshot();
        snapshots.put(
            snapshot.getId(),
            new Found(
                position,
                snapshot.getImage().getBase(),
                snapshot.toBuilder().clearImage().build(),
                false));
        if (snapshot.getReplaces() != 0) {
          setRemoved(snapshot.getReplaces());
        }
        if (snapshot.getImage().getBase() == 0) {
          images.put(snapshot.getId(), position);
        }
      }
      case REMOVED -> setRemoved(record.getRemoved().getId());
      case FREED -> {
        snapshots.remove(record.getFreed().getId());
        damage.remove(record.getFreed().getId());
      }
      case DAMAGED -> damage.put(record.getDamaged().getId(), record.getDamaged().getWhat());
      case ORPHAN -> images.put(record.getOrphan().getId(), position);
      case BUDGET -> budget = Optional.of(record.getBudget());
      default ->
          throw new VasException(
              "the journal of snapshots has a record of an unknown kind at " + position);
    }
  }

  private void setRemoved(final long contents) {
    snapshots.computeIfPresent(
        contents,
        (id, found) -> new Found(found.position(), found.imageBase(), found.record(), true));
  }

  /** Those that were not freed, the oldest first. */
  Collection<Found> snapshots() {
    return snapshots.values();
  }

  /** Where the whole image of a snapshot is; -1 if it is lost. */
  long image(final long snapshot) {
    return images.getOrDefault(snapshot, -1L);
  }

  /** What is broken in a snapshot, if anything. */
  Optional<String> damage(final long snapshot) {
    return Optional.ofNullable(damage.get(snapshot));
  }

  Optional<BudgetRecord> budget() {
    return budget;
  }

  FullPolicy whenFull() {
    return budget
        .map(BudgetRecord::getWhenFull)
        .filter(name -> !name.isEmpty())
        .map(FullPolicy::parse)
        .orElse(FullPolicy.REFUSE);
  }
}
