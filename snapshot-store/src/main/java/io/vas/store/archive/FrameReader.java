package io.vas.store.archive;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import io.vas.core.DamagedException;
import io.vas.store.archive.format.Frame;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.zip.CRC32C;

/** Reads a file of frames, from any place on. For one thread. */
final class FrameReader extends InputStream {
  private final Path path;
  private final FileChannel file;
  private final List<Frame> frames;
  private final long[] offsets;
  private final ZstdDecompressCtx zstd = new ZstdDecompressCtx();
  private final ByteBuffer compressed =
      ByteBuffer.allocateDirect((int) Zstd.compressBound(FrameWriter.LENGTH));
  private final ByteBuffer bytes = ByteBuffer.allocateDirect(FrameWriter.LENGTH);
  private final CRC32C crc = new CRC32C();
  private int current = -1;

  /**
   * Open a file.
   *
   * @param path of the file.
   * @param frames that it is to have.
   * @throws DamagedException if it has not as many bytes as these.
   */
  FrameReader(final Path path, final List<Frame> frames) throws IOException {
    this.path = path;
    this.frames = frames;
    offsets = new long[frames.size() + 1];
    for (int i = 0; i < frames.size(); i++) {
      final Frame frame = frames.get(i);
      if (frame.getLength() > bytes.capacity()
          || frame.getCompressedLength() > compressed.capacity()
          || (frame.getLength() != bytes.capacity() && i < frames.size() - 1)) {
        throw new DamagedException(path + " has a frame that is none");
      }
      offsets[i + 1] = offsets[i] + frame.getCompressedLength();
    }
    try {
      file = FileChannel.open(path, StandardOpenOption.READ);
    } catch (final NoSuchFileException e) {
      throw new DamagedException(path + " is missing");
    }
    if (file.size() != offsets[frames.size()]) {
      final long size = file.size();
      file.close();
      throw new DamagedException(
          path + " has " + size + " bytes, and was saved with " + offsets[frames.size()]);
    }
    bytes.limit(0);
  }

  /** Have the next byte read be the one with a number. */
  void seek(final long offset) throws IOException {
    final int frame = (int) (offset / FrameWriter.LENGTH);
    if (frame != current) {
      load(frame);
    }
    final int within = (int) (offset % FrameWriter.LENGTH);
    if (within > bytes.limit()) {
      throw new DamagedException(path + " has no byte " + offset);
    }
    bytes.position(within);
  }

  /**
   * Some bytes that follow, as many as are at hand.
   *
   * @param most of them.
   * @return a view that is to be used before the next call; empty: there are no more.
   */
  ByteBuffer next(final long most) throws IOException {
    if (!bytes.hasRemaining() && current + 1 < frames.size()) {
      load(current + 1);
    }
    final int count = (int) Math.min(most, bytes.remaining());
    final ByteBuffer view = bytes.slice(bytes.position(), count);
    bytes.position(bytes.position() + count);
    return view;
  }

  private void load(final int number) throws IOException {
    if (number >= frames.size()) {
      throw new DamagedException(path + " has fewer bytes than are needed");
    }
    final Frame frame = frames.get(number);
    current = -1;
    compressed.clear().limit(frame.getCompressedLength());
    while (compressed.hasRemaining()) {
      if (file.read(compressed, offsets[number] + compressed.position()) < 0) {
        throw new DamagedException(path + " has become shorter");
      }
    }
    compressed.flip();
    crc.reset();
    crc.update(compressed.duplicate());
    if ((int) crc.getValue() != frame.getChecksum()) {
      throw new DamagedException(
          path + " is damaged: what is at byte " + offsets[number] + " is not what was saved");
    }
    bytes.clear();
    try {
      zstd.decompress(bytes, compressed);
    } catch (final ZstdException e) {
      throw new DamagedException(path + " is damaged: " + e.getMessage());
    }
    bytes.flip();
    if (bytes.limit() != frame.getLength()) {
      throw new DamagedException(path + " has a frame of another length");
    }
    current = number;
  }

  @Override
  public int read() throws IOException {
    final ByteBuffer view = next(1);
    return view.hasRemaining() ? view.get() & 0xFF : -1;
  }

  @Override
  public int read(final byte[] to, final int offset, final int length) throws IOException {
    final ByteBuffer view = next(length);
    final int count = view.remaining();
    view.get(to, offset, count);
    return count == 0 && length > 0 ? -1 : count;
  }

  @Override
  public void close() throws IOException {
    zstd.close();
    file.close();
  }
}
