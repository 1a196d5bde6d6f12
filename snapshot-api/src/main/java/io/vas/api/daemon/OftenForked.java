package io.vas.api.daemon;

import io.vas.api.daemon.CompiledSnapshots.Compiled;
import io.vas.core.image.Image;
import io.vas.core.image.ProcessImage;
import io.vas.core.memory.PageSpace;
import io.vas.store.AddressRange;
import io.vas.store.SnapshotStore;
import java.util.ArrayList;
import java.util.List;

/** Snapshots that are forked often and whose pages are scattered, so that it is worth a copy. */
final class OftenForked {
  /** Forks after which more are likely. */
  private static final int OFTEN = 3;

  /** Each costs a fork one or two microseconds, and some of them a file of their own. */
  private static final int BREAKS = 32;

  private OftenForked() {}

  /**
   * Counts forks of a snapshot, and has its pages laid out anew if they have become many.
   *
   * @param store that it is in.
   * @param source its program.
   * @param forks how many there are to be now.
   */
  static void count(final SnapshotStore store, final Compiled source, final int forks) {
    final int count = source.countForks(forks);
    if (count >= OFTEN
        && count - forks < OFTEN
        && source.program().memoryPlan().breaks() > BREAKS) {
      store.layOutLater(source.use(), ranges(source.program().image()));
    }
  }

  private static List<AddressRange> ranges(final Image image) {
    final List<AddressRange> ranges = new ArrayList<>();
    for (final ProcessImage process : image.getProcessesList()) {
      final int space = PageSpace.ofProcess(process.getPid());
      process.getMemory().getVmasList().stream()
          // The kernel's own, at the highest addresses.
          .filter(vma -> vma.getStart() >= 0)
          .forEach(vma -> ranges.add(new AddressRange(space, vma.getStart(), vma.getEnd())));
    }
    return ranges;
  }
}
