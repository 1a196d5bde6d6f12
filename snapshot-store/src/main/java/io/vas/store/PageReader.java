package io.vas.store;

import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.agrona.BufferUtil;

/** Reads stored pages and sums them up. For one thread. */
final class PageReader implements AutoCloseable {
  private static final int PAGE = 1 << PagePlace.PAGE_SHIFT;
  static final int PAGES = 64;

  private final RegionMounts mounts;
  private final ByteBuffer buffer = BufferUtil.allocateDirectAligned(PAGES * PAGE, PAGE);
  private final CRC32C crc = new CRC32C();
  private Fd file;
  private long fileNumber;

  PageReader(final RegionMounts mounts) {
    this.mounts = mounts;
  }

  /**
   * The checksums of pages.
   *
   * @param batch where they are.
   * @return one for each, never 0.
   * @throws io.vas.core.linux.LinuxException if one can not be read.
   */
  int[] checksums(final PageBatch batch) {
    final int[] sums = new int[batch.size()];
    for (int i = 0; i < batch.size(); ) {
      int count = 1;
      while (count < PAGES
          && i + count < batch.size()
          && batch.place(i + count) == batch.place(i) + count) {
        count++;
      }
      read(batch.place(i), count);
      for (int k = 0; k < count; k++) {
        sums[i + k] = checksum(k);
      }
      i += count;
    }
    return sums;
  }

  /**
   * Read pages that lie side by side.
   *
   * @param place of the first.
   * @param count 1 to {@link #PAGES}.
   * @return their bytes, until the next call.
   */
  ByteBuffer pages(final long place, final int count) {
    read(place, count);
    return bytes(count);
  }

  /** The bytes of the first pages that were read last. */
  ByteBuffer bytes(final int count) {
    return buffer.limit(count * PAGE).position(0);
  }

  /** The checksum of one of the pages that were read last, never 0. */
  int checksum(final int page) {
    crc.reset();
    crc.update(buffer.limit((page + 1) * PAGE).position(page * PAGE));
    final int sum = (int) crc.getValue();
    return sum == 0 ? 1 : sum;
  }

  private void read(final long place, final int count) {
    final long number = PagePlace.fileOf(place);
    if (file == null || number != fileNumber) {
      close();
      file = mounts.open(PagePlace.kind(number), PagePlace.number(number));
      fileNumber = number;
    }
    buffer.clear().limit(count * PAGE);
    int done = 0;
    while (done < count * PAGE) {
      final int read = FileIo.pread(file, buffer, PagePlace.offsetOf(place) + done);
      if (read <= 0) {
        // Behind the end of a file that was cut off: zeros, as a mapping would show before SIGBUS.
        while (buffer.hasRemaining()) {
          buffer.put((byte) 0);
        }
        return;
      }
      done += read;
    }
  }

  /** Let go of the file that was read last, which may be removed. */
  @Override
  public void close() {
    if (file != null) {
      file.close();
      file = null;
    }
  }
}
