package io.vas.benchmarks;

import io.vas.api.v1.Stage;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Times of the stages of snapshots or forks, as the daemon tells them. */
final class Stages {
  /** The stage during which the instance runs still. */
  private static final String BEFORE_FREEZE = "prepare";

  private final Map<String, Samples> samples = new LinkedHashMap<>();

  /**
   * Adds those of one.
   *
   * @param stages of it.
   * @return the stages' times in microseconds.
   */
  Map<String, Long> add(final List<Stage> stages) {
    final Map<String, Long> micros = new LinkedHashMap<>();
    for (final Stage stage : stages) {
      micros.put(stage.getName(), stage.getUs());
      samples
          .computeIfAbsent(stage.getName(), name -> new Samples())
          .add(TimeUnit.MICROSECONDS.toNanos(stage.getUs()));
    }
    return micros;
  }

  /**
   * Adds those of a snapshot, and the frozen time that none of them tells.
   *
   * @param stages of it.
   * @param frozenMicros how long its instance stood still.
   * @return the stages' times in microseconds.
   */
  Map<String, Long> add(final List<Stage> stages, final long frozenMicros) {
    final Map<String, Long> micros = add(stages);
    final long told =
        micros.entrySet().stream()
            .filter(stage -> !stage.getKey().equals(BEFORE_FREEZE))
            .mapToLong(Map.Entry::getValue)
            .sum();
    samples
        .computeIfAbsent("in none of these", name -> new Samples())
        .add(TimeUnit.MICROSECONDS.toNanos(Math.max(0, frozenMicros - told)));
    return micros;
  }

  /** A row for each that took any time. */
  List<Row> rows(final String bench) {
    final List<Row> rows = new ArrayList<>();
    samples.forEach(
        (stage, times) -> {
          if (times.max() > 0) {
            rows.add(Row.measured(bench, "  stage: " + stage, Unit.MICROSECONDS, times));
          }
        });
    return rows;
  }
}
