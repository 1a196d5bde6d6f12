package io.vas.store;

import io.vas.core.VasException;
import io.vas.core.memory.PageSpace;
import io.vas.store.SnapshotIndex.Entry;
import io.vas.store.journal.SpaceRecord;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.agrona.collections.IntHashSet;

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

  /**
   * What is broken of a snapshot.
   *
   * @param contents of it.
   * @param pages of the store.
   * @param broken numbers of pages.
   * @param clean nodes of tables that are not concerned; more are added.
   * @return the first page, or node of a table, in words.
   */
  static Optional<String> damage(
      final Contents contents,
      final SnapshotPages pages,
      final IntHashSet broken,
      final BitSet clean) {
    for (final SpaceRecord space : contents.spaces()) {
      final Optional<PageTables.Damage> first = pages.findAny(space.getRoot(), broken, clean);
      if (first.isPresent()) {
        return Optional.of(describe(first.get(), space.getSpace()));
      }
    }
    return Optional.empty();
  }

  static String describe(final PageTables.Damage damage, final int space) {
    return String.format(
        Locale.ROOT,
        damage.isNode()
            ? "the page table of %2$s, from 0x%1$x on, is not what was written"
            : "page 0x%x of %s is not what was stored",
        damage.number() << PagePlace.PAGE_SHIFT,
        PageSpace.describe(space));
  }
}
