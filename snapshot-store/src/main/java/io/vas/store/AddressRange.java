package io.vas.store;

/**
 * Addresses that are mapped as one, as far as they have pages.
 *
 * @param space which they are of.
 * @param start first byte, a multiple of the page size.
 * @param end the byte behind the last, a multiple of the page size.
 */
public record AddressRange(int space, long start, long end) {
  /**
   * Addresses.
   *
   * @throws IllegalArgumentException if there are none, or not whole pages.
   */
  public AddressRange {
    if (start < 0 || start >= end || ((start | end) & ((1 << PagePlace.PAGE_SHIFT) - 1)) != 0) {
      throw new IllegalArgumentException("start=" + start + ", end=" + end);
    }
  }
}
