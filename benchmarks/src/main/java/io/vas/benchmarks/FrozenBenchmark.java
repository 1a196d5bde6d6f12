package io.vas.benchmarks;

import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.SnapshotMode;
import io.vas.api.v1.SnapshotRequest;
import io.vas.core.VasException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** How long a snapshot stops an instance that has next to no memory. */
final class FrozenBenchmark implements Benchmark {
  private static final Goal GOAL = new Goal(5000, 1000);

  /** The stages whose time depends on the memory's size. */
  private static final List<String> OF_MEMORY = List.of("scan", "copy");

  @Override
  public String name() {
    return "frozen";
  }

  @Override
  public String description() {
    return "frozen time beyond page scan and copy, of a process with 10 descriptors and 8 threads";
  }

  @Override
  public List<Row> run(final Session session) throws Exception {
    final Options options = session.options();
    final InstanceInfo instance = session.runHelper("threads");
    final Samples rest = new Samples();
    final Samples frozen = new Samples();
    final Stages stages = new Stages();
    for (int i = -options.warmUpRounds(); i < options.rounds(); i++) {
      final SnapshotInfo snapshot =
          session
              .client()
              .snapshot(
                  SnapshotRequest.newBuilder()
                      .setInstance(instance.getId())
                      .setName(session.name("snapshot"))
                      .setMode(SnapshotMode.STOP)
                      .build(),
                  told -> {});
      if (i >= 0) {
        final Map<String, Long> micros =
            stages.add(session.stages(snapshot), snapshot.getFrozenUs());
        frozen.add(TimeUnit.MICROSECONDS.toNanos(snapshot.getFrozenUs()));
        rest.add(TimeUnit.MICROSECONDS.toNanos(beyondMemory(snapshot, micros)));
      }
      session.remove(List.of(snapshot.getId()));
    }
    session.remove(List.of(instance.getId()));
    final List<Row> rows = new ArrayList<>();
    rows.add(
        Row.measured(
            name(),
            "frozen beyond scan and copy, 10 descriptors, 8 threads",
            Unit.MICROSECONDS,
            rest,
            GOAL));
    rows.add(Row.measured(name(), "frozen in all", Unit.MICROSECONDS, frozen));
    rows.addAll(stages.rows(name()));
    return rows;
  }

  private static long beyondMemory(final SnapshotInfo snapshot, final Map<String, Long> stages) {
    long micros = snapshot.getFrozenUs();
    for (final String stage : OF_MEMORY) {
      final Long taken = stages.get(stage);
      if (taken == null) {
        throw new VasException("the daemon tells no time of stage " + stage + ": " + stages);
      }
      micros -= taken;
    }
    return micros;
  }
}
