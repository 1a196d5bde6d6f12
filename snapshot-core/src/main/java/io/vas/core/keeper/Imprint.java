package io.vas.core.keeper;

/**
 * What there is of the keeper's in the memory of an instance's first process.
 *
 * @param isTracked whether the memory is registered with a userfaultfd of the keeper's.
 * @param areaStart where the area begins that a fork's executor has left; 0: there is none, as in
 *     who has executed another program since.
 * @param areaEnd where it ends.
 */
public record Imprint(boolean isTracked, long areaStart, long areaEnd) {
  /**
   * Whether it is as a fork has it, guarded.
   *
   * @return whether there is an area.
   */
  public boolean isOfFork() {
    return areaEnd != 0;
  }

  /**
   * Whether addresses are in the area.
   *
   * @param start of a range.
   * @param end of the range.
   * @return whether all of it is.
   */
  public boolean covers(final long start, final long end) {
    return start >= areaStart && end <= areaEnd;
  }
}
