package io.vas.core.checkpoint;

import io.vas.core.VasException;
import io.vas.core.image.Backing;
import io.vas.core.image.Image;
import io.vas.core.image.MemoryImage;
import io.vas.core.image.ObjectImage;
import io.vas.core.image.ProcessImage;
import io.vas.core.image.StoredPages;
import io.vas.core.image.VmaImage;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileStatus;
import io.vas.core.memory.PageRuns;
import io.vas.core.memory.PageSink;
import io.vas.core.memory.PageSource;
import io.vas.core.memory.RegionKind;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Makes the snapshot of a fork whole: pages that the instance has not written since it was forked
 * are in the regions of the snapshot it came from, and are copied from there. The instance runs
 * meanwhile; what is copied never changes.
 */
final class RegionFill {
  private final PageSource origin;
  private final PageSink sink;
  private final List<VmaImage> originVmas = new ArrayList<>();
  private final Map<RegionKind, PageRuns> originRuns = new EnumMap<>(RegionKind.class);
  private final Map<RegionKind, Long> originInodes = new EnumMap<>(RegionKind.class);

  /**
   * A fill.
   *
   * @param image of the snapshot that the instance was forked from.
   * @param origin its pages.
   * @param sink where the new snapshot's pages go.
   */
  RegionFill(final Image image, final PageSource origin, final PageSink sink) {
    this.origin = origin;
    this.sink = sink;
    final Map<RegionKind, List<PageRuns.Run>> runs = new EnumMap<>(RegionKind.class);
    for (final RegionKind kind : RegionKind.values()) {
      runs.put(kind, new ArrayList<>());
      originInodes.put(kind, FileStatus.of(origin.region(kind)).inode());
    }
    for (final ProcessImage process : image.getProcessesList()) {
      for (final VmaImage vma : process.getMemory().getVmasList()) {
        final StoredPages pages = vma.getPages();
        originVmas.add(vma);
        runs.get(RegionKind.of(pages.getRegion()))
            .addAll(PageRuns.decode(pages.getOffset(), pages.getRunsList()).list());
      }
    }
    for (final ObjectImage object : image.getObjectsList()) {
      runs.get(RegionKind.of(object.getRegion()))
          .addAll(PageRuns.decode(object.getOffset(), object.getRunsList()).list());
    }
    runs.forEach((kind, list) -> originRuns.put(kind, PageRuns.of(list)));
  }

  /**
   * Copy what the snapshot lacks.
   *
   * @param memory the image of the address space so far.
   * @param record what the keeper found.
   * @return the image with what was copied.
   * @throws io.vas.core.linux.LinuxException ENOSPC if the store is full.
   */
  MemoryImage fill(final MemoryImage memory, final InstanceRecord record) {
    final Map<Long, InstanceRecord.StoredPages> backed = new HashMap<>();
    for (final InstanceRecord.StoredPages stored : record.pages()) {
      if (stored.backed()) {
        backed.put(stored.start(), stored);
      }
    }
    final MemoryImage.Builder filled = memory.toBuilder();
    for (int i = 0; i < filled.getVmasCount(); i++) {
      final VmaImage vma = filled.getVmas(i);
      final InstanceRecord.StoredPages stored = backed.get(vma.getStart());
      if (stored != null) {
        filled.setVmas(i, fill(vma, stored));
      }
    }
    return filled.build();
  }

  private VmaImage fill(final VmaImage vma, final InstanceRecord.StoredPages stored) {
    final RegionKind kind = stored.backingRegion();
    if (originInodes.get(kind) != stored.backingInode()) {
      throw new VasException(
          "the mapping at 0x"
              + Long.toHexString(vma.getStart())
              + " is not of the snapshot that the instance was forked from");
    }
    final List<PageRuns.Run> own = new ArrayList<>();
    stored.runs().forEach(run -> own.add(new PageRuns.Run(run.start(), run.length())));
    final PageRuns decided = PageRuns.of(own);
    final long toBacking = stored.backingOffset() - stored.start();
    final List<PageRuns.Run> copied = new ArrayList<>();
    for (final PageRuns.Run gap : decided.gaps(stored.start(), stored.end()).list()) {
      copied.addAll(
          originRuns
              .get(kind)
              .within(gap.start() + toBacking, gap.end() + toBacking)
              .moved(-toBacking)
              .list());
    }
    for (final PageRuns.Run run : copied) {
      final long done =
          FileIo.copy(
              origin.region(kind),
              run.start() + toBacking,
              sink.region(stored.region()),
              stored.offset() + (run.start() - stored.start()),
              run.length());
      if (done != run.length()) {
        throw new VasException(
            "a region ends within a run of " + run.length() + " bytes: " + done + " were there");
      }
    }
    final PageRuns all =
        PageRuns.decode(vma.getStart(), vma.getPages().getRunsList()).plus(PageRuns.of(copied));
    return withFile(vma, stored).toBuilder()
        .setPages(vma.getPages().toBuilder().clearRuns().addAllRuns(all.encode(vma.getStart())))
        .build();
  }

  /** Pages that were written over a file's are still that file's, though a region is mapped now. */
  private VmaImage withFile(final VmaImage vma, final InstanceRecord.StoredPages stored) {
    for (final VmaImage before : originVmas) {
      final long distance = stored.backingOffset() - before.getPages().getOffset();
      if (before.getBacking() == Backing.FILE
          && before.getPages().getRunsCount() > 0
          && before.getPages().getRegion() == stored.backingRegion().number()
          && distance >= 0
          && distance < before.getEnd() - before.getStart()) {
        return vma.toBuilder()
            .setBacking(Backing.FILE)
            .setFile(before.getFile())
            .setOffset(before.getOffset() + distance)
            .build();
      }
    }
    return vma;
  }
}
