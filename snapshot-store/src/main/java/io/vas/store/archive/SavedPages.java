package io.vas.store.archive;

import io.vas.core.DamagedException;
import io.vas.core.memory.PageSpace;
import io.vas.store.archive.format.Description;
import io.vas.store.archive.format.Run;
import io.vas.store.archive.format.SpaceChanges;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/** Where in an archive the pages of its snapshots are. */
final class SavedPages {
  private static final int PAGE_SHIFT = 12;
  private static final long SPACE_PAGES = PageSpace.END >>> PAGE_SHIFT;

  private SavedPages() {}

  /**
   * Pages that follow one another.
   *
   * @param space they are in.
   * @param first one's number in it.
   * @param count how many.
   * @param owner whose file has them; 0: they are holes.
   * @param position of the first one in that file.
   * @param file of the store that they were in.
   * @param place of the first one there, in pages.
   * @param huge whether that had huge pages.
   */
  record Range(
      int space,
      long first,
      long count,
      long owner,
      long position,
      long file,
      long place,
      boolean huge) {
    long end() {
      return first + count;
    }

    boolean isHole() {
      return owner == 0;
    }

    /** Some of them. */
    Range part(final long from, final long to) {
      final long skipped = from - first;
      return new Range(
          space, from, to - from, owner, position + skipped, file, place + skipped, huge);
    }

    long start() {
      return first << PAGE_SHIFT;
    }

    long length() {
      return count << PAGE_SHIFT;
    }
  }

  /** What a snapshot has otherwise than its base, by space and address. */
  static List<Range> changes(final Description description) {
    final List<Range> ranges = new ArrayList<>();
    for (final SpaceChanges space : description.getSpacesList()) {
      long at = 0;
      for (final Run run : space.getRunsList()) {
        at += run.getSkipped();
        if (run.getSkipped() < 0 || run.getCount() <= 0 || at + run.getCount() > SPACE_PAGES) {
          throw new DamagedException(
              ArchiveFiles.description(description.getId()) + " has pages at no address");
        }
        ranges.add(
            new Range(
                space.getSpace(),
                at,
                run.getCount(),
                run.getOwner(),
                run.getPosition(),
                run.getFile(),
                run.getPlace(),
                run.getHuge()));
        at += run.getCount();
      }
    }
    return ranges;
  }

  /**
   * All pages of a snapshot.
   *
   * @param chain descriptions of the snapshot that has no base, of the one that has that one as its
   *     base, and so on to the snapshot itself.
   * @return by space and address, without holes.
   */
  static List<Range> all(final List<Description> chain) {
    final Map<Integer, NavigableMap<Long, Range>> spaces = new TreeMap<>();
    for (final Description description : chain) {
      for (final Range range : changes(description)) {
        final NavigableMap<Long, Range> space =
            spaces.computeIfAbsent(range.space(), key -> new TreeMap<>());
        clear(space, range.first(), range.end());
        if (!range.isHole()) {
          space.put(range.first(), range);
        }
      }
    }
    return spaces.values().stream().flatMap(space -> space.values().stream()).toList();
  }

  private static void clear(final NavigableMap<Long, Range> space, final long from, final long to) {
    final Map.Entry<Long, Range> before = space.lowerEntry(from);
    if (before != null && before.getValue().end() > from) {
      final Range range = before.getValue();
      space.put(range.first(), range.part(range.first(), from));
      if (range.end() > to) {
        space.put(to, range.part(to, range.end()));
      }
    }
    final Map.Entry<Long, Range> last = space.lowerEntry(to);
    if (last != null && last.getKey() >= from && last.getValue().end() > to) {
      space.put(to, last.getValue().part(to, last.getValue().end()));
    }
    space.subMap(from, to).clear();
  }
}
