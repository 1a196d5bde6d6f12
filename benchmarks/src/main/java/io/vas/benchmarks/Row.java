package io.vas.benchmarks;

import io.vas.api.cli.Json;
import java.util.Map;
import java.util.Optional;

/**
 * A line of the result.
 *
 * @param bench name of the benchmark it belongs to.
 * @param what was measured.
 * @param figures that were measured; none if it could not be.
 * @param goal what p50 is to be at most, if anything.
 * @param verdict on the goal, or why there are no figures; empty if there is nothing to say.
 */
record Row(
    String bench, String what, Optional<Figures> figures, Optional<Goal> goal, String verdict) {

  /**
   * What was measured.
   *
   * @param unit of the figures.
   * @param rounds how often it was measured.
   * @param min the least.
   * @param p50 half of the values are no greater.
   * @param p99 99 of 100 values are no greater.
   * @param max the greatest.
   */
  record Figures(Unit unit, int rounds, double min, double p50, double p99, double max) {}

  private static Row of(
      final String bench, final String what, final Figures figures, final Optional<Goal> goal) {
    return new Row(
        bench,
        what,
        Optional.of(figures),
        goal,
        goal.map(g -> g.verdict(figures.p50())).orElse(""));
  }

  private static Figures figures(final Unit unit, final Samples samples) {
    return new Figures(
        unit,
        samples.count(),
        unit.ofSample(samples.min()),
        unit.ofSample(samples.p50()),
        unit.ofSample(samples.p99()),
        unit.ofSample(samples.max()));
  }

  /** A figure that has a goal. */
  static Row measured(
      final String bench,
      final String what,
      final Unit unit,
      final Samples samples,
      final Goal goal) {
    return of(bench, what, figures(unit, samples), Optional.of(goal));
  }

  /**
   * One figure that comes of many measurements.
   *
   * @param value in the unit; shown as the median.
   */
  static Row single(
      final String bench,
      final String what,
      final Unit unit,
      final int rounds,
      final double value,
      final Goal goal) {
    return of(bench, what, single(unit, rounds, value), Optional.of(goal));
  }

  /** The same of one that explains others. */
  static Row single(
      final String bench,
      final String what,
      final Unit unit,
      final int rounds,
      final double value) {
    return of(bench, what, single(unit, rounds, value), Optional.empty());
  }

  private static Figures single(final Unit unit, final int rounds, final double value) {
    return new Figures(unit, rounds, Double.NaN, value, Double.NaN, Double.NaN);
  }

  /** Figures that were measured elsewhere. */
  static Row measured(final String bench, final String what, final Figures figures) {
    return of(bench, what, figures, Optional.empty());
  }

  /** A figure that explains others. */
  static Row measured(
      final String bench, final String what, final Unit unit, final Samples samples) {
    return of(bench, what, figures(unit, samples), Optional.empty());
  }

  /** How many times one median is another. */
  static Row ratio(
      final String bench,
      final String what,
      final Samples dividend,
      final Samples divisor,
      final Goal goal) {
    final double ratio = (double) dividend.p50() / divisor.p50();
    final int rounds = Math.min(dividend.count(), divisor.count());
    return of(
        bench,
        what,
        new Figures(Unit.RATIO, rounds, Double.NaN, ratio, Double.NaN, Double.NaN),
        Optional.of(goal));
  }

  /** A figure that could not be measured. */
  static Row missing(final String bench, final String what, final String why) {
    return new Row(bench, what, Optional.empty(), Optional.empty(), why);
  }

  /** Its fields for JSON; figures are in the unit, and null where there is none. */
  Map<String, Object> toJson() {
    return Json.object(
        "bench",
        bench,
        "what",
        what,
        "unit",
        figures.map(f -> f.unit().symbol()).orElse(null),
        "rounds",
        figures.map(Figures::rounds).orElse(0),
        "min",
        figures.map(f -> rounded(f.min())).orElse(null),
        "p50",
        figures.map(f -> rounded(f.p50())).orElse(null),
        "p99",
        figures.map(f -> rounded(f.p99())).orElse(null),
        "max",
        figures.map(f -> rounded(f.max())).orElse(null),
        "reach",
        goal.map(Goal::reach).orElse(null),
        "aim",
        goal.map(Goal::aim).orElse(null),
        "verdict",
        verdict);
  }

  /** Two digits after the point are more than is known of any of them. */
  private static Double rounded(final double value) {
    return Double.isNaN(value) ? null : Math.round(value * 100) / 100.0;
  }
}
