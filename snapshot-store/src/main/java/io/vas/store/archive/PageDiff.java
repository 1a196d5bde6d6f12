package io.vas.store.archive;

import io.vas.core.memory.Extent;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Where the pages of a snapshot lie elsewhere than those of another one. */
final class PageDiff {
  private PageDiff() {}

  /**
   * A range that differs.
   *
   * @param start address of the first byte.
   * @param length bytes.
   * @param stored where its pages lie; empty if they are holes.
   */
  record Change(long start, long length, Optional<Extent> stored) {}

  /**
   * Compare a space of two snapshots.
   *
   * @param before extents of one, by address.
   * @param now extents of the other one, by address.
   * @return what differs, by address.
   */
  static List<Change> of(final List<Extent> before, final List<Extent> now) {
    final List<Change> changes = new ArrayList<>();
    int i = 0;
    int j = 0;
    long at = 0;
    while (i < before.size() || j < now.size()) {
      final long first = i < before.size() ? Math.max(at, before.get(i).start()) : Long.MAX_VALUE;
      final long second = j < now.size() ? Math.max(at, now.get(j).start()) : Long.MAX_VALUE;
      at = Math.min(first, second);
      final boolean wasStored = first == at;
      final boolean isStored = second == at;
      final long end =
          Math.min(wasStored ? before.get(i).end() : first, isStored ? now.get(j).end() : second);
      if (!isStored) {
        changes.add(new Change(at, end - at, Optional.empty()));
      } else if (!wasStored || !isSame(before.get(i), now.get(j))) {
        changes.add(new Change(at, end - at, Optional.of(now.get(j).within(at, end))));
      }
      at = end;
      i += i < before.size() && before.get(i).end() <= at ? 1 : 0;
      j += j < now.size() && now.get(j).end() <= at ? 1 : 0;
    }
    return changes;
  }

  private static boolean isSame(final Extent one, final Extent other) {
    return one.file() == other.file() && one.distance() == other.distance();
  }
}
