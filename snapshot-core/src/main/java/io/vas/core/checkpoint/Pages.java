package io.vas.core.checkpoint;

import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.memory.Extent;
import io.vas.core.memory.PageSink;
import io.vas.core.memory.PageSource;
import io.vas.core.memory.RegionKind;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * The pages of a snapshot that is being taken. What is stored with the bytes that an earlier
 * snapshot has at the same address is given back, and shared with that one. The instance runs
 * meanwhile.
 */
final class Pages {
  private static final int PAGE = 4096;

  /** Compared at once, in the second-level cache. */
  private static final int CHUNK = 64 * PAGE;

  private final PageSink sink;
  private final Optional<Base> base;
  private final boolean isDelta;
  private final ByteBuffer taken = ByteBuffer.allocateDirect(CHUNK);
  private final ByteBuffer before = ByteBuffer.allocateDirect(CHUNK);

  /**
   * Pages.
   *
   * @param sink where they go.
   * @param base the earlier snapshot, if there is one.
   * @param isDelta whether what has not changed since then was not copied.
   */
  Pages(final PageSink sink, final Optional<Base> base, final boolean isDelta) {
    this.sink = sink;
    this.base = base;
    this.isDelta = isDelta;
  }

  PageSink sink() {
    return sink;
  }

  /**
   * What has not changed.
   *
   * @return the earlier snapshot's pages; empty if everything was copied.
   */
  Optional<PageSource> unchanged() {
    return base.filter(earlier -> isDelta).map(Base::pages);
  }

  /** As {@link PageSink#store}. */
  void store(
      final int space,
      final long start,
      final long length,
      final RegionKind kind,
      final long offset) {
    long done = start;
    if (base.isPresent()) {
      final PageSource earlier = base.get().pages();
      for (final Extent extent : earlier.extents(space, start, start + length)) {
        keep(space, done, extent.start(), kind, offset + (done - start));
        compare(space, extent, earlier, kind, offset + (extent.start() - start));
        done = extent.end();
      }
    }
    keep(space, done, start + length, kind, offset + (done - start));
  }

  private void keep(
      final int space, final long start, final long end, final RegionKind kind, final long offset) {
    if (start < end) {
      sink.store(space, start, end - start, kind, offset);
    }
  }

  private void compare(
      final int space,
      final Extent extent,
      final PageSource earlier,
      final RegionKind kind,
      final long offset) {
    final Fd file = earlier.file(extent.file());
    for (long at = 0; at < extent.length(); at += CHUNK) {
      final int length = (int) Math.min(CHUNK, extent.length() - at);
      read(sink.region(kind), taken, length, offset + at);
      read(file, before, length, extent.offset() + at);
      int page = 0;
      while (page < length) {
        final boolean isSame = isSame(page);
        int end = page + PAGE;
        while (end < length && isSame(end) == isSame) {
          end += PAGE;
        }
        final long start = extent.start() + at + page;
        if (isSame) {
          sink.share(space, start, end - page, earlier, space, start);
          sink.discard(kind, offset + at + page, end - page);
        } else {
          sink.store(space, start, end - page, kind, offset + at + page);
        }
        page = end;
      }
    }
  }

  /** A file may end before its last page does. */
  private static void read(
      final Fd file, final ByteBuffer buffer, final int length, final long offset) {
    buffer.clear().limit(length);
    FileIo.pread(file, buffer, offset);
    while (buffer.hasRemaining()) {
      buffer.put((byte) 0);
    }
  }

  private boolean isSame(final int page) {
    return taken.slice(page, PAGE).equals(before.slice(page, PAGE));
  }
}
