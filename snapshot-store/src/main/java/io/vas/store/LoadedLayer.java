package io.vas.store;

import io.vas.core.linux.Fd;
import io.vas.store.Layers.Layer;
import java.util.Optional;

/**
 * A layer for snapshots that come back to a store. It stays if one of them was published with it
 * before this is closed, or if it was there before.
 */
public final class LoadedLayer implements AutoCloseable {
  private final SnapshotStore store;
  private final SharedLayer layer;
  private final Optional<Layer> made;
  private boolean closed;

  LoadedLayer(final SnapshotStore store, final SharedLayer layer, final Optional<Layer> made) {
    this.store = store;
    this.layer = layer;
    this.made = made;
  }

  /** A reference of it is this one's own. */
  SharedLayer layer() {
    return layer;
  }

  /**
   * The directory that is to be filled before a snapshot is published.
   *
   * @return an empty one; none if the store has the layer already.
   */
  public Optional<Fd> directory() {
    return made.map(Layer::readWrite);
  }

  /** Let go of it. Only the first call does something. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      made.ifPresent(Layer::close);
      store.release(layer, made.isPresent());
    }
  }
}
