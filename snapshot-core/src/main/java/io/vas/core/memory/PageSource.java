package io.vas.core.memory;

import io.vas.core.linux.Fd;
import java.util.List;

/** The pages and files of one snapshot, which never change. */
public interface PageSource {
  /**
   * The stored pages of a range.
   *
   * @param space which.
   * @param start of the range.
   * @param end of the range.
   * @return by address; those that lie side by side are one.
   */
  List<Extent> extents(int space, long start, long end);

  /**
   * A file that holds pages.
   *
   * @param file of an extent.
   * @return a descriptor of a read-only mount, which belongs to the source: nobody can write to the
   *     file through it, not even by opening it again.
   */
  Fd file(long file);

  /**
   * The number under which the keeper holds the same descriptor.
   *
   * @param file of an extent.
   * @return an id for {@code VAS_PARAM_HELD}, valid as long as the source is.
   */
  long held(long file);

  /**
   * Of which kind a file is.
   *
   * @param file of an extent.
   * @return what it was stored in.
   */
  RegionKind kind(long file);

  /**
   * Whether a file was made for this very snapshot, so that between the snapshot's pages in it
   * there is nothing but zeros.
   *
   * @param file of an extent.
   * @return false if it may hold pages of other snapshots.
   */
  boolean isOwn(long file);

  /**
   * Which of the ways the pages are laid out in files, if there can be several: who maps the files
   * has to go on with this one, also after the daemon was started again.
   *
   * @return what names it; empty if there is one only.
   */
  default String layout() {
    return "";
  }

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
