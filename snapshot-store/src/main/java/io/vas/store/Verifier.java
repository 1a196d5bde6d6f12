package io.vas.store;

import io.vas.core.VasException;
import io.vas.core.memory.PageSpace;
import io.vas.store.SnapshotIndex.Entry;
import io.vas.store.journal.SpaceRecord;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Reads snapshots back, and finds those that are damaged. */
final class Verifier {
  private static final long END = 1L << PageTables.PAGE_NUMBER_BITS;

  private final SnapshotStore store;
  private final PageChecker checker;

  Verifier(final SnapshotStore store, final PageChecker checker) {
    this.store = store;
    this.checker = checker;
  }

  /**
   * Read the pages and images of snapshots; nodes that they share are read once.
   *
   * @param entries which.
   * @param total about so many pages.
   * @param progress is told after each snapshot, and each GiB or so.
   */
  void read(
      final List<Entry> entries, final long total, final StoreVerification.Progress progress) {
    final Optional<BitSet> seen = Optional.of(new BitSet());
    for (final Entry entry : entries) {
      for (final SpaceRecord space : entry.contents().spaces()) {
        checker.check(entry.contents(), space.getSpace(), 0, END, seen);
        progress.pages(Math.min(total, checker.checked()), total);
      }
      readImage(entry.contents());
    }
  }

  private void readImage(final Contents contents) {
    try {
      store.image(contents);
    } catch (final VasException e) {
      store.damaged(contents, e.getMessage());
    }
  }

  /** Mark a snapshot that has one of the broken pages. */
  void mark(final Contents contents, final SnapshotPages pages, final BitSet clean) {
    for (final SpaceRecord space : contents.spaces()) {
      final Optional<Long> first = pages.findAny(space.getRoot(), checker.broken(), clean);
      if (first.isPresent()) {
        store.damaged(
            contents,
            String.format(
                Locale.ROOT,
                "page 0x%x of %s is not what was stored",
                first.get() << PagePlace.PAGE_SHIFT,
                PageSpace.describe(space.getSpace())));
        return;
      }
    }
  }
}
