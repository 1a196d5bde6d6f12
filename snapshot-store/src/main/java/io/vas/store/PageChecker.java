package io.vas.store;

import io.vas.core.linux.Errno;
import io.vas.core.linux.LinuxException;
import java.util.BitSet;
import java.util.Optional;
import java.util.Set;
import org.agrona.collections.IntHashSet;

/**
 * Computes the checksums of stored pages, and compares pages with theirs. It works in small steps,
 * holds up nobody for long, and keeps no snapshot from being removed.
 */
final class PageChecker implements AutoCloseable {
  private final Object lock;
  private final SnapshotPages pages;
  private final Set<Contents> living;
  private final PageReader reader;
  private final PageBatch batch = new PageBatch();
  private final IntHashSet broken = new IntHashSet();

  /** Whose files are open. Guarded by the lock. */
  private Contents reading;

  private long checked;
  private long added;

  /**
   * A checker, for one thread.
   *
   * @param lock guards the others.
   * @param pages of the store.
   * @param living snapshots whose pages are there.
   * @param mounts where the pages are.
   */
  PageChecker(
      final Object lock,
      final SnapshotPages pages,
      final Set<Contents> living,
      final RegionMounts mounts) {
    this.lock = lock;
    this.pages = pages;
    this.living = living;
    this.reader = new PageReader(mounts);
  }

  /**
   * Check the pages of a range. Those that have no checksum get one.
   *
   * @param contents of a snapshot; if it is gone meanwhile, the rest is left out.
   * @param space which of its spaces.
   * @param from first page.
   * @param to the page behind the last.
   * @param seen nodes of tables that were checked already, and are left out.
   */
  void check(
      final Contents contents,
      final int space,
      final long from,
      final long to,
      final Optional<BitSet> seen) {
    long next = from;
    while (next >= 0) {
      synchronized (lock) {
        if (!living.contains(contents)) {
          return;
        }
        batch.clear();
        next = pages.collect(contents.root(space), next, to, seen, batch);
        reading = contents;
      }
      try {
        compare(contents);
      } finally {
        synchronized (lock) {
          reading = null;
          lock.notifyAll();
        }
      }
    }
  }

  /** Wait, with the lock held, until files of a snapshot that is gone are not open any more. */
  void awaitEnd(final Contents contents) {
    boolean interrupted = false;
    while (contents.equals(reading)) {
      try {
        lock.wait();
      } catch (final InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void compare(final Contents contents) {
    final int[] sums;
    try {
      sums = reader.checksums(batch);
    } catch (final LinuxException e) {
      if (e.errno() == Errno.ENOENT && !isLiving(contents)) {
        return;
      }
      throw e;
    } finally {
      // What was removed meanwhile is to be freed.
      reader.close();
    }
    synchronized (lock) {
      if (!living.contains(contents)) {
        return;
      }
      for (int i = 0; i < sums.length; i++) {
        if (batch.checksum(i) == 0) {
          added += pages.addChecksum(batch.page(i), sums[i]) ? 1 : 0;
        } else if (batch.checksum(i) != sums[i]) {
          broken.add(batch.page(i));
        }
      }
    }
    checked += sums.length;
  }

  private boolean isLiving(final Contents contents) {
    synchronized (lock) {
      return living.contains(contents);
    }
  }

  /** Numbers of pages that are not what was stored. */
  IntHashSet broken() {
    return broken;
  }

  /** How many were read. */
  long checked() {
    return checked;
  }

  /** How many had no checksum before. */
  long added() {
    return added;
  }

  @Override
  public void close() {
    reader.close();
  }
}
