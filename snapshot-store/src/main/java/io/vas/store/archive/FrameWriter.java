package io.vas.store.archive;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdCompressCtx;
import io.vas.store.archive.format.Frame;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;

/** Writes a file of frames. For one thread. */
final class FrameWriter extends OutputStream {
  /** Bytes of each frame but the last, before they are compressed. */
  static final int LENGTH = 1 << 20;

  /** What its makers take for a good balance. */
  private static final int LEVEL = 3;

  private final FileChannel file;
  private final ZstdCompressCtx zstd = new ZstdCompressCtx().setLevel(LEVEL);
  private final ByteBuffer bytes = ByteBuffer.allocateDirect(LENGTH);
  private final ByteBuffer compressed = ByteBuffer.allocateDirect((int) Zstd.compressBound(LENGTH));
  private final CRC32C crc = new CRC32C();
  private final List<Frame> frames = new ArrayList<>();

  /**
   * A writer.
   *
   * @param file that is empty, and is closed with this.
   */
  FrameWriter(final FileChannel file) {
    this.file = file;
  }

  @Override
  public void write(final int value) throws IOException {
    bytes.put((byte) value);
    flushIfFull();
  }

  @Override
  public void write(final byte[] from, final int offset, final int length) throws IOException {
    write(ByteBuffer.wrap(from, offset, length));
  }

  void write(final ByteBuffer from) throws IOException {
    while (from.hasRemaining()) {
      final int count = Math.min(from.remaining(), bytes.remaining());
      bytes.put(bytes.position(), from, from.position(), count);
      bytes.position(bytes.position() + count);
      from.position(from.position() + count);
      flushIfFull();
    }
  }

  private void flushIfFull() throws IOException {
    if (!bytes.hasRemaining()) {
      writeFrame();
    }
  }

  private void writeFrame() throws IOException {
    bytes.flip();
    compressed.clear();
    final int length = zstd.compress(compressed, bytes);
    compressed.flip();
    crc.reset();
    crc.update(compressed.duplicate());
    frames.add(
        Frame.newBuilder()
            .setLength(bytes.limit())
            .setCompressedLength(length)
            .setChecksum((int) crc.getValue())
            .build());
    ArchiveFiles.writeAll(file, compressed);
    bytes.clear();
  }

  /** Write the rest, and wait until all of it is on the disk. */
  List<Frame> complete() throws IOException {
    if (bytes.position() > 0) {
      writeFrame();
    }
    file.force(true);
    return List.copyOf(frames);
  }

  @Override
  public void close() throws IOException {
    zstd.close();
    file.close();
  }
}
