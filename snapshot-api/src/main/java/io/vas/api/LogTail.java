package io.vas.api;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** The last lines of a text file, found from its end. */
public final class LogTail {
  private static final int CHUNK_BYTES = 64 * 1024;

  private LogTail() {}

  /**
   * Where the last lines begin. The last line need not end in a newline.
   *
   * @param file its position is changed.
   * @param lines how many, 1 or more.
   * @return an offset; 0 if there are fewer lines.
   * @throws IOException if the file can't be read.
   */
  public static long start(final RandomAccessFile file, final int lines) throws IOException {
    final byte[] chunk = new byte[CHUNK_BYTES];
    long end = file.length();
    boolean last = true;
    int newlines = 0;
    while (end > 0) {
      final int length = (int) Math.min(CHUNK_BYTES, end);
      file.seek(end - length);
      file.readFully(chunk, 0, length);
      for (int i = length - 1; i >= 0; i--) {
        if (chunk[i] == '\n' && !last && ++newlines == lines) {
          return end - length + i + 1;
        }
        last = false;
      }
      end -= length;
    }
    return 0;
  }

  /**
   * The last lines, for a message.
   *
   * @param file any text file.
   * @param lines how many at most.
   * @return the lines; empty if there are none or the file can't be read.
   */
  public static String read(final Path file, final int lines) {
    try (RandomAccessFile text = new RandomAccessFile(file.toFile(), "r")) {
      final long start = start(text, lines);
      text.seek(start);
      final byte[] bytes = new byte[(int) Math.min(CHUNK_BYTES, text.length() - start)];
      text.readFully(bytes);
      return new String(bytes, StandardCharsets.UTF_8).strip();
    } catch (final IOException e) {
      return "";
    }
  }
}
