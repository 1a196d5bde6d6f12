package io.vas.store;

import io.vas.core.linux.FileIo;
import io.vas.core.memory.RegionKind;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/** Fills drafts with pages of which no two are the same, each known by a number. */
final class PageWriter {
  private static final int PAGE = 4096;

  private long last;

  /** The number of the last page that was written. */
  long last() {
    return last;
  }

  /**
   * Stores pages.
   *
   * @param draft where to.
   * @param space they are in.
   * @param address of the first one.
   * @param count how many.
   * @param cursors where in the draft's files there is room, by kind.
   * @param pages by space and address, which are told of them.
   */
  void write(
      final Draft draft,
      final int space,
      final long address,
      final int count,
      final Map<RegionKind, Long> cursors,
      final Map<Integer, NavigableMap<Long, Long>> pages) {
    final RegionKind kind = count > 600 ? RegionKind.HUGE : RegionKind.SMALL;
    final long offset = cursors.getOrDefault(kind, 0L);
    cursors.put(kind, offset + (long) count * PAGE);
    draft.store(space, address, (long) count * PAGE, kind, offset);
    for (int i = 0; i < count; i++) {
      last++;
      FileIo.pwrite(draft.region(kind), page(last), offset + (long) i * PAGE);
      pages.computeIfAbsent(space, key -> new TreeMap<>()).put(address + (long) i * PAGE, last);
    }
  }

  /** All of its bytes depend on its number. */
  static ByteBuffer page(final long number) {
    final ByteBuffer page = ByteBuffer.allocateDirect(PAGE);
    while (page.hasRemaining()) {
      page.putLong(number * 0x9E3779B97F4A7C15L + page.position());
    }
    return page.flip();
  }
}
