package io.vas.benchmarks;

import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.Stage;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Times of the stages of snapshots, as the daemon tells them. */
final class Stages {
  private final Map<String, Samples> samples = new LinkedHashMap<>();

  /**
   * Adds those of a snapshot.
   *
   * @param session of which.
   * @param snapshot that is not removed yet.
   * @return the stages' times in microseconds.
   */
  Map<String, Long> add(final Session session, final SnapshotInfo snapshot) {
    final Map<String, Long> micros = new LinkedHashMap<>();
    for (final Stage stage :
        session.client().inspect(snapshot.getId()).getSnapshot().getStagesList()) {
      micros.put(stage.getName(), stage.getUs());
      samples
          .computeIfAbsent(stage.getName(), name -> new Samples())
          .add(TimeUnit.MICROSECONDS.toNanos(stage.getUs()));
    }
    return micros;
  }

  /** A row for each. */
  List<Row> rows(final String bench) {
    final List<Row> rows = new ArrayList<>();
    samples.forEach(
        (stage, times) ->
            rows.add(Row.measured(bench, "  stage: " + stage, Unit.MICROSECONDS, times)));
    return rows;
  }
}
