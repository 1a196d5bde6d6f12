package io.vas.store;

import io.vas.core.DamagedException;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileStatus;
import io.vas.core.memory.Extent;
import io.vas.core.memory.RegionKind;
import io.vas.store.journal.SpaceRecord;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.agrona.collections.IntHashSet;
import org.agrona.collections.LongArrayList;

/**
 * The pages of all snapshots: the tables that say where they are, and the files that they are in.
 * The store guards it, but for reading tables that somebody holds, and {@link #giveBack}.
 */
final class SnapshotPages implements AutoCloseable {
  private final RegionFiles files;
  private final PageTables tables;

  /** Pages that tables have let go of, and whose memory is not given back yet. */
  private LongArrayList freed = new LongArrayList();

  SnapshotPages(final StorePlaces places) {
    files = new RegionFiles(places.regions());
    tables = new PageTables(places.metadata(), files::add, place -> freed.addLong(place));
  }

  // ---- what a former daemon has left

  /** Tables of a snapshot that is there. */
  void adopt(final List<SpaceRecord> spaces) {
    spaces.forEach(space -> tables.adopt(space.getRoot()));
  }

  /** All have been adopted. */
  void settle() {
    tables.settle();
    files.removeStrays();
  }

  // ---- whether the tables are what was written

  /** Whether it is known that a table is broken. */
  boolean isBroken() {
    return tables.hasBroken();
  }

  /** As {@link PageTables#findAny}. */
  Optional<PageTables.Damage> findAny(final int root, final IntHashSet wanted, final BitSet clean) {
    return tables.findAny(root, wanted, clean);
  }

  /** What is broken of the tables of a snapshot, if anything is known to be. */
  private boolean isBroken(final List<SpaceRecord> spaces) {
    final IntHashSet none = new IntHashSet();
    final BitSet clean = new BitSet();
    return tables.hasBroken()
        && spaces.stream()
            .anyMatch(space -> tables.findAny(space.getRoot(), none, clean).isPresent());
  }

  /** A node of a table is broken. */
  void setBroken(final int node) {
    tables.setBroken(node);
  }

  // ---- making tables

  /** A number for the files of a draft. */
  int beginDraft() {
    return files.beginDraft();
  }

  /** A draft's files are complete, or given up: those that no table has pages in go. */
  void endDraft(final int number) {
    files.endDraft(number);
  }

  /** Whether tables have pages in a file of a draft. */
  boolean isUsed(final int number, final RegionKind kind) {
    return files.count(PagePlace.file(number, kind)) > 0;
  }

  /** Whether tables have pages in any of the files with a number. */
  boolean isUsed(final int number) {
    return files.isUsed(number);
  }

  /**
   * Take memory for the tables of a snapshot.
   *
   * @param changes its draft's.
   * @throws io.vas.core.StoreFullException if there is not enough.
   */
  void reserve(final List<PageChange> changes) {
    tables.reserve(newPages(changes), changes.size());
  }

  /** Bytes that {@link #reserve} takes at most. */
  static long tableBytes(final List<PageChange> changes) {
    return PageTables.bytes(newPages(changes), changes.size());
  }

  private static long newPages(final List<PageChange> changes) {
    return changes.stream()
        .filter(change -> change.isStored() || change.isMoved())
        .mapToLong(change -> change.end() - change.first())
        .sum();
  }

  /**
   * Make the tables of a snapshot.
   *
   * @param changes its draft's.
   * @param number of the draft's files.
   * @return a table for each space.
   * @throws io.vas.core.StoreFullException if there is no room; nothing is changed then.
   * @throws DamagedException if what is shared is known to be broken; nothing is changed then.
   */
  List<SpaceRecord> make(final List<PageChange> changes, final int number) {
    reserve(changes);
    final Map<Integer, Integer> roots = new TreeMap<>();
    for (final PageChange change : changes) {
      final int root = roots.getOrDefault(change.space(), 0);
      roots.put(change.space(), change.applyTo(tables, root));
    }
    tables.seal();
    forgetOverwritten(number);
    final List<SpaceRecord> spaces =
        roots.entrySet().stream()
            .map(
                table ->
                    SpaceRecord.newBuilder()
                        .setSpace(table.getKey())
                        .setRoot(table.getValue())
                        .build())
            .toList();
    if (tables.takeMetBroken() || isBroken(spaces)) {
      release(spaces);
      throw new DamagedException("the page table of the snapshot that it goes on from is broken");
    }
    return spaces;
  }

  /**
   * Give back what a draft's file holds besides the pages that its tables have: copies of pages
   * that turned out to be the same as an older snapshot's.
   *
   * @param file the file, to which nobody else writes any more.
   * @param number of the draft's files.
   * @param kind of the file.
   * @param changes the draft's.
   * @param spaces its tables.
   */
  void trim(
      final Fd file,
      final int number,
      final RegionKind kind,
      final List<PageChange> changes,
      final List<SpaceRecord> spaces) {
    final long own = PagePlace.file(number, kind);
    final long allocated = FileStatus.of(file).allocated() >>> PagePlace.PAGE_SHIFT;
    if (allocated <= files.count(own)) {
      return;
    }
    final LongArrayList places = new LongArrayList();
    for (final PageChange change : changes) {
      if (change.isStored() && PagePlace.fileOf(change.place()) == own) {
        spaces.stream()
            .filter(space -> space.getSpace() == change.space())
            .forEach(
                space ->
                    tables.visit(
                        space.getRoot(),
                        change.first(),
                        change.end(),
                        (page, place) -> {
                          if (PagePlace.fileOf(place) == own) {
                            places.addLong(place);
                          }
                        }));
      }
    }
    places.sort(Long::compare);
    RegionFiles.punchAround(file, kind, places, FileStatus.of(file).size());
  }

  /** What a draft stored and then replaced may be at the place of what it stored later. */
  private void forgetOverwritten(final int number) {
    if (freed.isEmpty()) {
      return;
    }
    final LongArrayList others = new LongArrayList();
    for (int i = 0; i < freed.size(); i++) {
      final long place = freed.getLong(i);
      if (PagePlace.number(PagePlace.fileOf(place)) == number) {
        files.forget(place);
      } else {
        others.addLong(place);
      }
    }
    freed = others;
  }

  /** Let go of the tables of a snapshot. */
  void release(final List<SpaceRecord> spaces) {
    spaces.forEach(space -> tables.release(space.getRoot()));
  }

  /** Pages that tables have let go of since the last call, to be given back. */
  LongArrayList takeFreed() {
    final LongArrayList taken = freed;
    freed = new LongArrayList();
    return taken;
  }

  /**
   * Give memory back; for any thread. While a table is broken, only that of whole files: what other
   * tables let go of may be its snapshot's, too, and mapped by forks of that.
   */
  void giveBack(final LongArrayList places) {
    if (!places.isEmpty()) {
      files.free(places, !tables.hasBroken());
    }
  }

  // ---- reading

  /** How many pages tables have. */
  long count(final List<SpaceRecord> spaces) {
    return spaces.stream().mapToLong(space -> tables.pages(space.getRoot())).sum();
  }

  /** Where the pages of a range lie, by address; for any thread that holds the snapshot. */
  List<Extent> extents(final int root, final long start, final long end) {
    final long first = start >>> PagePlace.PAGE_SHIFT;
    if (end >>> PagePlace.PAGE_SHIFT == first + 1) {
      final long place = tables.find(root, first);
      return place < 0 ? List.of() : List.of(ExtentList.extent(first, place, 1));
    }
    final ExtentList list = new ExtentList();
    tables.visit(root, start >>> PagePlace.PAGE_SHIFT, end >>> PagePlace.PAGE_SHIFT, list::add);
    return list.extents();
  }

  /** As {@link PageTables#collect}. */
  long collect(
      final int root,
      final long from,
      final long to,
      final Optional<BitSet> seen,
      final PageBatch batch) {
    return tables.collect(root, from, to, seen, batch);
  }

  /** As {@link PageTables#addChecksum}. */
  boolean addChecksum(final int page, final int checksum) {
    return tables.addChecksum(page, checksum);
  }

  /** How many pages all tables have together, each counted once. */
  long count() {
    return tables.pages();
  }

  /** Give back what a daemon that died had let go of and not given back, if it can be seen. */
  void giveBackLeftovers() {
    if (!tables.hasBroken() && files.haveMore()) {
      collectGarbage();
    }
  }

  /** Give back all memory that no table has pages in, unless a table is broken. */
  void collectGarbage() {
    if (tables.hasBroken()) {
      files.removeStrays();
      return;
    }
    final LongArrayList places = new LongArrayList();
    tables.forEachPlace(place -> places.addLong(place));
    files.retain(places);
  }

  @Override
  public void close() {
    tables.close();
  }
}
