package io.vas.benchmarks;

import io.vas.api.cli.Json;
import io.vas.api.cli.Table;
import java.io.PrintStream;
import java.util.List;

/** Prints rows. */
final class Report {
  private Report() {}

  static void print(final List<Row> rows, final boolean json, final PrintStream out) {
    if (json) {
      out.println(Json.text(rows.stream().map(Row::toJson).toList()));
    } else {
      table(rows).print(out);
    }
    out.flush();
  }

  private static Table table(final List<Row> rows) {
    final Table table =
        new Table(
            "BENCH", "WHAT", ">N", ">MIN", ">P50", ">P99", ">MAX", ">REACH", ">AIM", "VERDICT");
    for (final Row row : rows) {
      final Row.Figures figures = row.figures().orElse(null);
      final Goal goal = row.goal().orElse(null);
      table.add(
          row.bench(),
          row.what(),
          figures == null ? "" : figures.rounds(),
          figures == null ? "" : cell(figures.unit(), figures.min()),
          figures == null ? "" : cell(figures.unit(), figures.p50()),
          figures == null ? "" : cell(figures.unit(), figures.p99()),
          figures == null ? "" : cell(figures.unit(), figures.max()),
          figures == null || goal == null ? "" : figures.unit().text(goal.reach()),
          figures == null || goal == null ? "" : figures.unit().text(goal.aim()),
          row.verdict());
    }
    return table;
  }

  private static String cell(final Unit unit, final double value) {
    return Double.isNaN(value) ? "" : unit.text(value);
  }
}
