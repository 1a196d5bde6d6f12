package io.vas.store;

import io.vas.core.linux.LinuxException;
import io.vas.core.linux.ThreadPriority;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives new snapshots' pages their checksums, at the lowest priority: nothing waits for it. What it
 * does not get to has none until the store is verified.
 */
final class BackgroundChecksums implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(BackgroundChecksums.class);

  /** Snapshots that wait. */
  private static final int MOST = 10_000;

  private final BlockingQueue<Work> queue = new LinkedBlockingQueue<>(MOST);
  private final PageChecker checker;
  private final Thread thread = new Thread(this::run, "vas-checksums");
  private volatile boolean closed;

  private record Work(Contents contents, List<PageChange> changes) {}

  /**
   * Start.
   *
   * @param checker closed with this.
   */
  BackgroundChecksums(final PageChecker checker) {
    this.checker = checker;
    thread.setDaemon(true);
    thread.start();
  }

  /** A snapshot was published. */
  void add(final Contents contents, final List<PageChange> changes) {
    if (!queue.offer(new Work(contents, changes))) {
      LOG.debug("snapshot {} gets no checksums yet", contents.id());
    }
  }

  /** Wait, with the store's lock held, until a snapshot that is gone is not read any more. */
  void awaitEnd(final Contents contents) {
    checker.awaitEnd(contents);
  }

  private void run() {
    try {
      ThreadPriority.lower();
    } catch (final LinuxException e) {
      LOG.info("checksums are computed at normal priority: {}", e.getMessage());
    }
    try {
      while (!closed) {
        check(queue.take());
      }
    } catch (final InterruptedException e) {
      LOG.debug("no more checksums");
    }
  }

  private void check(final Work work) {
    try {
      for (final PageChange change : work.changes()) {
        if (change.isStored() && !closed) {
          checker.check(
              work.contents(), change.space(), change.first(), change.end(), Optional.empty());
        }
      }
    } catch (final RuntimeException e) {
      LOG.warn("snapshot {} gets no checksums: {}", work.contents().id(), e.toString());
    }
  }

  /** End, and wait for the end. */
  @Override
  public void close() {
    closed = true;
    thread.interrupt();
    try {
      thread.join();
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    checker.close();
  }
}
