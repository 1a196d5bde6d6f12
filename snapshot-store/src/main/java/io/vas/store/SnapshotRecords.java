package io.vas.store;

import io.vas.store.journal.DamagedRecord;
import io.vas.store.journal.FreedRecord;
import io.vas.store.journal.ImageRecord;
import io.vas.store.journal.JournalRecord;
import io.vas.store.journal.OrphanRecord;
import io.vas.store.journal.RemovedRecord;
import io.vas.store.journal.SnapshotRecord;
import io.vas.store.journal.SpaceRecord;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;

/** Snapshots as the journal has them. */
final class SnapshotRecords {
  /**
   * What a snapshot's record takes at most beyond its image and what it refers to: 17 fields, of
   * which the names are of limited length.
   */
  static final int MOST_BYTES = 2048;

  /** The same for each layer and each table. */
  static final int REFERENCE_BYTES = 24;

  private SnapshotRecords() {}

  /** The record of a draft that is to be a snapshot. */
  static SnapshotRecord record(
      final Draft draft,
      final SnapshotFacts facts,
      final SnapshotSpace space,
      final int region,
      final List<SpaceRecord> spaces,
      final boolean ownLayer,
      final ImageRecord image) {
    final SnapshotRequest request = draft.request();
    final SnapshotRecord.Builder record =
        SnapshotRecord.newBuilder()
            .setId(draft.snapshotId().value())
            .setName(request.name().map(SnapshotName::toString).orElse(""))
            .setOwnerUid(request.ownerUid())
            .setInstance(request.instance())
            .setParent(request.parent().orElse(""))
            .setCreatedNanos(
                nanos(request.former().map(FormerSnapshot::created).orElseGet(Instant::now)))
            .setFrozenMicros(facts.frozenMicros())
            .setTotalMicros(facts.totalMicros())
            .setPages(facts.pages())
            .setPagesCopied(facts.pagesCopied())
            .setMemoryStrategy(facts.memoryStrategy())
            .setHugeBytes(space.hugeBytes())
            .setSmallBytes(space.smallBytes())
            .setLayerBytes(space.layerBytes())
            .setImageBytes(space.imageBytes())
            .setRegion(region)
            .addAllSpaces(spaces)
            .setImage(image);
    if (ownLayer) {
      record.addLayers(draft.snapshotId().value());
    }
    draft.baseLayers().forEach(layer -> record.addLayers(layer.owner().value()));
    return record.build();
  }

  private static long nanos(final Instant time) {
    return ChronoUnit.NANOS.between(Instant.EPOCH, time);
  }

  /** The record of a draft that is another layout of a snapshot's pages. */
  static SnapshotRecord laidOut(
      final SnapshotRecord record, final Snapshot snapshot, final Contents before) {
    return record.toBuilder()
        .setSnapshot(before.snapshot().value())
        .setReplaces(before.id().value())
        .setName(snapshot.name().map(SnapshotName::toString).orElse(""))
        .setOwnerUid(snapshot.ownerUid())
        .setParent(snapshot.parent().orElse(""))
        .setCreatedNanos(nanos(snapshot.created()))
        .build();
  }

  /** Whose contents a record has. */
  static SnapshotId snapshotId(final SnapshotRecord record) {
    return new SnapshotId(record.getSnapshot() == 0 ? record.getId() : record.getSnapshot());
  }

  /** The image that a record has, of a snapshot or of one that is gone. */
  static ImageRecord image(final JournalRecord record) {
    return record.hasOrphan() ? record.getOrphan().getImage() : record.getSnapshot().getImage();
  }

  static JournalRecord orphan(final SnapshotId id, final ImageRecord image) {
    return JournalRecord.newBuilder()
        .setOrphan(OrphanRecord.newBuilder().setId(id.value()).setImage(image))
        .build();
  }

  /** What is known about a snapshot. */
  static Snapshot snapshot(final SnapshotRecord record) {
    return new Snapshot(
        snapshotId(record).toString(),
        Optional.of(record.getName()).filter(name -> !name.isEmpty()).map(SnapshotName::parse),
        record.getOwnerUid(),
        record.getInstance(),
        Optional.of(record.getParent()).filter(parent -> !parent.isEmpty()),
        Instant.EPOCH.plusNanos(record.getCreatedNanos()),
        new SnapshotFacts(
            record.getFrozenMicros(),
            record.getTotalMicros(),
            record.getPages(),
            record.getPagesCopied(),
            record.getMemoryStrategy()),
        new SnapshotSpace(
            record.getHugeBytes(),
            record.getSmallBytes(),
            record.getLayerBytes(),
            record.getImageBytes()));
  }

  static JournalRecord removed(final SnapshotId id) {
    return JournalRecord.newBuilder()
        .setRemoved(RemovedRecord.newBuilder().setId(id.value()))
        .build();
  }

  static JournalRecord damaged(final SnapshotId id, final String what) {
    return JournalRecord.newBuilder()
        .setDamaged(DamagedRecord.newBuilder().setId(id.value()).setWhat(what))
        .build();
  }

  static JournalRecord freed(final SnapshotId id) {
    return JournalRecord.newBuilder().setFreed(FreedRecord.newBuilder().setId(id.value())).build();
  }
}
