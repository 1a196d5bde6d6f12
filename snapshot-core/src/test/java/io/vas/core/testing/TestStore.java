package io.vas.core.testing;

import io.vas.core.keeper.Keeper;
import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.OpenFlags;
import io.vas.core.linux.TmpfsMount;
import io.vas.core.memory.Extent;
import io.vas.core.memory.PageSink;
import io.vas.core.memory.PageSource;
import io.vas.core.memory.RegionKind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;

/** Keeps snapshots for tests of this module: regions on detached mounts, layers in a directory. */
public final class TestStore implements AutoCloseable {
  private static final long BUDGET = 4L << 30;
  private static final long PAGE = 4096;

  private final Keeper keeper;
  private final TmpfsMount layerMount;
  private final Map<RegionKind, TmpfsMount> mounts = new EnumMap<>(RegionKind.class);
  private final AtomicLong ids = new AtomicLong(1L << 32);
  private final List<Entry> entries = new ArrayList<>();

  /**
   * An empty store.
   *
   * @param keeper that holds the descriptors.
   */
  public TestStore(final Keeper keeper) {
    this.keeper = keeper;
    // Not on the host's root, which is a layer itself: layers must not lie within each other.
    layerMount = TmpfsMount.create(BUDGET, TmpfsMount.HugePages.NEVER);
    mounts.put(RegionKind.HUGE, TmpfsMount.create(BUDGET, TmpfsMount.HugePages.ALWAYS));
    mounts.put(RegionKind.SMALL, TmpfsMount.create(BUDGET, TmpfsMount.HugePages.NEVER));
  }

  /**
   * The file system that all regions of a kind are on.
   *
   * @param kind which of the two.
   * @return its st_dev.
   */
  public DeviceNumber device(final RegionKind kind) {
    return FileStatus.of(mounts.get(kind).readOnlyMount()).device();
  }

  /**
   * Room for a snapshot.
   *
   * @return both ends of it.
   */
  public Entry newEntry() {
    final Entry entry = new Entry();
    entries.add(entry);
    return entry;
  }

  @Override
  public void close() {
    entries.forEach(Entry::close);
    mounts.values().forEach(TmpfsMount::close);
    layerMount.close();
  }

  /** Where a page is stored. */
  private record Page(long file, long offset) {}

  /** Where a snapshot is written to, and read from. */
  public final class Entry implements PageSink, PageSource, AutoCloseable {
    private final Map<RegionKind, TmpfsMount.RegionFile> files = new EnumMap<>(RegionKind.class);
    private final Map<Integer, NavigableMap<Long, Page>> spaces = new HashMap<>();
    private final Map<Long, Long> held = new HashMap<>();
    private final long number = entries.size();
    private final Fd layer;
    private final List<Fd> layers = new ArrayList<>();
    private final List<Long> heldLayers = new ArrayList<>();
    private final String name;
    private Fd readOnlyLayer;
    private boolean writing = true;
    private boolean closed;

    private Entry() {
      for (final RegionKind kind : RegionKind.values()) {
        files.put(kind, mounts.get(kind).createFile());
      }
      final long id = ids.incrementAndGet();
      name = "layer-" + id;
      final Path path = Path.of("/proc/self/fd/" + layerMount.readWriteMount().value(), name);
      try {
        Files.createDirectory(path);
      } catch (final IOException e) {
        throw new UncheckedIOException(e);
      }
      layer = Fd.open(path.toString(), OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY);
    }

    /**
     * No more is written.
     *
     * @param below layers of the snapshot that the instance was forked from.
     * @return this.
     */
    public Entry publish(final List<Fd> below) {
      writing = false;
      readOnlyLayer =
          Fd.openAt(
              layerMount.readOnlyMount(), name, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY, 0);
      layers.add(readOnlyLayer);
      layers.addAll(below);
      layers.forEach(fd -> heldLayers.add(hold(fd)));
      return this;
    }

    private long hold(final Fd fd) {
      final long id = ids.incrementAndGet();
      keeper.hold(id, fd);
      return id;
    }

    @Override
    public Fd region(final RegionKind kind) {
      return writing ? files.get(kind).readWrite() : files.get(kind).readOnly();
    }

    @Override
    public Fd layer() {
      return layer;
    }

    private NavigableMap<Long, Page> space(final int space) {
      return spaces.computeIfAbsent(space, number -> new TreeMap<>());
    }

    @Override
    public void clear() {
      spaces.clear();
      files.values().forEach(file -> FileIo.truncate(file.readWrite(), 0));
    }

    @Override
    public void store(
        final int space,
        final long start,
        final long length,
        final RegionKind kind,
        final long offset) {
      for (long at = 0; at < length; at += PAGE) {
        space(space).put(start + at, new Page(number << 1 | kind.number(), offset + at));
      }
    }

    @Override
    public void discard(final RegionKind kind, final long offset, final long length) {
      if (kind == RegionKind.SMALL) {
        FileIo.punchHole(files.get(kind).readWrite(), offset, length);
      }
    }

    @Override
    public void share(
        final int space,
        final long start,
        final long length,
        final PageSource from,
        final int fromSpace,
        final long fromStart) {
      drop(space, start, length);
      ((Entry) from)
          .space(fromSpace)
          .subMap(fromStart, fromStart + length)
          .forEach((at, page) -> space(space).put(start + (at - fromStart), page));
    }

    @Override
    public void drop(final int space, final long start, final long length) {
      space(space).subMap(start, start + length).clear();
    }

    @Override
    public List<Extent> extents(final int space, final long start, final long end) {
      final List<Extent> extents = new ArrayList<>();
      space(space)
          .subMap(start, end)
          .forEach(
              (at, page) -> {
                final Extent last = extents.isEmpty() ? null : extents.get(extents.size() - 1);
                if (last != null
                    && last.end() == at
                    && last.file() == page.file
                    && last.distance() == at - page.offset) {
                  extents.set(
                      extents.size() - 1,
                      new Extent(last.start(), last.length() + PAGE, page.file, last.offset()));
                } else {
                  extents.add(new Extent(at, PAGE, page.file, page.offset));
                }
              });
      return extents;
    }

    @Override
    public Fd file(final long file) {
      return entries.get((int) (file >>> 1)).files.get(kind(file)).readOnly();
    }

    @Override
    public long held(final long file) {
      return held.computeIfAbsent(file, unheld -> hold(file(unheld)));
    }

    @Override
    public RegionKind kind(final long file) {
      return RegionKind.of((int) (file & 1));
    }

    @Override
    public boolean isOwn(final long file) {
      return file >>> 1 == number;
    }

    @Override
    public List<Fd> layers() {
      return layers;
    }

    @Override
    public List<Long> heldLayers() {
      return heldLayers;
    }

    @Override
    public void close() {
      if (!closed) {
        closed = true;
        held.values().forEach(keeper::drop);
        heldLayers.forEach(keeper::drop);
        files.values().forEach(TmpfsMount.RegionFile::close);
        layer.close();
        if (readOnlyLayer != null) {
          readOnlyLayer.close();
        }
      }
    }
  }
}
