package io.vas.core.testing;

import io.vas.core.keeper.Keeper;
import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.OpenFlags;
import io.vas.core.linux.TmpfsMount;
import io.vas.core.memory.PageSink;
import io.vas.core.memory.PageSource;
import io.vas.core.memory.RegionKind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/** Keeps snapshots for tests of this module: regions on detached mounts, layers in a directory. */
public final class TestStore implements AutoCloseable {
  private static final long BUDGET = 4L << 30;

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

  /** Where a snapshot is written to, and read from. */
  public final class Entry implements PageSink, PageSource, AutoCloseable {
    private final Map<RegionKind, TmpfsMount.RegionFile> files = new EnumMap<>(RegionKind.class);
    private final Map<RegionKind, Long> held = new EnumMap<>(RegionKind.class);
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
      for (final RegionKind kind : RegionKind.values()) {
        held.put(kind, hold(files.get(kind).readOnly()));
      }
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
    public DeviceNumber device(final RegionKind kind) {
      return FileStatus.of(files.get(kind).readWrite()).device();
    }

    @Override
    public Fd layer() {
      return layer;
    }

    @Override
    public long held(final RegionKind kind) {
      return held.get(kind);
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
