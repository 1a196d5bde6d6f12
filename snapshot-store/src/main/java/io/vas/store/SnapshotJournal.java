package io.vas.store;

import io.vas.core.StoreFullException;
import io.vas.core.VasException;
import io.vas.store.journal.BudgetRecord;
import io.vas.store.journal.ImageRecord;
import io.vas.store.journal.JournalRecord;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the store writes down: which snapshots there are. The store guards it. */
final class SnapshotJournal implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SnapshotJournal.class);

  /** In the order of their publication. */
  private final Collection<Contents> living;

  private final long broken;
  private Journal journal;
  private JournalRecord budget = JournalRecord.getDefaultInstance();

  /**
   * The journal.
   *
   * @param journal as it was opened; closed with this.
   * @param living snapshots whose records are of use.
   */
  SnapshotJournal(final Journal journal, final Collection<Contents> living) {
    this.journal = journal;
    this.broken = journal.broken();
    this.living = living;
  }

  /** Write the budget down, unless that is done. */
  void setBudget(final BudgetRecord record, final Optional<BudgetRecord> before) {
    budget = JournalRecord.newBuilder().setBudget(record).build();
    if (!before.equals(Optional.of(record))) {
      append(budget);
    }
  }

  /**
   * Append a record that takes room, compacting the journal if that is worth it.
   *
   * @return where it is, until the next call.
   * @throws StoreFullException if there is no room; nothing is changed then.
   */
  long append(final JournalRecord record) {
    reserve(record.getSerializedSize());
    return journal.append(record);
  }

  /**
   * Take memory for a record that takes room, compacting the journal if that is worth it.
   *
   * @param payloadLength bytes of it at most.
   * @throws StoreFullException if there is no room; nothing is changed then.
   */
  void reserve(final int payloadLength) {
    if (journal.isWorthCompacting()) {
      compact();
    }
    try {
      journal.reserve(payloadLength);
    } catch (final StoreFullException e) {
      if (journal.dead() == 0) {
        throw e;
      }
      compact();
      journal.reserve(payloadLength);
    }
  }

  /** A snapshot has no id any more. */
  void remove(final Contents contents) {
    journal.appendLast(SnapshotRecords.removed(contents.id()));
  }

  /**
   * Nobody needs a snapshot any more.
   *
   * @return whether nobody needs the whole image that it had, either.
   */
  boolean free(final Contents contents) {
    journal.appendLast(SnapshotRecords.freed(contents.id()));
    if (contents.ownsImage()) {
      contents.image().setOrphaned();
    } else {
      journal.forget(contents.position());
    }
    return release(contents.image());
  }

  /**
   * Let go of a whole image.
   *
   * @return whether nobody needs it any more.
   */
  boolean release(final SharedImage image) {
    final boolean isLast = image.release();
    if (isLast && image.position() >= 0) {
      journal.forget(image.position());
    }
    return isLast;
  }

  /** Records that could not be read when the journal was opened. */
  long broken() {
    return broken;
  }

  /** The image of a snapshot. */
  ImageRecord image(final Contents contents) {
    return SnapshotRecords.image(journal.read(contents.position()));
  }

  /** A whole image. */
  ImageRecord image(final SharedImage image) {
    if (image.position() < 0) {
      throw new VasException(
          "the image of snapshot " + image.owner() + ", by which others are described, is lost");
    }
    return SnapshotRecords.image(journal.read(image.position()));
  }

  /**
   * Write it anew, without what is of no use any more.
   *
   * @return bytes by which it is shorter.
   */
  long compact() {
    final long before = journal.length();
    final Map<Contents, Long> moved = new HashMap<>();
    final Map<SharedImage, Long> movedImages = new HashMap<>();
    try {
      journal =
          journal.compacted(
              fresh -> {
                fresh.append(budget);
                copyOrphans(fresh, movedImages);
                living.forEach(
                    contents -> {
                      moved.put(contents, fresh.append(journal.read(contents.position())));
                      contents
                          .damage()
                          .ifPresent(
                              what -> fresh.append(SnapshotRecords.damaged(contents.id(), what)));
                      if (contents.isRemoved()) {
                        fresh.append(SnapshotRecords.removed(contents.id()));
                      }
                    });
              });
    } catch (final StoreFullException e) {
      LOG.warn("the journal is not compacted: {}", e.getMessage());
      return 0;
    }
    movedImages.forEach(SharedImage::moveTo);
    moved.forEach(
        (contents, position) -> {
          contents.moveTo(position);
          if (contents.ownsImage()) {
            contents.image().moveTo(position);
          }
        });
    return before - journal.length();
  }

  private void copyOrphans(final Journal fresh, final Map<SharedImage, Long> moved) {
    final Set<SharedImage> seen = new HashSet<>();
    for (final Contents contents : living) {
      final SharedImage image = contents.image();
      if (image.isOrphaned() && image.position() >= 0 && seen.add(image)) {
        moved.put(image, fresh.append(SnapshotRecords.orphan(image.owner(), image(image))));
      }
    }
  }

  @Override
  public void close() {
    journal.close();
  }
}
