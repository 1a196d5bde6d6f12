package io.vas.store;

import io.vas.core.StoreFullException;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.TmpfsMount.RegionFile;
import io.vas.core.memory.PageSink;
import io.vas.core.memory.PageSource;
import io.vas.core.memory.RegionKind;
import io.vas.store.Budget.Reservation;
import io.vas.store.Layers.Layer;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A snapshot that is being taken: its name and its room in the store are its own already. {@link
 * SnapshotStore#publish} makes it a snapshot; closed without that, it leaves nothing behind.
 */
public final class Draft implements PageSink, AutoCloseable {
  /** A part of one can not be given back without losing the rest of it as a huge page. */
  private static final long HUGE_PAGE = 2 * ByteCount.MIB;

  private final SnapshotStore store;
  private final SnapshotId id;
  private final SnapshotRequest request;
  private final int region;
  private final Map<RegionKind, RegionFile> regions = new EnumMap<>(RegionKind.class);
  private final Reservation reservation;
  private final Layer layer;
  private final List<SharedLayer> baseLayers;
  private final List<PageChange> changes = new ArrayList<>();
  private final Set<Contents> sharedWith = new HashSet<>();

  /** Somebody has begun to fill it. */
  private boolean begun;

  private State state = State.OPEN;

  private enum State {
    OPEN,
    PUBLISHING,
    PUBLISHED,
    FAILED,
    CLOSED
  }

  Draft(
      final SnapshotStore store,
      final SnapshotId id,
      final SnapshotRequest request,
      final int region,
      final Map<RegionKind, RegionFile> regions,
      final Reservation reservation,
      final Layer layer,
      final List<SharedLayer> baseLayers) {
    this.store = store;
    this.id = id;
    this.request = request;
    this.region = region;
    this.regions.putAll(regions);
    this.reservation = reservation;
    this.layer = layer;
    this.baseLayers = baseLayers;
  }

  SnapshotId snapshotId() {
    return id;
  }

  SnapshotRequest request() {
    return request;
  }

  /** The number of its region files. */
  int regionNumber() {
    return region;
  }

  Map<RegionKind, RegionFile> regions() {
    return regions;
  }

  Reservation reservation() {
    return reservation;
  }

  Layer ownLayer() {
    return layer;
  }

  List<SharedLayer> baseLayers() {
    return baseLayers;
  }

  /**
   * The id that the snapshot will have.
   *
   * @return 12 hexadecimal digits.
   */
  public String id() {
    return id.toString();
  }

  /**
   * What its pages take by now.
   *
   * @return bytes.
   */
  public long usedBytes() {
    return usedBytes(regions);
  }

  static long usedBytes(final Map<RegionKind, RegionFile> regions) {
    return regions.values().stream()
        .mapToLong(file -> FileStatus.of(file.readOnly()).allocated())
        .sum();
  }

  /**
   * The error to report when writing to a region or the layer ended with ENOSPC.
   *
   * @param cause what told so.
   * @return the error, saying how much there is.
   */
  public StoreFullException full(final Throwable cause) {
    final StoreStatus status = store.status();
    return new StoreFullException(
        String.format(
            "the store is full: the snapshot of %s needs more than the %s it has taken, %s of %s"
                + " are free",
            request.instance(),
            ByteCount.of(usedBytes()),
            ByteCount.of(status.freeBytes()),
            ByteCount.of(status.budgetBytes())),
        cause);
  }

  @Override
  public Fd region(final RegionKind kind) {
    return regions.get(kind).readWrite();
  }

  @Override
  public Fd layer() {
    return layer.readWrite();
  }

  @Override
  public synchronized void clear() {
    changes.clear();
    if (begun) {
      regions.values().forEach(file -> FileIo.truncate(file.readWrite(), 0));
    }
    begun = true;
  }

  @Override
  public synchronized void store(
      final int space,
      final long start,
      final long length,
      final RegionKind kind,
      final long offset) {
    add(new PageChange(space, start, length, PagePlace.of(PagePlace.file(region, kind), offset)));
  }

  @Override
  public void discard(final RegionKind kind, final long offset, final long length) {
    final long unit = kind == RegionKind.HUGE ? HUGE_PAGE : 1;
    final long start = (offset + unit - 1) / unit * unit;
    final long end = (offset + length) / unit * unit;
    if (start < end) {
      FileIo.punchHole(region(kind), start, end - start);
    }
  }

  @Override
  public synchronized void share(
      final int space,
      final long start,
      final long length,
      final PageSource from,
      final int fromSpace,
      final long fromStart) {
    if (!(from instanceof SnapshotUse use) || !use.isOpen()) {
      throw new IllegalArgumentException("pages can be shared with an open use of a snapshot only");
    }
    // Whoever uses it may stop before this is published.
    if (sharedWith.add(use.contents())) {
      store.retain(use.contents());
    }
    add(new PageChange(space, start, length, use.contents(), fromSpace, fromStart));
  }

  @Override
  public synchronized void drop(final int space, final long start, final long length) {
    add(new PageChange(space, start, length));
  }

  private void add(final PageChange change) {
    if (change.length() > 0) {
      changes.add(change);
    }
  }

  /** What its tables are made of. */
  synchronized List<PageChange> changes() {
    return List.copyOf(changes);
  }

  synchronized void beginPublishing() {
    if (state != State.OPEN) {
      throw new IllegalStateException("the draft of snapshot " + id + " is " + state);
    }
    state = State.PUBLISHING;
  }

  void endPublishing(final boolean published) {
    synchronized (this) {
      state = published ? State.PUBLISHED : State.FAILED;
    }
    if (published) {
      stopSharing();
    }
  }

  /** Its tables have what they share by now, or there are none. */
  private void stopSharing() {
    final List<Contents> contents;
    synchronized (this) {
      contents = List.copyOf(sharedWith);
      sharedWith.clear();
    }
    contents.forEach(store::release);
  }

  /**
   * Throw it away, unless it was published. Only the first call does something. Nobody writes to it
   * any more.
   */
  @Override
  public void close() {
    synchronized (this) {
      if (state == State.PUBLISHED || state == State.CLOSED) {
        return;
      }
      if (state == State.PUBLISHING) {
        throw new IllegalStateException("snapshot " + id + " is being published");
      }
      state = State.CLOSED;
    }
    stopSharing();
    store.discard(this);
  }
}
