package io.vas.store;

import io.vas.core.memory.Extent;
import java.util.ArrayList;
import java.util.List;

/** Makes extents of pages that come one after the other. */
final class ExtentList {
  private final List<Extent> extents = new ArrayList<>();
  private long first;
  private long place;
  private long count;

  void add(final long number, final long where) {
    if (count > 0 && number == first + count && where == place + count) {
      count++;
      return;
    }
    end();
    first = number;
    place = where;
    count = 1;
  }

  private void end() {
    if (count > 0) {
      extents.add(extent(first, place, count));
      count = 0;
    }
  }

  /** Pages from a number on that are stored from a place on. */
  static Extent extent(final long first, final long place, final long count) {
    return new Extent(
        first << PagePlace.PAGE_SHIFT,
        count << PagePlace.PAGE_SHIFT,
        PagePlace.fileOf(place),
        PagePlace.offsetOf(place));
  }

  /** All of them, after the last page. */
  List<Extent> extents() {
    end();
    return extents;
  }
}
