package io.vas.core.sandbox;

import io.vas.core.keeper.Keeper;
import io.vas.core.linux.Fd;
import io.vas.core.linux.Mounts;
import java.util.ArrayList;
import java.util.List;

/**
 * The root directory that a fork of a snapshot begins with, to be read: an overlay of the same
 * layers, which is mounted nowhere, and gone when this is closed and nobody else has it.
 */
public final class SnapshotRoot implements AutoCloseable {
  private final Fd directory;

  private SnapshotRoot(final Fd directory) {
    this.directory = directory;
  }

  /**
   * Mount one.
   *
   * @param keeper that holds what lies below all snapshots.
   * @param layers of the snapshot, the uppermost first.
   * @return the directory.
   * @throws io.vas.core.VasException if it can not be mounted.
   */
  public static SnapshotRoot mount(final Keeper keeper, final List<Fd> layers) {
    final List<Fd> lowest = SandboxBase.of(keeper).lowestLayers();
    try {
      final List<Fd> all = new ArrayList<>(layers);
      all.addAll(lowest);
      return new SnapshotRoot(Mounts.createOverlay(all));
    } finally {
      lowest.forEach(Fd::close);
    }
  }

  /**
   * The directory.
   *
   * @return a descriptor that belongs to this object.
   */
  public Fd directory() {
    return directory;
  }

  @Override
  public void close() {
    directory.close();
  }
}
