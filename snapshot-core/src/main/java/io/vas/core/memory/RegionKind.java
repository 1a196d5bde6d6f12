package io.vas.core.memory;

/** The two files that hold the pages of a snapshot. */
public enum RegionKind {
  /** Huge pages: dense memory. */
  HUGE(0),
  /** Pages of 4 KiB: short scattered runs. */
  SMALL(1);

  private final int number;

  RegionKind(final int number) {
    this.number = number;
  }

  /**
   * The kind with a number.
   *
   * @param number as in protocol.h.
   * @return its kind.
   * @throws IllegalArgumentException if there is no such kind.
   */
  public static RegionKind of(final int number) {
    return switch (number) {
      case 0 -> HUGE;
      case 1 -> SMALL;
      default -> throw new IllegalArgumentException("no region kind " + number);
    };
  }

  /**
   * The number of this kind.
   *
   * @return as in protocol.h.
   */
  public int number() {
    return number;
  }
}
