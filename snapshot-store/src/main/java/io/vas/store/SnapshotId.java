package io.vas.store;

import java.util.Locale;
import java.util.concurrent.ThreadLocalRandom;

/**
 * The number of a snapshot, 48 bits, shown as 12 hexadecimal digits.
 *
 * @param value 1 to 2^48 - 1.
 */
record SnapshotId(long value) {
  static final int DIGITS = 12;

  private static final long LIMIT = 1L << (4 * DIGITS);

  /*
   * Numbers of descriptors that the keeper holds:
   *
   *   63      56 55                    8 7      0
   *  +----------+-----------------------+--------+
   *  |   'S'    |      snapshot id      |  role  |
   *  +----------+-----------------------+--------+
   */
  static final long HELD_TYPE = (long) 'S' << 56;
  private static final int HELD_ID_SHIFT = 8;
  private static final int HELD_LAYER = 0x10;

  static SnapshotId random() {
    return new SnapshotId(ThreadLocalRandom.current().nextLong(1, LIMIT));
  }

  /**
   * Read one.
   *
   * @throws IllegalArgumentException if it is none.
   */
  static SnapshotId parse(final String text) {
    if (!text.matches("[0-9a-f]{" + DIGITS + "}") || text.equals("0".repeat(DIGITS))) {
      throw new IllegalArgumentException("not the id of a snapshot: " + text);
    }
    return new SnapshotId(Long.parseLong(text, 16));
  }

  /** The keeper's number for the layer. */
  long heldLayer() {
    return HELD_TYPE | (value << HELD_ID_SHIFT) | HELD_LAYER;
  }

  @Override
  public String toString() {
    return String.format(Locale.ROOT, "%0" + DIGITS + "x", value);
  }
}
