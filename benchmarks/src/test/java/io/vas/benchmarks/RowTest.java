package io.vas.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class RowTest {
  private static final Goal GOAL = new Goal(2500, 1400);

  private static Samples samples(final long... values) {
    final Samples samples = new Samples();
    for (final long value : values) {
      samples.add(value);
    }
    return samples;
  }

  private static String verdict(final long micros) {
    return Row.measured("b", "w", Unit.MICROSECONDS, samples(micros * 1000), GOAL).verdict();
  }

  @Test
  void shouldTellWhetherAGoalIsMet() {
    assertThat(verdict(1300)).isEqualTo("aim met");
    assertThat(verdict(2000)).isEqualTo("met");
    assertThat(verdict(2600)).isEqualTo("reach missed");
  }

  @Test
  void shouldKnowWhichFiguresAreBetterWhenTheyAreGreater() {
    final Goal goal = new Goal(100, 500);

    assertThat(Row.single("b", "w", Unit.RATE, 1, 501, goal).verdict()).isEqualTo("aim met");
    assertThat(Row.single("b", "w", Unit.RATE, 1, 100, goal).verdict()).isEqualTo("met");
    assertThat(Row.single("b", "w", Unit.RATE, 1, 99, goal).verdict()).isEqualTo("reach missed");
  }

  @Test
  void shouldJudgeByTheMedian() {
    final Row row =
        Row.measured("b", "w", Unit.MICROSECONDS, samples(1_000_000, 1_000_000, 90_000_000), GOAL);

    assertThat(row.verdict()).isEqualTo("aim met");
    assertThat(row.figures().orElseThrow().max()).isBetween(90_000.0, 90_100.0);
  }

  @Test
  void shouldCompareMedians() {
    final Row row =
        Row.ratio("b", "w", samples(100, 120, 900), samples(100, 100, 100), new Goal(1.3, 1.1));

    assertThat(row.figures().orElseThrow().p50()).isEqualTo(1.2);
    assertThat(row.verdict()).isEqualTo("met");
    assertThat(row.toJson()).containsEntry("p99", null).containsEntry("unit", "x");
  }

  @Test
  void shouldPrintATable() {
    assertThat(printed(false))
        .isEqualToNormalizingNewlines(
            """
            BENCH  WHAT  N      MIN      P50      P99      MAX    REACH      AIM  VERDICT
            fork   it    1  2.00 ms  2.00 ms  2.00 ms  2.00 ms  2.50 ms  1.40 ms  met
            sizes  that                                                           skipped: no room
            """);
  }

  @Test
  void shouldPrintJson() {
    assertThat(printed(true))
        .contains("\"bench\": \"fork\"", "\"p50\": 2000.", "\"verdict\": \"met\"")
        .contains("\"p50\": null");
  }

  private static String printed(final boolean json) {
    final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    final List<Row> rows =
        List.of(
            Row.measured("fork", "it", Unit.MICROSECONDS, samples(2_000_000), GOAL),
            Row.missing("sizes", "that", "skipped: no room"));
    Report.print(rows, json, new PrintStream(bytes, true, StandardCharsets.UTF_8));
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
