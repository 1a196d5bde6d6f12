package io.vas.core.checkpoint;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/** The build id that the linker left in an ELF file. */
final class BuildId {
  private static final int ELF_MAGIC = 0x464c457f;
  private static final int CLASS_OFFSET = 4;
  private static final int CLASS_64 = 2;
  private static final int HEADER_LENGTH = 64;
  private static final int PROGRAM_HEADERS_OFFSET = 32;
  private static final int PROGRAM_HEADER_LENGTH_OFFSET = 54;
  private static final int PROGRAM_HEADER_COUNT_OFFSET = 56;
  private static final int SEGMENT_FILE_OFFSET = 8;
  private static final int SEGMENT_FILE_SIZE = 32;
  private static final int PT_NOTE = 4;
  private static final int NT_GNU_BUILD_ID = 3;
  private static final int GNU = 0x00554e47;
  private static final int NOTE_HEADER_LENGTH = 12;
  private static final long NOTES_MAX = 1 << 16;

  private BuildId() {}

  /**
   * Read it.
   *
   * @param path a file.
   * @return its build id; empty if it is not an ELF file or has none.
   */
  static Optional<byte[]> of(final String path) {
    try (RandomAccessFile file = new RandomAccessFile(path, "r")) {
      if (file.length() < HEADER_LENGTH) {
        return Optional.empty();
      }
      final ByteBuffer header = read(file, 0, HEADER_LENGTH);
      if (header.getInt(0) != ELF_MAGIC || header.get(CLASS_OFFSET) != CLASS_64) {
        return Optional.empty();
      }
      final int length = Short.toUnsignedInt(header.getShort(PROGRAM_HEADER_LENGTH_OFFSET));
      final int count = Short.toUnsignedInt(header.getShort(PROGRAM_HEADER_COUNT_OFFSET));
      final ByteBuffer segments =
          read(file, header.getLong(PROGRAM_HEADERS_OFFSET), (long) length * count);
      for (int i = 0; i < count; i++) {
        if (segments.getInt(i * length) == PT_NOTE) {
          final Optional<byte[]> found =
              inNotes(
                  read(
                      file,
                      segments.getLong(i * length + SEGMENT_FILE_OFFSET),
                      Math.min(NOTES_MAX, segments.getLong(i * length + SEGMENT_FILE_SIZE))));
          if (found.isPresent()) {
            return found;
          }
        }
      }
      return Optional.empty();
    } catch (final IOException | IndexOutOfBoundsException e) {
      // Whatever it is, the kernel executes it, and the other marks of the file are there.
      return Optional.empty();
    }
  }

  private static Optional<byte[]> inNotes(final ByteBuffer notes) {
    int at = 0;
    while (at + NOTE_HEADER_LENGTH <= notes.limit()) {
      final int nameLength = notes.getInt(at);
      final int length = notes.getInt(at + Integer.BYTES);
      final int type = notes.getInt(at + 2 * Integer.BYTES);
      final int name = at + NOTE_HEADER_LENGTH;
      final int content = name + align(nameLength);
      if (type == NT_GNU_BUILD_ID && nameLength == Integer.BYTES && notes.getInt(name) == GNU) {
        final byte[] id = new byte[length];
        notes.get(content, id);
        return Optional.of(id);
      }
      at = content + align(length);
    }
    return Optional.empty();
  }

  private static int align(final int length) {
    return (length + 3) & ~3;
  }

  private static ByteBuffer read(final RandomAccessFile file, final long offset, final long length)
      throws IOException {
    final byte[] bytes = new byte[Math.toIntExact(length)];
    file.seek(offset);
    file.readFully(bytes);
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
