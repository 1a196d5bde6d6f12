package io.vas.api.daemon;

import io.vas.api.LogTail;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;

/**
 * Reads an instance's log from its beginning to its end, and on while the instance writes.
 *
 * <p>It looks again every {@value #POLL_MILLIS} ms: that is soon enough for eyes, and costs one
 * fstat, where inotify would cost a descriptor and a thread for each reader.
 */
final class LogFollower {
  static final long POLL_MILLIS = 20;

  private static final int CHUNK_BYTES = 64 * 1024;

  /** Takes what was read. */
  interface Sink {
    /**
     * Takes a chunk. May block.
     *
     * @param bytes whose first {@code length} are the chunk; reused after the call.
     * @param length 1 or more.
     */
    void accept(byte[] bytes, int length);
  }

  private final InstanceLog log;
  private final Sink sink;
  private final BooleanSupplier cancelled;

  LogFollower(final InstanceLog log, final Sink sink, final BooleanSupplier cancelled) {
    this.log = log;
    this.sink = sink;
    this.cancelled = cancelled;
  }

  /**
   * Reads.
   *
   * @param tailLines only the last so many lines that are there now; all when 0.
   * @param follow until the instance has ended, not until what is there now has been read.
   * @throws IOException if the log can't be read.
   */
  void read(final int tailLines, final boolean follow) throws IOException {
    try (RandomAccessFile file = new RandomAccessFile(log.file().toFile(), "r")) {
      file.seek(tailLines > 0 ? LogTail.start(file, tailLines) : 0);
      boolean ended;
      do {
        // Asked before reading: what was written before the end is then read.
        ended = !follow || log.exit().isDone();
        drain(file);
        if (!ended) {
          awaitMore(log.exit());
        }
      } while (!ended && !cancelled.getAsBoolean());
    }
  }

  private void drain(final RandomAccessFile file) throws IOException {
    final byte[] chunk = new byte[CHUNK_BYTES];
    for (int n = file.read(chunk); n > 0 && !cancelled.getAsBoolean(); n = file.read(chunk)) {
      sink.accept(chunk, n);
    }
  }

  private static void awaitMore(final CompletableFuture<Integer> exit) throws IOException {
    try {
      exit.get(POLL_MILLIS, TimeUnit.MILLISECONDS);
    } catch (final TimeoutException | ExecutionException e) {
      return;
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }
}
