package io.vas.store.archive;

import io.vas.store.SnapshotUse;
import io.vas.store.archive.SavedPages.Range;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;

/** Which pages of an archive snapshots of the store have, and where. */
final class LoadedPlaces {
  private final Map<Long, NavigableMap<Long, Located>> owners = new HashMap<>();

  /** Pages of an owner's file. */
  private record Located(long position, SnapshotUse use, Range range) {
    long end() {
      return position + range.count();
    }
  }

  /**
   * Some pages.
   *
   * @param range of them.
   * @param use of a snapshot that has them; empty: none does.
   * @param space that they are in there.
   * @param start address of the first one there.
   */
  record Part(Range range, Optional<SnapshotUse> use, int space, long start) {}

  /** A snapshot has pages of an archive. */
  void add(final SnapshotUse use, final Range range) {
    owners
        .computeIfAbsent(range.owner(), owner -> new TreeMap<>())
        .put(range.position(), new Located(range.position(), use, range));
  }

  /** Find pages, by address. */
  List<Part> parts(final Range range) {
    final NavigableMap<Long, Located> known = owners.getOrDefault(range.owner(), new TreeMap<>());
    final List<Part> parts = new ArrayList<>();
    for (long at = range.first(); at < range.end(); ) {
      final long position = range.position() + (at - range.first());
      final Map.Entry<Long, Located> before = known.floorEntry(position);
      final Long next = known.higherKey(position);
      final long untilNext =
          next == null ? range.end() : Math.min(range.end(), at + (next - position));
      if (before != null && before.getValue().end() > position) {
        final Located located = before.getValue();
        final long end = Math.min(untilNext, at + (located.end() - position));
        final Range there =
            located
                .range()
                .part(
                    located.range().first() + (position - located.position()),
                    located.range().end());
        parts.add(
            new Part(
                range.part(at, end), Optional.of(located.use()), there.space(), there.start()));
        at = end;
      } else {
        parts.add(new Part(range.part(at, untilNext), Optional.empty(), 0, 0));
        at = untilNext;
      }
    }
    return parts;
  }
}
