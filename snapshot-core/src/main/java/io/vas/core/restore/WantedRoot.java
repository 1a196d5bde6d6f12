package io.vas.core.restore;

import io.vas.core.VasException;
import io.vas.core.keeper.Keeper;
import io.vas.core.linux.Fd;
import io.vas.core.memory.PageSource;
import io.vas.core.sandbox.SnapshotRoot;
import java.util.Optional;

/** The root directory of a snapshot that an instance goes back to, as soon as it is needed. */
final class WantedRoot implements AutoCloseable {
  private final Keeper keeper;
  private final PageSource pages;
  private Optional<SnapshotRoot> root = Optional.empty();

  WantedRoot(final Keeper keeper, final PageSource pages) {
    this.keeper = keeper;
    this.pages = pages;
  }

  /**
   * Mount it.
   *
   * @throws NotInPlaceException if that can't be done.
   */
  void mount() {
    try {
      root = Optional.of(SnapshotRoot.mount(keeper, pages.layers()));
    } catch (final VasException e) {
      // Nothing has been changed, and the instance may stand still: it must be let go.
      throw new NotInPlaceException("files were changed: they can't be compared", e);
    }
  }

  /** Empty as long as it is not mounted. */
  Optional<Fd> directory() {
    return root.map(SnapshotRoot::directory);
  }

  @Override
  public void close() {
    root.ifPresent(SnapshotRoot::close);
  }
}
