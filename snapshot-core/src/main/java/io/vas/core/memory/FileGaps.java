package io.vas.core.memory;

import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** Looks for what a file holds where it is to hold nothing. */
final class FileGaps {
  private static final int PAGE = 4096;
  private static final int BUFFER = 64 * PAGE;

  private FileGaps() {}

  /**
   * The pages that are not zero.
   *
   * @param file to look into.
   * @param distance of addresses from offsets in the file.
   * @param gaps addresses to look at.
   * @return their addresses.
   */
  static PageRuns written(final Fd file, final long distance, final PageRuns gaps) {
    final List<PageRuns.Run> found = new ArrayList<>();
    final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER).order(ByteOrder.nativeOrder());
    for (final PageRuns.Run gap : gaps.list()) {
      final long end = gap.end() - distance;
      long at = FileIo.nextData(file, gap.start() - distance);
      while (at >= 0 && at < end) {
        // A huge page is data as a whole, though most of it may be zero.
        final long hole = Math.min(end, FileIo.nextHole(file, at));
        for (; at < hole; at += BUFFER) {
          buffer.clear().limit((int) Math.min(BUFFER, hole - at));
          FileIo.pread(file, buffer, at);
          addPages(found, buffer, at + distance);
        }
        at = FileIo.nextData(file, hole);
      }
    }
    return PageRuns.of(found);
  }

  private static void addPages(
      final List<PageRuns.Run> found, final ByteBuffer buffer, final long address) {
    for (int page = 0; page < buffer.limit(); page += PAGE) {
      for (int at = page; at < page + PAGE; at += Long.BYTES) {
        if (buffer.getLong(at) != 0) {
          found.add(new PageRuns.Run(address + page, PAGE));
          break;
        }
      }
    }
  }
}
