package io.vas.core.program;

/**
 * The address of bytes in the program's data area.
 *
 * @param offset of the first byte in the data area.
 * @param length bytes from there to the end of the piece.
 */
public record Data(int offset, int length) implements Value {
  /**
   * The address of a later byte of the same piece.
   *
   * @param bytes 0 to {@link #length()}.
   * @return the rest of the piece from there on.
   */
  public Data plus(final int bytes) {
    if (bytes < 0 || bytes > length) {
      throw new IllegalArgumentException("bytes=" + bytes + " is not in a piece of " + length);
    }
    return new Data(offset + bytes, length - bytes);
  }
}
