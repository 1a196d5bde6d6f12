package io.vas.store;

/** Some pages that tables have: which, and where they are stored. */
final class PageBatch {
  private static final int CAPACITY = 256;

  private final int[] pages = new int[CAPACITY];
  private final long[] numbers = new long[CAPACITY];
  private final long[] places = new long[CAPACITY];
  private final int[] checksums = new int[CAPACITY];
  private int size;

  /**
   * Add a page.
   *
   * @param page its number in the tables.
   * @param number in its space.
   * @param place where it is stored.
   * @param checksum of what was stored; 0 if it is not known.
   * @return false if there is no room.
   */
  boolean add(final int page, final long number, final long place, final int checksum) {
    if (size == CAPACITY) {
      return false;
    }
    pages[size] = page;
    numbers[size] = number;
    places[size] = place;
    checksums[size] = checksum;
    size++;
    return true;
  }

  int size() {
    return size;
  }

  int page(final int i) {
    return pages[i];
  }

  /** Of a page, in its space. */
  long number(final int i) {
    return numbers[i];
  }

  long place(final int i) {
    return places[i];
  }

  int checksum(final int i) {
    return checksums[i];
  }

  /** How many pages from one on lie side by side, in their space and where they are stored. */
  int sideBySide(final int first, final int most) {
    int count = 1;
    while (count < most
        && first + count < size
        && numbers[first + count] == numbers[first] + count
        && places[first + count] == places[first] + count) {
      count++;
    }
    return count;
  }

  void clear() {
    size = 0;
  }
}
