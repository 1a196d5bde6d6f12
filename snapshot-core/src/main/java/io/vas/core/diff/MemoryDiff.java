package io.vas.core.diff;

import com.google.protobuf.ByteString;
import io.vas.core.diff.SnapshotDiff.Change;
import io.vas.core.diff.SnapshotDiff.Kind;
import io.vas.core.diff.SnapshotDiff.Line;
import io.vas.core.diff.SnapshotDiff.Range;
import io.vas.core.image.Backing;
import io.vas.core.image.MemoryImage;
import io.vas.core.image.VmaImage;
import io.vas.core.linux.FileIo;
import io.vas.core.memory.Extent;
import io.vas.core.memory.PageRuns;
import io.vas.core.memory.PageSource;
import io.vas.core.memory.Vmas;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

/** How two address spaces differ: mappings, and pages of private ones. */
final class MemoryDiff {
  private static final int PAGE = 4096;
  private static final int LINE = 16;
  private static final int LINES_MAX = 64;

  private final Side before;
  private final Side after;
  private final boolean withBytes;
  private final List<Range> ranges = new ArrayList<>();

  /** An address space, and where its pages are. */
  private static final class Side {
    private final List<VmaImage> vmas;
    private final PageSource pages;
    private final int space;
    private final ByteBuffer page = ByteBuffer.allocateDirect(PAGE);

    Side(final MemoryImage memory, final int space, final PageSource pages) {
      this.vmas = memory.getVmasList();
      this.space = space;
      this.pages = pages;
    }

    VmaImage at(final long address) {
      return Vmas.at(vmas, address);
    }

    List<Extent> stored(final long start, final long end) {
      return pages.extents(space, start, end);
    }

    /** The bytes of a stored page. */
    ByteBuffer read(final Extent extent, final long address) {
      page.clear();
      final int length = FileIo.pread(pages.file(extent.file()), page, address - extent.distance());
      while (page.position() < PAGE) {
        page.put((byte) 0);
      }
      assert length >= 0;
      return page.flip();
    }
  }

  MemoryDiff(
      final int space,
      final MemoryImage before,
      final PageSource pagesBefore,
      final MemoryImage after,
      final PageSource pagesAfter,
      final boolean withBytes) {
    this.before = new Side(before, space, pagesBefore);
    this.after = new Side(after, space, pagesAfter);
    this.withBytes = withBytes;
  }

  /** Mappings that differ, by address. */
  List<Change> mappings() {
    final Map<Long, Change> changes = new TreeMap<>(Long::compareUnsigned);
    for (final VmaImage vma : before.vmas) {
      final VmaImage other = after.at(vma.getStart());
      if (other == null || other.getStart() != vma.getStart()) {
        changes.put(
            vma.getStart(), new Change(Kind.REMOVED, address(vma.getStart()), describe(vma), ""));
      } else if (!describe(vma).equals(describe(other))) {
        changes.put(
            vma.getStart(),
            new Change(Kind.CHANGED, address(vma.getStart()), describe(vma), describe(other)));
      }
    }
    for (final VmaImage vma : after.vmas) {
      final VmaImage other = before.at(vma.getStart());
      if (other == null || other.getStart() != vma.getStart()) {
        changes.put(
            vma.getStart(), new Change(Kind.ADDED, address(vma.getStart()), "", describe(vma)));
      }
    }
    return List.copyOf(changes.values());
  }

  private static String address(final long address) {
    return "0x" + Long.toHexString(address);
  }

  /** As a line of /proc/PID/maps, without device and inode. */
  private static String describe(final VmaImage vma) {
    final int protection = vma.getProtection();
    return Long.toHexString(vma.getStart())
        + "-"
        + Long.toHexString(vma.getEnd())
        + " "
        + ((protection & 1) != 0 ? "r" : "-")
        + ((protection & 2) != 0 ? "w" : "-")
        + ((protection & 4) != 0 ? "x" : "-")
        + (vma.getShared() ? "s" : "p")
        + (vma.getBacking() == Backing.FILE
            ? " " + Long.toHexString(vma.getOffset()) + " " + vma.getFile().getPath()
            : vma.getName().isEmpty() ? "" : " " + vma.getName());
  }

  static String name(final VmaImage vma) {
    if (vma.getBacking() == Backing.FILE) {
      return vma.getFile().getPath();
    }
    return vma.getName().isEmpty() ? "[anonymous]" : vma.getName();
  }

  /** Ranges of pages that differ, where both have private memory. */
  List<Range> ranges() {
    final TreeSet<Long> borders = new TreeSet<>(Long::compareUnsigned);
    for (final Side side : List.of(before, after)) {
      for (final VmaImage vma : side.vmas) {
        borders.add(vma.getStart());
        borders.add(vma.getEnd());
      }
    }
    Long start = null;
    for (final Long end : borders) {
      if (start != null) {
        final VmaImage one = before.at(start);
        final VmaImage other = after.at(start);
        if (one != null && other != null && !one.getShared() && !other.getShared()) {
          compare(start, end, one);
        }
      }
      start = end;
    }
    return ranges;
  }

  private void compare(final long start, final long end, final VmaImage vma) {
    final List<Extent> inOne = before.stored(start, end);
    final List<Extent> inOther = after.stored(start, end);
    for (final PageRuns.Run run : runs(inOne).plus(runs(inOther)).list()) {
      for (long at = run.start(); at < run.end(); at += PAGE) {
        final Extent one = holder(inOne, at);
        final Extent other = holder(inOther, at);
        if (one != null
            && other != null
            && one.file() == other.file()
            && one.distance() == other.distance()) {
          // They share the page.
          continue;
        }
        compare(
            at,
            vma,
            one == null ? null : before.read(one, at),
            other == null ? null : after.read(other, at));
      }
    }
  }

  private static PageRuns runs(final List<Extent> extents) {
    return PageRuns.of(
        extents.stream().map(extent -> new PageRuns.Run(extent.start(), extent.length())).toList());
  }

  private static Extent holder(final List<Extent> extents, final long address) {
    int low = 0;
    int high = extents.size() - 1;
    while (low <= high) {
      final int middle = (low + high) >>> 1;
      final Extent extent = extents.get(middle);
      if (address < extent.start()) {
        high = middle - 1;
      } else if (address >= extent.end()) {
        low = middle + 1;
      } else {
        return extent;
      }
    }
    return null;
  }

  /** What is not stored is zero, or what a file shows; then both are told to differ. */
  private void compare(
      final long address, final VmaImage vma, final ByteBuffer one, final ByteBuffer other) {
    final ByteBuffer zeros = ByteBuffer.allocate(PAGE);
    final ByteBuffer left = one == null ? zeros : one;
    final ByteBuffer right = other == null ? zeros : other;
    if (left.equals(right)
        && (vma.getBacking() == Backing.ANONYMOUS || (one != null && other != null))) {
      return;
    }
    final List<Line> lines = new ArrayList<>();
    if (!ranges.isEmpty()) {
      final Range last = ranges.get(ranges.size() - 1);
      if (last.start() + last.pages() * PAGE == address && last.name().equals(name(vma))) {
        lines.addAll(last.lines());
        addLines(address, left, right, lines);
        ranges.set(
            ranges.size() - 1,
            new Range(last.start(), last.pages() + 1, last.name(), List.copyOf(lines)));
        return;
      }
    }
    addLines(address, left, right, lines);
    ranges.add(new Range(address, 1, name(vma), List.copyOf(lines)));
  }

  private void addLines(
      final long address, final ByteBuffer left, final ByteBuffer right, final List<Line> lines) {
    for (int at = 0; withBytes && at < PAGE && lines.size() < LINES_MAX; at += LINE) {
      final ByteString one = ByteString.copyFrom(left.slice(at, LINE));
      final ByteString other = ByteString.copyFrom(right.slice(at, LINE));
      if (!one.equals(other)) {
        lines.add(new Line(address + at, one, other));
      }
    }
  }
}
