package io.vas.benchmarks;

/**
 * How to measure.
 *
 * @param rounds of each measurement; those that take seconds take fewer.
 * @param warmUpRounds before those that count.
 * @param bytes what the values in Redis take, where no other size is part of the question.
 */
record Options(int rounds, int warmUpRounds, long bytes) {
  /**
   * Rounds of a measurement that takes long.
   *
   * @param most no more than this.
   */
  int rounds(final int most) {
    return Math.min(rounds, most);
  }
}
