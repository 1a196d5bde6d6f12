package io.vas.core.restore;

import io.vas.core.image.ProcessImage;
import io.vas.core.keeper.KeeperProtocolDescriptor;
import io.vas.core.linux.Fd;
import io.vas.core.memory.Extent;
import io.vas.core.memory.PageSource;
import io.vas.core.memory.PageSpace;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The pages of one address space, and the files that they are in, by numbers from 0 on. */
final class PageSpaceFiles {
  /**
   * The keeper takes no more at once, the table, what a freeze has and the layer among them, and
   * twice the snapshot's root.
   */
  private static final int MOST = KeeperProtocolDescriptor.MESSAGE_FDS_MAX - 8;

  private final PageSource pages;
  private final int space;
  private final Map<Long, Integer> numbers = new LinkedHashMap<>();

  private PageSpaceFiles(final PageSource pages, final int space) {
    this.pages = pages;
    this.space = space;
  }

  /**
   * The files of a process's pages.
   *
   * @param pages of its snapshot.
   * @param process of the snapshot.
   * @return the files.
   * @throws NotInPlaceException if there are too many.
   */
  static PageSpaceFiles of(final PageSource pages, final ProcessImage process) {
    final PageSpaceFiles files = new PageSpaceFiles(pages, PageSpace.ofProcess(process.getPid()));
    for (final Extent extent : files.extents(0, PageSpace.END)) {
      files.numbers.putIfAbsent(extent.file(), files.numbers.size());
    }
    if (files.numbers.size() > MOST) {
      throw new NotInPlaceException(
          "its pages are in " + files.numbers.size() + " snapshots' files");
    }
    return files;
  }

  List<Extent> extents(final long start, final long end) {
    return pages.extents(space, start, end);
  }

  int number(final Extent extent) {
    return numbers.get(extent.file());
  }

  /** One of these that lies in a file where there is nothing but zeros around them. */
  Optional<Extent> own(final List<Extent> extents) {
    return extents.stream().filter(extent -> pages.isOwn(extent.file())).findFirst();
  }

  /** By number. */
  List<Fd> descriptors() {
    final List<Fd> descriptors = new ArrayList<>();
    numbers.keySet().forEach(file -> descriptors.add(pages.file(file)));
    return descriptors;
  }
}
