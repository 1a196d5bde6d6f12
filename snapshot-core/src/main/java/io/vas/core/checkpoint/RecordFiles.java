package io.vas.core.checkpoint;

import io.vas.core.linux.Fd;
import io.vas.core.linux.MappedMemory;
import io.vas.core.linux.MemFd;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Files for the keeper's records. New memory takes the keeper longer to write to, while an instance
 * stands still, than memory that has been written to before, so a few files are used again and
 * again. Thread-safe.
 */
final class RecordFiles implements AutoCloseable {
  private static final int KEPT_MAX = 2;

  /** What a file that is kept may take, bytes. */
  private static final long KEPT_LENGTH_MAX = 1 << 20;

  private final Deque<RecordFile> free = new ArrayDeque<>();
  private boolean isClosed;

  /** As many as are kept. */
  RecordFiles() {
    for (int i = 0; i < KEPT_MAX; i++) {
      free.push(make());
    }
  }

  /**
   * A file for a record.
   *
   * @return to be closed.
   */
  RecordFile take() {
    synchronized (free) {
      final RecordFile file = free.poll();
      if (file != null) {
        return file;
      }
    }
    return make();
  }

  private RecordFile make() {
    final Fd fd = MemFd.create("vas-record", KEPT_LENGTH_MAX, 0);
    try {
      return new RecordFile(this, fd, MappedMemory.mapReadOnly(fd, 0, KEPT_LENGTH_MAX));
    } catch (final RuntimeException e) {
      fd.close();
      throw e;
    }
  }

  /** There are as many as before, or as are kept. */
  private void giveBack(final RecordFile file, final boolean isGood) {
    synchronized (free) {
      if (!isClosed && free.size() < KEPT_MAX) {
        free.push(isGood ? file : make());
        if (isGood) {
          return;
        }
      }
    }
    file.discard();
  }

  @Override
  public void close() {
    synchronized (free) {
      isClosed = true;
      free.forEach(RecordFile::discard);
      free.clear();
    }
  }

  /** A file for one record at a time. Not thread-safe. */
  static final class RecordFile implements AutoCloseable {
    private final RecordFiles files;
    private final Fd fd;
    private final MappedMemory begin;
    private MappedMemory all;
    private long length;

    private RecordFile(final RecordFiles files, final Fd fd, final MappedMemory begin) {
      this.files = files;
      this.fd = fd;
      this.begin = begin;
    }

    /**
     * What the keeper is given.
     *
     * @return the file.
     */
    Fd fd() {
      return fd;
    }

    /**
     * The keeper has answered, and does not write to the file any more.
     *
     * @param bytes length of the record.
     */
    void written(final long bytes) {
      length = bytes;
      all = bytes <= KEPT_LENGTH_MAX ? begin : MappedMemory.mapReadOnly(fd, 0, bytes);
    }

    /**
     * The record.
     *
     * @return a mapping that may be longer than the record.
     */
    MappedMemory memory() {
      return all;
    }

    /**
     * The record's length.
     *
     * @return bytes.
     */
    long length() {
      return length;
    }

    /**
     * Where there has been no answer the keeper may write to it still: then nobody else gets it.
     */
    @Override
    public void close() {
      final boolean isGood = all == begin;
      if (all != begin && all != null) {
        all.close();
      }
      all = null;
      files.giveBack(this, isGood);
    }

    private void discard() {
      begin.close();
      fd.close();
    }
  }
}
