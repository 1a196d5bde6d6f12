package io.vas.api.daemon;

import io.vas.core.memory.Extent;
import io.vas.core.memory.PageSpace;
import io.vas.store.SnapshotUse;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * When an instance's next snapshot has to store all pages again, whether they have changed or not.
 * A delta adds files in which pages of the snapshots after it may be, and a fork is given a
 * descriptor of each.
 */
final class KeyFrames {
  /**
   * Of files. The kernel passes 253 descriptors in one message (SCM_MAX_FD), of which a fork needs
   * some for other things.
   */
  private static final int FILES_MAX = 200;

  /** Counting takes a look at each page, so it is not done for each snapshot. */
  private static final int LOOK_EVERY = 16;

  /** As the instance sees it. */
  private static final int FIRST_PROCESS = 1;

  private final Map<Long, Integer> sinceLook = new ConcurrentHashMap<>();

  /**
   * Counts a snapshot that is about to be taken.
   *
   * @param instance id of the instance.
   * @param earlier the snapshot that it would share its pages with.
   * @return whether it should share none.
   */
  boolean isDue(final long instance, final SnapshotUse earlier) {
    final int count = sinceLook.getOrDefault(instance, LOOK_EVERY);
    if (count < LOOK_EVERY) {
      sinceLook.put(instance, count + 1);
      return false;
    }
    sinceLook.put(instance, 1);
    return earlier.extents(PageSpace.ofProcess(FIRST_PROCESS), 0, PageSpace.END).stream()
            .mapToLong(Extent::file)
            .distinct()
            .count()
        > FILES_MAX;
  }

  /**
   * Forgets an instance.
   *
   * @param instance its id.
   */
  void forget(final long instance) {
    sinceLook.remove(instance);
  }
}
