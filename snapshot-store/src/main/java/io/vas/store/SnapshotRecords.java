package io.vas.store;

import com.google.protobuf.ByteString;
import com.google.protobuf.MessageLite;
import io.vas.core.VasException;
import io.vas.store.journal.FreedRecord;
import io.vas.store.journal.JournalRecord;
import io.vas.store.journal.RemovedRecord;
import io.vas.store.journal.SnapshotRecord;
import io.vas.store.journal.SpaceRecord;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

/** Snapshots as the journal has them. */
final class SnapshotRecords {
  private static final int SMALLEST_BUFFER = 256;

  private SnapshotRecords() {}

  /** The record of a draft that is to be a snapshot. */
  static SnapshotRecord record(
      final Draft draft,
      final SnapshotFacts facts,
      final SnapshotSpace space,
      final int region,
      final List<SpaceRecord> spaces,
      final boolean ownLayer,
      final byte[] deflated,
      final int imageLength) {
    final SnapshotRequest request = draft.request();
    final SnapshotRecord.Builder record =
        SnapshotRecord.newBuilder()
            .setId(draft.snapshotId().value())
            .setName(request.name().map(SnapshotName::toString).orElse(""))
            .setInstance(request.instance())
            .setParent(request.parent().orElse(""))
            .setCreatedNanos(ChronoUnit.NANOS.between(Instant.EPOCH, Instant.now()))
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
            .setImage(ByteString.copyFrom(deflated))
            .setImageLength(imageLength);
    if (ownLayer) {
      record.addLayers(draft.snapshotId().value());
    }
    draft.baseLayers().forEach(layer -> record.addLayers(layer.owner().value()));
    return record.build();
  }

  /** What is known about a snapshot. */
  static Snapshot snapshot(final SnapshotRecord record) {
    return new Snapshot(
        new SnapshotId(record.getId()).toString(),
        Optional.of(record.getName()).filter(name -> !name.isEmpty()).map(SnapshotName::parse),
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

  static JournalRecord freed(final SnapshotId id) {
    return JournalRecord.newBuilder().setFreed(FreedRecord.newBuilder().setId(id.value())).build();
  }

  /** An image in few bytes: those of instances are full of zeros and of paths that come again. */
  static byte[] deflate(final MessageLite image) {
    final Deflater deflater = new Deflater(Deflater.BEST_SPEED, true);
    try {
      deflater.setInput(image.toByteArray());
      deflater.finish();
      byte[] buffer = new byte[Math.max(SMALLEST_BUFFER, image.getSerializedSize() / 4)];
      int length = 0;
      while (!deflater.finished()) {
        if (length == buffer.length) {
          buffer = Arrays.copyOf(buffer, 2 * buffer.length);
        }
        length += deflater.deflate(buffer, length, buffer.length - length);
      }
      return Arrays.copyOf(buffer, length);
    } finally {
      deflater.end();
    }
  }

  /** The image of a record. */
  static byte[] image(final SnapshotRecord record) {
    final byte[] image = new byte[record.getImageLength()];
    final Inflater inflater = new Inflater(true);
    try {
      inflater.setInput(record.getImage().toByteArray());
      int length = 0;
      while (length < image.length) {
        final int more = inflater.inflate(image, length, image.length - length);
        if (more == 0) {
          throw new DataFormatException(length + " bytes of " + image.length);
        }
        length += more;
      }
      return image;
    } catch (final DataFormatException e) {
      throw new VasException(
          "the image of snapshot " + new SnapshotId(record.getId()) + " is damaged", e);
    } finally {
      inflater.end();
    }
  }
}
