package io.vas.store;

import io.vas.core.linux.Errno;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.LinuxException;
import io.vas.core.memory.RegionKind;
import java.util.BitSet;
import org.agrona.collections.Long2LongHashMap;
import org.agrona.collections.LongArrayList;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files that pages are in. What no table has any more goes back to the system: pages, in a file
 * with huge pages only all of one, since a part of one can not be given back without losing the
 * rest of it as a huge page; and files. All methods may be called by any thread.
 */
final class RegionFiles {
  private static final Logger LOG = LoggerFactory.getLogger(RegionFiles.class);
  private static final int HUGE_SHIFT = 21;
  private static final long PAGES_OF_HUGE = 1L << (HUGE_SHIFT - PagePlace.PAGE_SHIFT);

  /** No file is as long. */
  private static final long FILE_END = 1L << 46;

  private static final int PAGE = 1 << PagePlace.PAGE_SHIFT;

  private final RegionMounts mounts;
  private final BitSet numbers = new BitSet();

  /** Those whose files are being filled, and so stay though no table has pages in them yet. */
  private final BitSet drafts = new BitSet();

  /** How many pages tables have in a file. */
  private final Long2LongHashMap pages = new Long2LongHashMap(0);

  /** The same for each huge page, by the place of its first page. */
  private final Long2LongHashMap hugePages = new Long2LongHashMap(0);

  RegionFiles(final RegionMounts mounts) {
    this.mounts = mounts;
    // None has number 0.
    numbers.set(0);
  }

  /** A number that no file has, for a draft with a file of each kind. */
  synchronized int beginDraft() {
    final int number = numbers.nextClearBit(1);
    numbers.set(number);
    drafts.set(number);
    return number;
  }

  /** A draft's files are complete, or given up: those that no table has pages in go. */
  synchronized void endDraft(final int number) {
    drafts.clear(number);
    removeUnused(number);
  }

  /** So many pages, which a table has, are stored in one file from a place on. */
  synchronized void add(final long place, final long count) {
    final long file = PagePlace.fileOf(place);
    numbers.set(PagePlace.number(file));
    pages.put(file, pages.get(file) + count);
    if (PagePlace.kind(file) == RegionKind.SMALL) {
      return;
    }
    for (long at = place; at < place + count; ) {
      final long huge = hugePage(at);
      final long next = Math.min(place + count, huge + PAGES_OF_HUGE);
      hugePages.put(huge, hugePages.get(huge) + next - at);
      at = next;
    }
  }

  private static long hugePage(final long place) {
    return place >>> (HUGE_SHIFT - PagePlace.PAGE_SHIFT) << (HUGE_SHIFT - PagePlace.PAGE_SHIFT);
  }

  /** Whether tables have pages in any of the files with a number. */
  synchronized boolean isUsed(final int number) {
    for (final RegionKind kind : RegionKind.values()) {
      if (pages.containsKey(PagePlace.file(number, kind))) {
        return true;
      }
    }
    return false;
  }

  /** Remove the files with a number in which there are no pages that tables have. */
  private void removeUnused(final int number) {
    if (drafts.get(number)) {
      return;
    }
    for (final RegionKind kind : RegionKind.values()) {
      if (!pages.containsKey(PagePlace.file(number, kind))) {
        mounts.remove(kind, number);
      }
    }
    if (!isUsed(number)) {
      numbers.clear(number);
    }
  }

  /** Remove what a former daemon has left and no table has pages in. */
  synchronized void removeStrays() {
    for (final RegionKind kind : RegionKind.values()) {
      for (final int number : mounts.numbers(kind)) {
        if (!drafts.get(number) && !pages.containsKey(PagePlace.file(number, kind))) {
          mounts.remove(kind, number);
        }
      }
    }
  }

  /** Whether there is a file that takes more than the pages that tables have in it. */
  synchronized boolean haveMore() {
    final Long2LongHashMap needed = new Long2LongHashMap(0);
    hugePages
        .keySet()
        .forEach(
            huge -> {
              final long file = PagePlace.fileOf(huge);
              needed.put(file, needed.get(file) + (1L << HUGE_SHIFT));
            });
    return pages.keySet().stream()
        .anyMatch(
            file -> {
              final RegionKind kind = PagePlace.kind(file);
              final long bytes =
                  kind == RegionKind.HUGE ? needed.get((long) file) : pages.get((long) file) * PAGE;
              return mounts.allocated(kind, PagePlace.number(file)) > bytes;
            });
  }

  /**
   * Give back whatever else there is, as after the death of a daemon that had not come to it.
   *
   * @param places of all pages that tables have.
   */
  synchronized void retain(final LongArrayList places) {
    removeStrays();
    places.sort(Long::compare);
    long end = 0;
    for (int i = 0; i < places.size(); i++) {
      final long place = places.getLong(i);
      final long file = PagePlace.fileOf(place);
      final boolean isFirst = i == 0 || PagePlace.fileOf(end) != file;
      punchBetween(isFirst ? PagePlace.of(file, 0) : end, place);
      end = place + 1;
      if (i == places.size() - 1 || PagePlace.fileOf(places.getLong(i + 1)) != file) {
        punchBetween(end, PagePlace.of(file, FILE_END));
      }
    }
  }

  /**
   * Give back the parts of a file that hold no pages, of one with huge pages only whole ones.
   *
   * @param file which can be written.
   * @param kind of the file.
   * @param places of its pages, sorted.
   * @param size of the file in bytes.
   */
  static void punchAround(
      final Fd file, final RegionKind kind, final LongArrayList places, final long size) {
    final long unit = kind == RegionKind.HUGE ? 1L << HUGE_SHIFT : PAGE;
    long end = 0;
    for (int i = 0; i < places.size(); i++) {
      final long offset = PagePlace.offsetOf(places.getLong(i));
      final long start = offset / unit * unit;
      if (start > end) {
        FileIo.punchHole(file, end, start - end);
      }
      end = Math.max(end, start + unit);
    }
    final long last = (size + unit - 1) / unit * unit;
    if (last > end) {
      FileIo.punchHole(file, end, last - end);
    }
  }

  /** How many pages tables have in a file. */
  synchronized long count(final long file) {
    return pages.get(file);
  }

  private void punchBetween(final long from, final long to) {
    if (PagePlace.kind(PagePlace.fileOf(to)) == RegionKind.SMALL) {
      punch(from, to - from);
    } else {
      final long first = (from + PAGES_OF_HUGE - 1) / PAGES_OF_HUGE * PAGES_OF_HUGE;
      punch(first, Math.max(0, hugePage(to) - first));
    }
  }

  /**
   * No table has these pages any more.
   *
   * @param places where they are.
   * @param inParts whether parts of files are given back, too, and not only files.
   */
  synchronized void free(final LongArrayList places, final boolean inParts) {
    places.sort(Long::compare);
    long start = 0;
    long end = 0;
    for (int i = 0; i < places.size(); i++) {
      final long place = places.getLong(i);
      final long file = PagePlace.fileOf(place);
      final boolean isLastOfHuge = forget(place);
      if (!pages.containsKey(file)) {
        removeUnused(PagePlace.number(file));
        continue;
      }
      if (!inParts) {
        continue;
      }
      if (PagePlace.kind(file) == RegionKind.HUGE) {
        if (isLastOfHuge) {
          punch(hugePage(place), 1L << (HUGE_SHIFT - PagePlace.PAGE_SHIFT));
        }
      } else if (place == end) {
        end++;
      } else {
        punch(start, end - start);
        start = place;
        end = place + 1;
      }
    }
    punch(start, end - start);
  }

  /**
   * No table has a page any more, whose memory stays as it is.
   *
   * @return whether it was the last one of a huge page.
   */
  synchronized boolean forget(final long place) {
    final long file = PagePlace.fileOf(place);
    take(pages, file);
    return PagePlace.kind(file) == RegionKind.HUGE && take(hugePages, hugePage(place));
  }

  /** Whether that was the last one. */
  private static boolean take(final Long2LongHashMap counts, final long key) {
    final long left = counts.get(key) - 1;
    if (left == 0) {
      counts.remove(key);
    } else {
      counts.put(key, left);
    }
    return left == 0;
  }

  private void punch(final long place, final long count) {
    final long file = PagePlace.fileOf(place);
    if (count == 0 || !pages.containsKey(file)) {
      return;
    }
    try {
      mounts.punch(
          PagePlace.kind(file), PagePlace.number(file), PagePlace.offsetOf(place), count * PAGE);
    } catch (final LinuxException e) {
      if (e.errno() != Errno.EPERM) {
        throw e;
      }
      // Sealed, where there are no mounts.
      LOG.debug("pages of file {} stay until all of it goes", file);
    }
  }
}
