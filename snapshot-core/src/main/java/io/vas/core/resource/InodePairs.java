package io.vas.core.resource;

import java.util.HashMap;
import java.util.Map;

/**
 * Which inode of an instance stands for which of a snapshot. Files made anew in a fork have other
 * inodes, but the same ones refer to the same file. Not thread-safe.
 */
public final class InodePairs {
  private final Map<Long, Long> currentByTarget = new HashMap<>();
  private final Map<Long, Long> targetByCurrent = new HashMap<>();

  /** None is known yet. */
  public InodePairs() {}

  /**
   * Keep in mind that two are the same, unless it is known that they are not.
   *
   * @param before an inode of the snapshot.
   * @param now an inode of the instance.
   * @return whether they may be the same.
   */
  public boolean match(final long before, final long now) {
    if (currentByTarget.getOrDefault(before, now) != now
        || targetByCurrent.getOrDefault(now, before) != before) {
      return false;
    }
    currentByTarget.put(before, now);
    targetByCurrent.put(now, before);
    return true;
  }
}
