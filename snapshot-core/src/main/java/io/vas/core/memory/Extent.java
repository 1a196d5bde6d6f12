package io.vas.core.memory;

/**
 * Stored pages that lie side by side, in a space and in one file.
 *
 * @param start address of the first byte, a multiple of the page size.
 * @param length bytes, a multiple of the page size, more than 0.
 * @param file which one, for {@link PageSource#file}.
 * @param offset of the first byte in the file.
 */
public record Extent(long start, long length, long file, long offset) {
  /**
   * The byte behind it.
   *
   * @return start + length.
   */
  public long end() {
    return start + length;
  }

  /**
   * How far its addresses are from its offsets.
   *
   * @return start - offset.
   */
  public long distance() {
    return start - offset;
  }

  /**
   * A part of it.
   *
   * @param from first address.
   * @param to the address behind the last; only what lies within the extent counts.
   * @return the part, which must not be empty.
   */
  public Extent within(final long from, final long to) {
    final long first = Math.max(start, from);
    return new Extent(first, Math.min(end(), to) - first, file, offset + (first - start));
  }
}
