package io.vas.store;

import io.vas.core.DamagedException;
import io.vas.core.VasException;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.memory.PageSpace;
import io.vas.core.memory.RegionKind;
import io.vas.store.journal.SpaceRecord;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.agrona.collections.IntArrayList;

/**
 * A snapshot's pages in files of their own, side by side, as other contents of the same snapshot.
 * Nothing counts until it is published; who dies before leaves what any draft does. For one thread.
 */
final class Layout {
  private static final int PAGE = 1 << PagePlace.PAGE_SHIFT;
  private static final long HUGE_PAGE = 2 * ByteCount.MIB;

  private final SnapshotStore store;
  private final SnapshotUse use;
  private final LayoutPlan plan;
  private final BooleanSupplier isWanted;

  /** Of the pages that were copied, in the order of the plan. */
  private final IntArrayList checksums = new IntArrayList();

  /**
   * A layout.
   *
   * @param store has the snapshot.
   * @param use of it, open until this is done with.
   * @param ranges addresses that are mapped as one. Spaces without any count as one range each.
   * @param isWanted false: it is given up.
   */
  Layout(
      final SnapshotStore store,
      final SnapshotUse use,
      final List<AddressRange> ranges,
      final BooleanSupplier isWanted) {
    this.isWanted = isWanted;
    this.store = store;
    this.use = use;
    this.plan = new LayoutPlan(use, ranges);
  }

  SnapshotUse use() {
    return use;
  }

  Contents contents() {
    return use.contents();
  }

  /** What it needs. */
  long bytes() {
    return plan.bytes();
  }

  /**
   * Lay it out, and publish that.
   *
   * @return the snapshot as it is now; empty if its pages lie side by side already.
   * @throws io.vas.core.StoreFullException if there is no room.
   * @throws io.vas.core.ConflictException if the snapshot was removed meanwhile.
   * @throws DamagedException if a page is not what was stored.
   */
  Optional<Snapshot> run() {
    if (plan.pieces().isEmpty()) {
      return Optional.empty();
    }
    try (Draft draft = draft()) {
      copy(draft);
      return Optional.of(store.publish(draft, this));
    }
  }

  Draft draft() {
    final Snapshot snapshot = use.snapshot();
    return store.draft(
        new SnapshotRequest(
            snapshot.instance(),
            Optional.empty(),
            // Whose image it has.
            Optional.of(snapshot.id()),
            Optional.of(use),
            plan.bytes(),
            0));
  }

  /** Fill a draft. */
  void copy(final Draft draft) {
    checksums.clear();
    for (final RegionKind kind : RegionKind.values()) {
      FileIo.truncate(draft.region(kind), plan.size(kind));
    }
    for (final SpaceRecord table : contents().spaces()) {
      draft.share(table.getSpace(), 0, PageSpace.END, use, table.getSpace(), 0);
    }
    try (PageReader reader = store.reader()) {
      for (final LayoutPlan.Piece piece : plan.pieces()) {
        copy(draft, piece, reader);
      }
    }
  }

  private void copy(final Draft draft, final LayoutPlan.Piece piece, final PageReader reader) {
    final Fd file = draft.region(piece.kind());
    long allocated = 0;
    for (final AddressRange run : piece.runs()) {
      if (piece.kind() == RegionKind.HUGE) {
        final long end = up(piece.offset(run.end()));
        final long start = Math.max(allocated, piece.offset(run.start()) / HUGE_PAGE * HUGE_PAGE);
        // What is written in pieces would get smaller pages.
        if (start < end) {
          FileIo.allocate(file, start, end - start);
          allocated = end;
        }
      }
      copy(run, piece, file, reader);
      draft.store(
          run.space(),
          run.start(),
          run.end() - run.start(),
          piece.kind(),
          piece.offset(run.start()));
    }
  }

  private static long up(final long offset) {
    return (offset + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
  }

  private void copy(
      final AddressRange run,
      final LayoutPlan.Piece piece,
      final Fd file,
      final PageReader reader) {
    final PageBatch batch = new PageBatch();
    final long end = run.end() >>> PagePlace.PAGE_SHIFT;
    long next = run.start() >>> PagePlace.PAGE_SHIFT;
    while (next >= 0) {
      if (!use.isCurrent()) {
        throw new VasException("it was removed");
      }
      if (!isWanted.getAsBoolean()) {
        throw new VasException("the store is being closed");
      }
      batch.clear();
      next = store.collect(contents(), run.space(), next, end, batch);
      for (int i = 0; i < batch.size(); ) {
        final int count = batch.sideBySide(i, PageReader.PAGES);
        final ByteBuffer bytes = reader.pages(batch.place(i), count);
        FileIo.pwrite(file, bytes, piece.offset(batch.number(i) << PagePlace.PAGE_SHIFT));
        for (int k = 0; k < count; k++) {
          addChecksum(run.space(), batch, i + k, reader.checksum(k));
        }
        i += count;
      }
    }
  }

  private void addChecksum(
      final int space, final PageBatch batch, final int i, final int checksum) {
    if (batch.checksum(i) != 0 && batch.checksum(i) != checksum) {
      throw new DamagedException(
          String.format(
              Locale.ROOT,
              "page 0x%x of %s is not what was stored",
              batch.number(i) * PAGE,
              PageSpace.describe(space)));
    }
    checksums.addInt(checksum);
  }

  /**
   * Check the tables that were made, and give the pages their checksums: those of what was read.
   *
   * @param pages has the tables; guarded by the store.
   * @param spaces the tables.
   */
  void describe(final SnapshotPages pages, final List<SpaceRecord> spaces) {
    if (pages.count(spaces) != pages.count(contents().spaces())) {
      throw new IllegalStateException(
          pages.count(spaces) + " pages of " + pages.count(contents().spaces()) + " were laid out");
    }
    final PageBatch batch = new PageBatch();
    int done = 0;
    for (final LayoutPlan.Piece piece : plan.pieces()) {
      final int root = root(spaces, piece.range().space());
      for (final AddressRange run : piece.runs()) {
        long next = run.start() >>> PagePlace.PAGE_SHIFT;
        while (next >= 0) {
          batch.clear();
          next =
              pages.collect(
                  root, next, run.end() >>> PagePlace.PAGE_SHIFT, Optional.empty(), batch);
          for (int i = 0; i < batch.size(); i++) {
            pages.addChecksum(batch.page(i), checksums.getInt(done));
            done++;
          }
        }
      }
    }
    if (done != checksums.size()) {
      throw new IllegalStateException(done + " of " + checksums.size() + " pages were laid out");
    }
  }

  private static int root(final List<SpaceRecord> spaces, final int space) {
    return spaces.stream()
        .filter(table -> table.getSpace() == space)
        .mapToInt(SpaceRecord::getRoot)
        .findFirst()
        .orElse(0);
  }
}
