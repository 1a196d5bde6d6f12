package io.vas.store;

import io.vas.core.linux.Fd;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.MappedMemory;
import io.vas.core.memory.PageSource;
import io.vas.core.memory.RegionKind;
import java.util.List;
import org.agrona.DirectBuffer;

/**
 * The right to use a snapshot's contents: as long as it is open they stay, even if the snapshot is
 * removed. Each fork has one for as long as it lives, since its files are in the snapshot's layers.
 */
public final class SnapshotUse implements PageSource, AutoCloseable {
  private final SnapshotStore store;
  private final Snapshot snapshot;
  private final Contents contents;

  private MappedMemory image;
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
   * The image that was published, outside of the Java heap.
   *
   * @return its bytes. They must not be read after {@link #close()}: that would end the Java
   *     process.
   */
  public synchronized DirectBuffer image() {
    checkOpen();
    if (image == null) {
      final Fd fd = contents.image();
      image = MappedMemory.mapReadOnly(fd, 0, FileStatus.of(fd).size());
    }
    return image.buffer();
  }

  Contents contents() {
    return contents;
  }

  synchronized boolean isOpen() {
    return !closed;
  }

  @Override
  public synchronized Fd region(final RegionKind kind) {
    checkOpen();
    return contents.region(kind);
  }

  @Override
  public long held(final RegionKind kind) {
    return contents.held(kind);
  }

  @Override
  public synchronized List<Fd> layers() {
    checkOpen();
    return contents.layers();
  }

  @Override
  public List<Long> heldLayers() {
    return contents.heldLayers();
  }

  private void checkOpen() {
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
      if (image != null) {
        image.close();
      }
    }
    store.release(contents);
  }
}
