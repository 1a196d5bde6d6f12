package io.vas.core.checkpoint;

import io.vas.core.VasException;
import io.vas.core.checkpoint.InstanceRecord.RunKind;
import io.vas.core.image.Backing;
import io.vas.core.image.VmaImage;
import io.vas.core.linux.FileIo;
import io.vas.core.memory.Extent;
import io.vas.core.memory.PageSource;
import io.vas.core.memory.PageSpace;
import io.vas.core.memory.RegionKind;
import java.nio.ByteBuffer;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * The pages of one address space: which are stored, which are an older snapshot's, which are not
 * there.
 */
final class SpacePages {
  private static final int PAGE = 4096;

  private final Pages pages;
  private final int space;
  private final Optional<OriginPages> origin;

  /**
   * The pages of an address space.
   *
   * @param pages of the snapshot.
   * @param space its number.
   * @param origin what the instance was forked from, if it was.
   */
  SpacePages(final Pages pages, final int space, final Optional<OriginPages> origin) {
    this.pages = pages;
    this.space = space;
    this.origin = origin;
  }

  /** What has not changed is as it was, and costs nothing. */
  void begin() {
    final Optional<PageSource> before = pages.unchanged().or(() -> origin.map(OriginPages::pages));
    before.ifPresent(from -> pages.sink().share(space, 0, PageSpace.END, from, space, 0));
  }

  /** No page is there. */
  void drop(final long start, final long end) {
    pages.sink().drop(space, start, end - start);
  }

  /**
   * The pages of a VMA.
   *
   * @param stored what was recorded of it.
   * @param image of the VMA, which is told of a file that its pages stand for.
   */
  void put(final InstanceRecord.StoredPages stored, final VmaImage.Builder image) {
    long done = stored.start();
    if (pages.unchanged().isPresent()) {
      final List<InstanceRecord.Run> runs =
          stored.runs().stream()
              .sorted(Comparator.comparingLong(InstanceRecord.Run::start))
              .toList();
      for (final InstanceRecord.Run run : runs) {
        putUnlisted(stored, done, run.start());
        done = run.start() + run.length();
      }
    }
    putUnlisted(stored, done, stored.end());
    if (stored.backed()) {
      setFile(stored, image);
    }
    store(stored, image.getBacking() != Backing.ANONYMOUS);
  }

  /** What an instance that was forked has not written since is the origin's. */
  private void putUnlisted(
      final InstanceRecord.StoredPages stored, final long start, final long end) {
    long done = start;
    if (stored.backed() && start < end) {
      final OriginPages from = originOf(stored);
      final long distance = stored.start() - stored.backingOffset();
      for (final OriginPages.Place place :
          from.find(fileOf(from, stored), start - distance, end - distance)) {
        final Extent extent = place.extent();
        final long at = extent.offset() + distance;
        drop(done, at);
        pages.sink().share(space, at, extent.length(), from.pages(), place.space(), extent.start());
        done = at + extent.length();
      }
    }
    drop(done, end);
  }

  private OriginPages originOf(final InstanceRecord.StoredPages stored) {
    return origin.orElseThrow(() -> new VasException(at(stored) + " is of a snapshot"));
  }

  private static long fileOf(final OriginPages from, final InstanceRecord.StoredPages stored) {
    return from.file(stored.backingRegion(), stored.backingInode())
        .orElseThrow(
            () ->
                new VasException(
                    at(stored) + " is not of the snapshot that the instance was forked from"));
  }

  private static String at(final InstanceRecord.StoredPages stored) {
    return "the mapping at 0x" + Long.toHexString(stored.start());
  }

  /** Pages that were written over a file's are still that file's, though a region is mapped now. */
  private void setFile(final InstanceRecord.StoredPages stored, final VmaImage.Builder image) {
    final OriginPages from = originOf(stored);
    final List<OriginPages.Place> first =
        from.find(fileOf(from, stored), stored.backingOffset(), stored.backingOffset() + 1);
    if (!first.isEmpty()) {
      final OriginPages.Place place = first.get(0);
      from.vma(place)
          .filter(before -> before.getBacking() == Backing.FILE)
          .ifPresent(
              before ->
                  image
                      .setBacking(Backing.FILE)
                      .setFile(before.getFile())
                      .setOffset(
                          before.getOffset() + (place.extent().start() - before.getStart())));
    }
  }

  private void store(final InstanceRecord.StoredPages stored, final boolean hasFileUnderneath) {
    for (final InstanceRecord.Run run : stored.runs()) {
      final long offset = stored.offset() + (run.start() - stored.start());
      if (run.kind() == RunKind.SAME) {
        continue;
      }
      if (run.kind() == RunKind.GUARD || (run.kind() == RunKind.ZERO && !hasFileUnderneath)) {
        drop(run.start(), run.start() + run.length());
      } else {
        if (run.kind() == RunKind.ZERO) {
          storeZeros(stored.region(), offset, run.length());
        }
        pages.store(space, run.start(), run.length(), stored.region(), offset);
      }
    }
  }

  /** A hole would be the file's bytes. */
  private void storeZeros(final RegionKind kind, final long offset, final long length) {
    final ByteBuffer page = ByteBuffer.allocateDirect(PAGE);
    for (long at = 0; at < length; at += PAGE) {
      page.clear();
      FileIo.pwrite(pages.sink().region(kind), page, offset + at);
    }
  }
}
