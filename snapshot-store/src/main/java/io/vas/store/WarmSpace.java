package io.vas.store;

import io.vas.core.linux.FileIo;
import io.vas.core.linux.MappedMemory;
import io.vas.core.linux.TmpfsMount.RegionFile;
import io.vas.core.memory.RegionKind;
import io.vas.store.Budget.Reservation;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A file for the next snapshot whose memory was written ahead, so that the kernel need not find and
 * clear it then. There is one after the pages of a snapshot were freed, with as much. All methods
 * may be called by any thread.
 *
 * <p>It is a new file, which the kernel fills with zeros: what was removed can not show up in it,
 * and whoever maps a removed file still sees no change. It counts as used, and is given up before
 * anything is refused or evicted.
 */
final class WarmSpace implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(WarmSpace.class);

  /** Less is not worth it. */
  private static final long LEAST = 16 * ByteCount.MIB;

  /** Of the budget: it never holds more, and leaves as much free. */
  private static final int SHARE = 8;

  /** Written at once, while those that want it wait. A few huge pages. */
  private static final long STEP = 4 * ByteCount.MIB;

  /** Memory that nobody wants goes back to the system. */
  private static final long KEPT_NANOS = TimeUnit.SECONDS.toNanos(30);

  /** Until it is tried again, while a snapshot is being taken. */
  private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  private final RegionMounts mounts;
  private final SnapshotPages pages;
  private final Budget budget;
  private final Thread thread = new Thread(this::run, "vas-warm");

  /** Fair, or who writes would hold it until all is written. Taken before the budget's. */
  private final ReentrantLock lock = new ReentrantLock(true);

  private final Condition changed = lock.newCondition();
  private Optional<Space> space = Optional.empty();
  private long wanted;
  private long end;
  private boolean closed;

  /**
   * A file of a draft to come.
   *
   * @param number its number, which is the draft's.
   * @param file which reads as zero.
   * @param bytes from its beginning on have memory.
   */
  record Space(int number, RegionFile file, long bytes) {}

  /** There is no thread until there is something to do. */
  WarmSpace(final RegionMounts mounts, final SnapshotPages pages, final Budget budget) {
    this.mounts = mounts;
    this.pages = pages;
    this.budget = budget;
    thread.setDaemon(true);
  }

  /** So many bytes of files with huge pages were freed. */
  void freed(final long bytes) {
    // Where the kernel knows no limit, what is used is only guessed.
    if (bytes < LEAST || budget.bytes() / SHARE < LEAST || !mounts.isLimitedByKernel()) {
      return;
    }
    lock.lock();
    try {
      wanted = Math.max(wanted, Math.min(bytes, budget.bytes() / SHARE));
      end = System.nanoTime() + KEPT_NANOS;
      changed.signal();
      if (!closed && thread.getState() == Thread.State.NEW) {
        thread.start();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Take what there is, for a draft.
   *
   * @param needed by the draft: if it is much less, there is nothing for it.
   * @return the file, which is the caller's; empty if there is none.
   */
  Optional<Space> take(final long needed) {
    lock.lock();
    try {
      if (space.isEmpty() || needed < space.get().bytes() / 2) {
        return Optional.empty();
      }
      final Optional<Space> taken = space;
      space = Optional.empty();
      wanted = 0;
      return taken;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Give the memory back, and take none until more is freed.
   *
   * @return how much it was.
   */
  long giveUp() {
    lock.lock();
    try {
      final Optional<Space> left = space;
      space = Optional.empty();
      wanted = 0;
      left.ifPresent(
          given -> {
            given.file().close();
            pages.endDraft(given.number());
          });
      return left.map(Space::bytes).orElse(0L);
    } finally {
      lock.unlock();
    }
  }

  /** What it holds. */
  long bytes() {
    lock.lock();
    try {
      return space.map(Space::bytes).orElse(0L);
    } finally {
      lock.unlock();
    }
  }

  /** What is used besides. */
  long usedBesides() {
    lock.lock();
    try {
      return Math.max(0, budget.usedBytes() - bytes());
    } finally {
      lock.unlock();
    }
  }

  /** What is set aside, but for a moment here. */
  long reservedBesides() {
    lock.lock();
    try {
      return budget.reservedBytes();
    } finally {
      lock.unlock();
    }
  }

  private void run() {
    lock.lock();
    try {
      while (!closed) {
        final long left = end - System.nanoTime();
        if (left <= 0) {
          giveUp();
          changed.await();
        } else if (space.map(Space::bytes).orElse(0L) >= wanted) {
          changed.awaitNanos(left);
        } else {
          // Those that want it come in between.
          changed.awaitNanos(extend() ? 1 : PAUSE_NANOS);
        }
      }
    } catch (final InterruptedException e) {
      LOG.debug("nobody interrupts this thread", e);
    } finally {
      lock.unlock();
    }
  }

  /** Whether that was possible now. */
  private boolean extend() {
    final Optional<Reservation> room = budget.reserveSpare(STEP, budget.bytes() / SHARE);
    if (room.isEmpty()) {
      return false;
    }
    try {
      if (space.isEmpty()) {
        space = Optional.of(create());
      }
      final Space before = space.get();
      FileIo.allocate(before.file().readWrite(), before.bytes(), STEP);
      // It is cleared only when it is touched.
      try (MappedMemory memory =
          MappedMemory.mapShared(before.file().readWrite(), before.bytes(), STEP)) {
        memory.advise(0, STEP, MappedMemory.MADV_POPULATE_WRITE);
      }
      space = Optional.of(new Space(before.number(), before.file(), before.bytes() + STEP));
    } catch (final RuntimeException e) {
      LOG.info("no memory is written ahead: {}", e.toString());
      giveUp();
    } finally {
      room.get().close();
    }
    return true;
  }

  private Space create() {
    final int number = pages.beginDraft();
    try {
      return new Space(number, mounts.createFile(RegionKind.HUGE, number), 0);
    } catch (final RuntimeException e) {
      pages.endDraft(number);
      throw e;
    }
  }

  /** Give the memory back and end. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      giveUp();
      changed.signal();
    } finally {
      lock.unlock();
    }
    try {
      thread.join();
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
