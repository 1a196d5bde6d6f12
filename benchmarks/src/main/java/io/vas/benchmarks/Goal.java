package io.vas.benchmarks;

/**
 * What a figure is to be at most.
 *
 * @param reach missed means that something is wrong.
 * @param aim better than that is not looked for.
 */
record Goal(double reach, double aim) {
  /**
   * What is to be said of a figure.
   *
   * @param value in the goal's unit.
   * @return "aim met", "met", or "reach missed".
   */
  String verdict(final double value) {
    if (value <= aim) {
      return "aim met";
    }
    return value <= reach ? "met" : "reach missed";
  }
}
