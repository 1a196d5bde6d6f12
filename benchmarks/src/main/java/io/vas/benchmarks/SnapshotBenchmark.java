package io.vas.benchmarks;

import io.vas.api.cli.Texts;
import io.vas.api.v1.SnapshotInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** How long a snapshot stops an instance, against the plain copying of its pages. */
final class SnapshotBenchmark implements Benchmark {
  private static final Goal GOAL = new Goal(1.3, 1.1);
  private static final int ROUNDS = 10;

  @Override
  public String name() {
    return "snapshot";
  }

  @Override
  public String description() {
    return "frozen time of vas snapshot --mode stop against plain process_vm_readv";
  }

  @Override
  public List<Row> run(final Session session) throws Exception {
    final Options options = session.options();
    final Redis redis = session.redis(options.bytes());
    session.requireMemory(2 * Redis.memoryBytes(options.bytes()));
    final Samples frozen = new Samples();
    final Samples plain = new Samples();
    final Stages stages = new Stages();
    final int threads = Runtime.getRuntime().availableProcessors();
    final long bytes;
    try (PlainCopy copy = PlainCopy.prepare(redis.instance().getPid(), threads)) {
      bytes = copy.bytes();
      for (int i = -Math.min(options.warmUpRounds(), 2); i < options.rounds(ROUNDS); i++) {
        final SnapshotInfo snapshot = redis.takeSnapshot();
        if (i >= 0) {
          frozen.add(TimeUnit.MICROSECONDS.toNanos(snapshot.getFrozenUs()));
          stages.add(session.stages(snapshot), snapshot.getFrozenUs());
        }
        session.remove(List.of(snapshot.getId()));
        final long nanos = copy.run();
        if (i >= 0) {
          plain.add(nanos);
        }
      }
    }
    final String size = Texts.size(bytes);
    final List<Row> rows = new ArrayList<>();
    rows.add(
        Row.measured(
            name(), "frozen, Redis with " + size + " of pages", Unit.MICROSECONDS, frozen));
    rows.addAll(stages.rows(name()));
    rows.add(
        Row.measured(
            name(),
            "process_vm_readv of the same pages, " + threads + " threads",
            Unit.MICROSECONDS,
            plain));
    rows.add(Row.ratio(name(), "frozen against plain copy, medians", frozen, plain, GOAL));
    return rows;
  }
}
