package io.vas.core.memory;

import io.vas.core.linux.Fd;
import java.util.List;

/** The pages and files of one snapshot, which never change. */
public interface PageSource {
  /**
   * A file that holds pages.
   *
   * @param kind which of the two.
   * @return a descriptor of a read-only mount, which belongs to the source: nobody can write to the
   *     file through it, not even by opening it again.
   */
  Fd region(RegionKind kind);

  /**
   * The number under which the keeper holds the same descriptor.
   *
   * @param kind which of the two.
   * @return an id for {@code VAS_PARAM_HELD}.
   */
  long held(RegionKind kind);

  /**
   * Directories with the files that the instance had made or changed.
   *
   * @return read-only descriptors that belong to the source, the uppermost layer first.
   */
  List<Fd> layers();

  /**
   * The numbers under which the keeper holds the same directories.
   *
   * @return ids for {@code VAS_PARAM_HELD}, the uppermost layer first.
   */
  List<Long> heldLayers();
}
