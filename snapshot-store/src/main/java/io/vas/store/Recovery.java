package io.vas.store;

import io.vas.core.VasException;
import io.vas.store.journal.JournalRecord;
import io.vas.store.journal.SnapshotRecord;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;

/** What a journal says in the end. */
final class Recovery implements Journal.Reader {
  private final Map<Long, Found> snapshots = new LinkedHashMap<>();
  private OptionalLong budgetBytes = OptionalLong.empty();

  /**
   * A snapshot whose contents are there.
   *
   * @param position of its record.
   * @param record its record, without the image.
   * @param isRemoved whether it has no id any more.
   */
  record Found(long position, SnapshotRecord record, boolean isRemoved) {}

  @Override
  public void read(final long position, final JournalRecord record) {
    switch (record.getRecordCase()) {
      case SNAPSHOT -> {
        final SnapshotRecord snapshot = record.getSnapshot();
        snapshots.put(
            snapshot.getId(),
            new Found(position, snapshot.toBuilder().clearImage().build(), false));
      }
      case REMOVED ->
          snapshots.computeIfPresent(
              record.getRemoved().getId(),
              (id, found) -> new Found(found.position(), found.record(), true));
      case FREED -> snapshots.remove(record.getFreed().getId());
      case BUDGET -> budgetBytes = OptionalLong.of(record.getBudget().getBytes());
      default ->
          throw new VasException(
              "the journal of snapshots has a record of an unknown kind at " + position);
    }
  }

  /** Those that were not freed, the oldest first. */
  Collection<Found> snapshots() {
    return snapshots.values();
  }

  OptionalLong budgetBytes() {
    return budgetBytes;
  }
}
