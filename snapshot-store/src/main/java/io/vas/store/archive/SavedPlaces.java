package io.vas.store.archive;

import io.vas.core.memory.Extent;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/** Where an archive has the pages of a store: each is saved once, whoever shares it. */
final class SavedPlaces {
  private static final int PAGE_SHIFT = 12;

  private final Map<Long, NavigableMap<Long, Part>> files = new HashMap<>();

  /**
   * A part of a range of pages, all of it in one file of the archive or in none.
   *
   * @param start address of the first byte.
   * @param length bytes.
   * @param offset in the file of the store.
   * @param owner whose file has it; 0: nobody's yet.
   * @param position of the first page in that file.
   */
  record Part(long start, long length, long offset, long owner, long position) {
    boolean isSaved() {
      return owner != 0;
    }
  }

  /** What is known of where the pages of an extent are, by address. */
  List<Part> parts(final Extent extent) {
    final List<Part> parts = new ArrayList<>();
    final NavigableMap<Long, Part> known =
        files.computeIfAbsent(extent.file(), file -> new TreeMap<>());
    final long end = extent.offset() + extent.length();
    long at = extent.offset();
    while (at < end) {
      final Map.Entry<Long, Part> before = known.floorEntry(at);
      final Part part = before == null ? null : before.getValue();
      final long address = at + extent.distance();
      if (part != null && part.offset() + part.length() > at) {
        final long length = Math.min(end, part.offset() + part.length()) - at;
        parts.add(
            new Part(
                address,
                length,
                at,
                part.owner(),
                part.position() + ((at - part.offset()) >>> PAGE_SHIFT)));
        at += length;
      } else {
        final Long next = known.ceilingKey(at);
        final long length = (next == null ? end : Math.min(end, next)) - at;
        parts.add(new Part(address, length, at, 0, 0));
        at += length;
      }
    }
    return parts;
  }

  /** Pages of a file are saved. */
  void add(final long file, final Part part) {
    files.get(file).put(part.offset(), part);
  }
}
