package io.vas.core.checkpoint;

import io.vas.core.image.Image;
import io.vas.core.image.ProcessImage;
import io.vas.core.image.VmaImage;
import io.vas.core.linux.FileStatus;
import io.vas.core.memory.Extent;
import io.vas.core.memory.PageSource;
import io.vas.core.memory.PageSpace;
import io.vas.core.memory.RegionKind;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Tells which pages of the snapshot that an instance was forked from lie behind its mappings.
 * Wherever the instance has moved them by now, their place in a file has stayed the same.
 */
final class OriginPages {
  private final PageSource pages;
  private final Map<FileKey, Long> files = new HashMap<>();
  private final Map<Long, List<Place>> places = new HashMap<>();
  private final Map<Integer, List<VmaImage>> vmas = new HashMap<>();

  private record FileKey(RegionKind kind, long inode) {}

  /**
   * Pages of the origin.
   *
   * @param space of the origin.
   * @param extent of that space.
   */
  record Place(int space, Extent extent) {}

  /**
   * The origin of a fork.
   *
   * @param image of the snapshot that the instance was forked from.
   * @param pages of that snapshot.
   */
  OriginPages(final Image image, final PageSource pages) {
    this.pages = pages;
    for (final ProcessImage process : image.getProcessesList()) {
      final int space = PageSpace.ofProcess(process.getPid());
      vmas.put(space, process.getMemory().getVmasList());
      for (final Extent extent : pages.extents(space, 0, PageSpace.END)) {
        places
            .computeIfAbsent(extent.file(), file -> new ArrayList<>())
            .add(new Place(space, extent));
      }
    }
    places.forEach(
        (file, list) -> {
          list.sort(Comparator.comparingLong(place -> place.extent().offset()));
          files.put(new FileKey(pages.kind(file), FileStatus.of(pages.file(file)).inode()), file);
        });
  }

  PageSource pages() {
    return pages;
  }

  /**
   * Find the file behind a mapping.
   *
   * @param kind of the file.
   * @param inode of the file.
   * @return its number; empty if it is none of the snapshot's.
   */
  Optional<Long> file(final RegionKind kind, final long inode) {
    return Optional.ofNullable(files.get(new FileKey(kind, inode)));
  }

  /**
   * Find pages by where they are in a file.
   *
   * @param file its number.
   * @param offset first byte.
   * @param end the byte behind the last.
   * @return the pages that the snapshot has there, by offset.
   */
  List<Place> find(final long file, final long offset, final long end) {
    final List<Place> list = places.get(file);
    int low = 0;
    int high = list.size();
    while (low < high) {
      final int middle = (low + high) >>> 1;
      final Extent extent = list.get(middle).extent();
      if (extent.offset() + extent.length() <= offset) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    final List<Place> found = new ArrayList<>();
    for (int i = low; i < list.size() && list.get(i).extent().offset() < end; i++) {
      final Extent extent = list.get(i).extent();
      found.add(
          new Place(
              list.get(i).space(),
              extent.within(extent.distance() + offset, extent.distance() + end)));
    }
    return found;
  }

  /**
   * The mapping that pages were in.
   *
   * @param place of the pages.
   * @return the snapshot's VMA.
   */
  Optional<VmaImage> vma(final Place place) {
    return vmas.get(place.space()).stream()
        .filter(
            vma ->
                vma.getStart() <= place.extent().start() && place.extent().start() < vma.getEnd())
        .findFirst();
  }
}
