package io.vas.store;

import io.vas.core.DamagedException;
import io.vas.core.linux.Fd;
import io.vas.core.memory.Extent;
import io.vas.core.memory.PageSource;
import io.vas.core.memory.RegionKind;
import io.vas.store.journal.SpaceRecord;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The right to use a snapshot's contents: as long as it is open they stay, even if the snapshot is
 * removed. Each fork has one for as long as it lives, since its files are in the snapshot's layers.
 */
public final class SnapshotUse implements PageSource, AutoCloseable {
  /*
   * Numbers of descriptors that the keeper holds:
   *
   *   63      56 55                             0
   *  +----------+--------------------------------+
   *  |   'F'    |              file              |
   *  +----------+--------------------------------+
   */
  static final long HELD_FILE_TYPE = (long) 'F' << 56;

  private final SnapshotStore store;
  private final Snapshot snapshot;
  private final Contents contents;

  private final Map<Long, Fd> files = new HashMap<>();
  private final Set<Long> held = new HashSet<>();
  private List<Fd> layers;
  private boolean closed;

  SnapshotUse(final SnapshotStore store, final Snapshot snapshot, final Contents contents) {
    this.store = store;
    this.snapshot = snapshot;
    this.contents = contents;
  }

  /**
   * What it is a use of.
   *
   * @return the snapshot.
   */
  public Snapshot snapshot() {
    return snapshot;
  }

  /**
   * The image that was published.
   *
   * @return its bytes.
   */
  public synchronized byte[] image() {
    checkOpen();
    return store.image(contents);
  }

  /**
   * Check that nothing is known to be broken, before it is forked.
   *
   * @throws DamagedException otherwise.
   */
  public void checkIntact() {
    contents.checkIntact();
  }

  /**
   * Which of the snapshot's layouts it sees: where its pages are, for which {@link
   * SnapshotStore#reuse} finds the same. It never changes.
   *
   * @return 12 hexadecimal digits; of the first layout the snapshot's id.
   */
  @Override
  public String layout() {
    return contents.id().toString();
  }

  /**
   * Whether a use that is opened now would see the pages at the same places.
   *
   * @return false if they were laid out anew, or the snapshot was removed.
   */
  public boolean isCurrent() {
    return store.isCurrent(contents);
  }

  Contents contents() {
    return contents;
  }

  synchronized boolean isOpen() {
    return !closed;
  }

  /**
   * The spaces that it has pages in.
   *
   * @return their numbers.
   */
  public List<Integer> spaces() {
    return contents.spaces().stream().map(SpaceRecord::getSpace).toList();
  }

  /**
   * Whose the layers are.
   *
   * @return ids of snapshots, which may be removed by now, in the order of {@link #layers}.
   */
  public List<String> layerOwners() {
    return contents.sharedLayers().stream().map(SharedLayer::name).toList();
  }

  @Override
  public List<Extent> extents(final int space, final long start, final long end) {
    checkOpen();
    return store.extents(contents, space, start, end);
  }

  @Override
  public synchronized Fd file(final long file) {
    checkOpen();
    return files.computeIfAbsent(file, store::openFile);
  }

  @Override
  public synchronized long held(final long file) {
    return held(HELD_FILE_TYPE | file, file(file));
  }

  @Override
  public RegionKind kind(final long file) {
    return PagePlace.kind(file);
  }

  @Override
  public boolean isOwn(final long file) {
    return PagePlace.number(file) == contents.region();
  }

  @Override
  public synchronized List<Fd> layers() {
    checkOpen();
    if (layers == null) {
      layers = contents.sharedLayers().stream().map(store::openLayer).toList();
    }
    return layers;
  }

  @Override
  public synchronized List<Long> heldLayers() {
    final List<Long> ids = contents.heldLayers();
    for (int i = 0; i < ids.size(); i++) {
      held(ids.get(i), layers().get(i));
    }
    return ids;
  }

  private long held(final long id, final Fd descriptor) {
    if (!held.contains(id)) {
      store.held().retain(id, descriptor);
      held.add(id);
    }
    return id;
  }

  private synchronized void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the use of snapshot " + snapshot.id() + " is closed");
    }
  }

  /** End the use. Only the first call does something. */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      held.forEach(store.held()::release);
      files.values().forEach(Fd::close);
      if (layers != null) {
        layers.forEach(Fd::close);
      }
    }
    store.release(contents);
  }
}
