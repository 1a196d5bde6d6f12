package io.vas.store;

import io.vas.core.memory.Extent;
import io.vas.core.memory.PageSpace;
import io.vas.core.memory.RegionKind;
import io.vas.store.journal.SpaceRecord;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Where the pages of a snapshot are to lie: those of a range of addresses linear in one file, each
 * at the same distance from its address, with nothing but zeros between them. Ranges whose pages
 * lie like that already, in whatever file, stay as they are.
 */
final class LayoutPlan {
  private static final long PAGE = 1L << PagePlace.PAGE_SHIFT;
  private static final int HUGE_SHIFT = 21;
  private static final long HUGE_PAGE = 1L << HUGE_SHIFT;

  /** The least that is worth huge pages, as the keeper has it, too. */
  private static final long HUGE_LEAST = 256 * PAGE;

  /** What a place in a file can tell. */
  private static final long FILE_LIMIT = 1L << 47;

  private final List<Piece> pieces = new ArrayList<>();
  private final Map<RegionKind, Long> sizes = new EnumMap<>(RegionKind.class);
  private long bytes;

  /**
   * A range of addresses that is laid out.
   *
   * @param range its addresses.
   * @param kind of the file.
   * @param offset where the range begins in it.
   * @param runs its stored pages, by address; those that lie side by side in memory are one.
   */
  record Piece(AddressRange range, RegionKind kind, long offset, List<AddressRange> runs) {
    long offset(final long address) {
      return offset + (address - range.start());
    }
  }

  /**
   * Plan.
   *
   * @param use of the snapshot.
   * @param ranges addresses that are mapped as one. Spaces without any count as one range each.
   */
  LayoutPlan(final SnapshotUse use, final List<AddressRange> ranges) {
    for (final RegionKind kind : RegionKind.values()) {
      sizes.put(kind, 0L);
    }
    for (final SpaceRecord table : use.contents().spaces()) {
      final int space = table.getSpace();
      final List<Extent> extents = use.extents(space, 0, PageSpace.END);
      if (!extents.isEmpty()) {
        plan(extents, merged(space, ranges, extents));
      }
    }
  }

  /** Ranges that touch are one, since mappings of both may be one some day. */
  private static List<AddressRange> merged(
      final int space, final List<AddressRange> ranges, final List<Extent> extents) {
    final List<AddressRange> sorted =
        ranges.stream()
            .filter(range -> range.space() == space)
            .sorted(Comparator.comparingLong(AddressRange::start))
            .toList();
    if (sorted.isEmpty()) {
      return List.of(
          new AddressRange(space, extents.get(0).start(), extents.get(extents.size() - 1).end()));
    }
    final List<AddressRange> merged = new ArrayList<>();
    AddressRange last = sorted.get(0);
    for (final AddressRange range : sorted.subList(1, sorted.size())) {
      if (range.start() <= last.end()) {
        last = new AddressRange(space, last.start(), Math.max(last.end(), range.end()));
      } else {
        merged.add(last);
        last = range;
      }
    }
    merged.add(last);
    return merged;
  }

  private void plan(final List<Extent> extents, final List<AddressRange> ranges) {
    int next = 0;
    for (final AddressRange range : ranges) {
      while (next < extents.size() && extents.get(next).end() <= range.start()) {
        next++;
      }
      final List<Extent> within = new ArrayList<>();
      for (int i = next; i < extents.size() && extents.get(i).start() < range.end(); i++) {
        within.add(extents.get(i).within(range.start(), range.end()));
      }
      if (isScattered(within)) {
        add(range, runs(range.space(), within));
      }
    }
  }

  private static boolean isScattered(final List<Extent> extents) {
    return extents.stream()
        .anyMatch(
            extent ->
                extent.file() != extents.get(0).file()
                    || extent.distance() != extents.get(0).distance());
  }

  private static List<AddressRange> runs(final int space, final List<Extent> extents) {
    final List<AddressRange> runs = new ArrayList<>();
    long start = extents.get(0).start();
    long end = start;
    for (final Extent extent : extents) {
      if (extent.start() != end) {
        runs.add(new AddressRange(space, start, end));
        start = extent.start();
      }
      end = extent.end();
    }
    runs.add(new AddressRange(space, start, end));
    return runs;
  }

  private void add(final AddressRange range, final List<AddressRange> runs) {
    final long stored = runs.stream().mapToLong(run -> run.end() - run.start()).sum();
    final Set<Long> blocks = new HashSet<>();
    for (final AddressRange run : runs) {
      for (long at = run.start() >>> HUGE_SHIFT; at << HUGE_SHIFT < run.end(); at++) {
        blocks.add(at);
      }
    }
    final long hugeBytes = (long) blocks.size() << HUGE_SHIFT;
    final boolean isDense = stored >= HUGE_LEAST && 2 * stored >= hugeBytes;
    final RegionKind kind = isDense ? RegionKind.HUGE : RegionKind.SMALL;
    final long offset = sizes.get(kind) + (isDense ? range.start() & (HUGE_PAGE - 1) : 0);
    final long end = offset + (range.end() - range.start());
    if (end > FILE_LIMIT) {
      // It stays where it is.
      return;
    }
    sizes.put(kind, (end + HUGE_PAGE - 1) & -HUGE_PAGE);
    bytes += isDense ? hugeBytes : stored;
    pieces.add(new Piece(range, kind, offset, runs));
  }

  /** What is laid out; by address in each space. */
  List<Piece> pieces() {
    return pieces;
  }

  /** How long a file is. */
  long size(final RegionKind kind) {
    return sizes.get(kind);
  }

  /** What all of it takes. */
  long bytes() {
    return bytes;
  }
}
