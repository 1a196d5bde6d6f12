package io.vas.store;

import io.vas.core.DamagedException;
import io.vas.core.memory.PageSpace;
import java.nio.ByteBuffer;
import java.util.Locale;
import java.util.function.Consumer;

/** Reads the pages of snapshots, and compares them with their checksums. For one thread. */
public final class StoredPages implements AutoCloseable {
  private final SnapshotStore store;
  private final PageReader reader;
  private final PageBatch batch = new PageBatch();

  /**
   * A reader.
   *
   * @param store has the snapshots.
   */
  public StoredPages(final SnapshotStore store) {
    this.store = store;
    this.reader = store.reader();
  }

  /**
   * Read the stored pages of a range.
   *
   * @param use of the snapshot.
   * @param space which.
   * @param start address of the first byte, a multiple of the page size.
   * @param end address behind the last one.
   * @param consumer is given the pages by address, some at a time, as a buffer that is used again
   *     afterwards.
   * @throws DamagedException if a page is not what was stored.
   */
  public void read(
      final SnapshotUse use,
      final int space,
      final long start,
      final long end,
      final Consumer<ByteBuffer> consumer) {
    long next = start >>> PagePlace.PAGE_SHIFT;
    while (next >= 0) {
      batch.clear();
      next = store.collect(use.contents(), space, next, end >>> PagePlace.PAGE_SHIFT, batch);
      for (int i = 0; i < batch.size(); ) {
        final int count = batch.sideBySide(i, PageReader.PAGES);
        reader.pages(batch.place(i), count);
        for (int k = 0; k < count; k++) {
          check(space, i + k, reader.checksum(k));
        }
        consumer.accept(reader.bytes(count));
        i += count;
      }
    }
  }

  private void check(final int space, final int i, final int checksum) {
    if (batch.checksum(i) != 0 && batch.checksum(i) != checksum) {
      throw new DamagedException(
          String.format(
              Locale.ROOT,
              "page 0x%x of %s is not what was stored",
              batch.number(i) << PagePlace.PAGE_SHIFT,
              PageSpace.describe(space)));
    }
  }

  @Override
  public void close() {
    reader.close();
  }
}
