package io.vas.benchmarks;

/**
 * What a figure is to be at most or, of those that are better when they are greater, at least.
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
    // Which way is better shows in the goal itself.
    final double sign = aim > reach ? -1 : 1;
    if (sign * value <= sign * aim) {
      return "aim met";
    }
    return sign * value <= sign * reach ? "met" : "reach missed";
  }
}
