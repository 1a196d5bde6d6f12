package io.vas.api.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * The time in which a user is told what the daemon has done. Ctrl-C does not end this process in
 * its midst: what was made would stay, and nobody would know of it. Opened before the daemon is
 * asked, and closed when all is told.
 */
final class Telling implements AutoCloseable {
  /** Whoever does not read what is told is not waited for. */
  private static final long LONGEST_MILLIS = 2000;

  private final CountDownLatch told = new CountDownLatch(1);
  private volatile boolean begun;

  Telling(final Console console) {
    console.atEnd().accept(this::await);
  }

  /** The daemon has answered. */
  void begin() {
    begun = true;
  }

  private void await() {
    try {
      final boolean isTold = !begun || told.await(LONGEST_MILLIS, TimeUnit.MILLISECONDS);
      assert isTold || begun;
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    told.countDown();
  }
}
