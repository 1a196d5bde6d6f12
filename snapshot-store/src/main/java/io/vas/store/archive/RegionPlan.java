package io.vas.store.archive;

import io.vas.core.UnsupportedException;
import io.vas.core.memory.RegionKind;
import io.vas.store.archive.SavedPages.Range;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;

/**
 * Where the pages that are read for a snapshot are put in its own files: at the distances from one
 * another that they had in the files that they were in, so that what could be mapped in one piece
 * still can, and nothing but zeros is between them.
 */
final class RegionPlan {
  private static final int PAGE_SHIFT = 12;
  private static final int HUGE_PAGES = 512;
  private static final long HUGE_BYTES = (long) HUGE_PAGES << PAGE_SHIFT;

  /** Pages of the largest file that a place in it can be told of. */
  private static final long MOST_PAGES = 1L << 35;

  private final Map<Source, Block> blocks = new HashMap<>();
  private final Map<Range, Source> sources = new HashMap<>();
  private final List<Range> ranges;
  private final Map<RegionKind, Long> sizes = new EnumMap<>(RegionKind.class);

  /** A file that pages were in. More than one copy: something was there twice. */
  private record Source(RegionKind kind, long file, int copy) {}

  /** What there is of it, and where it begins in the new file. */
  private static final class Block {
    private final NavigableMap<Long, Long> ends = new TreeMap<>();
    private long pages;
    private long offset;

    boolean isFree(final long first, final long end) {
      final Map.Entry<Long, Long> before = ends.lowerEntry(end);
      return before == null || before.getValue() <= first;
    }

    void add(final long first, final long end) {
      ends.put(first, end);
      pages += end - first;
    }

    /** Of the first huge page. */
    long first() {
      return ends.firstKey() / HUGE_PAGES * HUGE_PAGES;
    }

    long end() {
      return (ends.lastEntry().getValue() + HUGE_PAGES - 1) / HUGE_PAGES * HUGE_PAGES;
    }
  }

  /**
   * Plan.
   *
   * @param ranges that are to be read.
   */
  RegionPlan(final List<Range> ranges) {
    this.ranges = ranges;
    for (final Range range : ranges) {
      final RegionKind kind = range.huge() ? RegionKind.HUGE : RegionKind.SMALL;
      final long end = range.place() + range.count();
      Source source = new Source(kind, range.file(), 0);
      while (!blocks.computeIfAbsent(source, key -> new Block()).isFree(range.place(), end)) {
        source = new Source(kind, range.file(), source.copy() + 1);
      }
      blocks.get(source).add(range.place(), end);
      sources.put(range, source);
    }
    for (final RegionKind kind : RegionKind.values()) {
      sizes.put(kind, place(kind));
    }
  }

  /** Put the files one behind the other; the one with the most pages stays where it was. */
  private long place(final RegionKind kind) {
    final List<Block> ofKind = new ArrayList<>();
    blocks.forEach(
        (source, block) -> {
          if (source.kind() == kind) {
            ofKind.add(block);
          }
        });
    ofKind.sort(Comparator.comparingLong((Block block) -> block.pages).reversed());
    long next = 0;
    for (final Block block : ofKind) {
      block.offset = next == 0 ? 0 : next - block.first();
      next = block.offset + block.end();
    }
    if (next > MOST_PAGES) {
      throw new UnsupportedException(
          "its pages were in files that together are too large: save it with those before it");
    }
    return next << PAGE_SHIFT;
  }

  /** Where the first page of a range is put, in bytes. */
  long offset(final Range range) {
    return (range.place() + blocks.get(sources.get(range)).offset) << PAGE_SHIFT;
  }

  /** How long a file is. */
  long size(final RegionKind kind) {
    return sizes.get(kind);
  }

  /** What all of it takes. */
  long bytes() {
    long small = 0;
    final Set<Long> huge = new HashSet<>();
    for (final Range range : ranges) {
      if (range.huge()) {
        final long end = offset(range) + range.length();
        for (long at = offset(range) / HUGE_BYTES; at * HUGE_BYTES < end; at++) {
          huge.add(at);
        }
      } else {
        small += range.length();
      }
    }
    return small + huge.size() * HUGE_BYTES;
  }
}
