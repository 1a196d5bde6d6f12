package io.vas.store;

import io.vas.core.linux.LinuxException;
import io.vas.core.linux.ThreadPriority;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Lays snapshots out anew, one after the other, at the lowest priority: nothing waits for it. */
final class BackgroundLayouts implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(BackgroundLayouts.class);

  /** Snapshots that wait, and so can not be evicted. */
  private static final int MOST = 4;

  private final SnapshotStore store;
  private final Deque<Work> queue = new ArrayDeque<>(MOST);
  private final Thread thread = new Thread(this::run, "vas-layouts");
  private volatile boolean closed;

  private record Work(SnapshotUse use, List<AddressRange> ranges) {}

  /**
   * Layouts. There is no thread until there is something to do.
   *
   * @param store has the snapshots.
   */
  BackgroundLayouts(final SnapshotStore store) {
    this.store = store;
    thread.setDaemon(true);
  }

  /** Closes the use afterwards. */
  synchronized void add(final SnapshotUse use, final List<AddressRange> ranges) {
    if (closed || queue.size() == MOST) {
      LOG.debug("snapshot {} is not laid out anew", use.snapshot().id());
      use.close();
      return;
    }
    queue.add(new Work(use, ranges));
    notifyAll();
    if (thread.getState() == Thread.State.NEW) {
      thread.start();
    }
  }

  private void run() {
    try {
      ThreadPriority.lower();
    } catch (final LinuxException e) {
      LOG.info("snapshots are laid out at normal priority: {}", e.getMessage());
    }
    Optional<Work> work = take();
    while (work.isPresent()) {
      layOut(work.get());
      work = take();
    }
  }

  /** The next; empty if this is closed. */
  private synchronized Optional<Work> take() {
    while (!closed && queue.isEmpty()) {
      try {
        wait();
      } catch (final InterruptedException e) {
        LOG.debug("nobody interrupts this thread", e);
      }
    }
    return closed ? Optional.empty() : Optional.of(queue.remove());
  }

  private void layOut(final Work work) {
    Optional<Snapshot> done = Optional.empty();
    try (SnapshotUse use = work.use()) {
      final long begun = System.nanoTime();
      final Layout layout = new Layout(store, use, work.ranges(), () -> !closed);
      if (!use.isCurrent() || !store.hasRoomFor(layout.bytes())) {
        LOG.info(
            "snapshot {} is not laid out anew: it is gone, or {} more would leave too little room",
            use.snapshot().id(),
            ByteCount.of(layout.bytes()));
        return;
      }
      done = layout.run();
      if (done.isPresent()) {
        LOG.info(
            "snapshot {} is laid out anew: {} copied in {} ms",
            use.snapshot().id(),
            ByteCount.of(layout.bytes()),
            (System.nanoTime() - begun) / 1_000_000);
      }
    } catch (final RuntimeException e) {
      LOG.warn("snapshot {} is not laid out anew: {}", work.use().snapshot().id(), e.toString());
    }
    done.ifPresent(store::laidOut);
  }

  /** End, and wait for the end. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    try {
      thread.join();
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    queue.forEach(work -> work.use().close());
    queue.clear();
  }
}
