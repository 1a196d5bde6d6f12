package io.vas.benchmarks;

import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.SnapshotMode;
import io.vas.api.v1.SnapshotRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** How long live snapshots stop a Redis that is written to all the time. */
final class LiveBenchmark implements Benchmark {
  static final int RATE = 5000;

  private static final Goal HALF = new Goal(5000, 2000);
  private static final Goal NEARLY_ALL = new Goal(15_000, 5000);
  private static final int LONGEST_SECONDS = 30;
  private static final long PAUSE_MILLIS = 50;

  @Override
  public String name() {
    return "live";
  }

  @Override
  public String description() {
    return "frozen time of vas snapshot --mode live of a Redis under 5,000 SET/s of random keys";
  }

  @Override
  public List<Row> run(final Session session) throws Exception {
    final Options options = session.options();
    final Redis redis = session.redis(options.bytes());
    session.requireMemory(2 * Redis.memoryBytes(options.bytes()));
    final Samples frozen = new Samples();
    final Samples total = new Samples();
    final Samples frozenPages = new Samples();
    final int seconds = Math.max(3, Math.min(LONGEST_SECONDS, options.rounds()));
    final SnapshotInfo first = take(session, redis);
    final Load.Result result;
    SnapshotInfo previous = first;
    try (Load load = Load.start(session, redis, RATE, seconds)) {
      // The second one is of what was written while nobody looked, and the first under load.
      previous = next(session, redis, previous);
      while (load.isRunning()) {
        previous = next(session, redis, previous);
        frozen.add(TimeUnit.MICROSECONDS.toNanos(previous.getFrozenUs()));
        total.add(TimeUnit.MICROSECONDS.toNanos(previous.getTotalUs()));
        frozenPages.add(previous.getReport().getFrozenPages() * 4096);
        Session.pause(PAUSE_MILLIS);
      }
      result = load.result();
    } finally {
      session.remove(List.of(previous.getId()));
    }
    final String what = "live snapshots of Redis with " + ByteSize.text(options.bytes());
    final List<Row> rows = new ArrayList<>();
    rows.add(
        Row.measured(name(), what + " under 5,000 SET/s, frozen", Unit.MICROSECONDS, frozen, HALF));
    rows.add(
        Row.single(
            name(),
            "the same, p99",
            Unit.MICROSECONDS,
            frozen.count(),
            Unit.MICROSECONDS.ofSample(frozen.p99()),
            NEARLY_ALL));
    rows.add(Row.measured(name(), "copied while frozen", Unit.BYTES, frozenPages));
    rows.add(Row.measured(name(), "in all", Unit.MICROSECONDS, total));
    rows.add(
        Row.single(
            name(), "the first, frozen", Unit.MICROSECONDS, 1, (double) first.getFrozenUs()));
    rows.add(
        Row.single(
            name(),
            "answers to SET meanwhile, p99",
            Unit.MICROSECONDS,
            Math.toIntExact(result.sets()),
            Unit.MICROSECONDS.ofSample(result.answerP99Nanos())));
    return rows;
  }

  private static SnapshotInfo next(
      final Session session, final Redis redis, final SnapshotInfo previous) {
    final SnapshotInfo taken = take(session, redis);
    session.remove(List.of(previous.getId()));
    return taken;
  }

  private static SnapshotInfo take(final Session session, final Redis redis) {
    return take(session, redis.instance().getId());
  }

  /**
   * Takes a live snapshot.
   *
   * @param session to which it belongs.
   * @param instance its id.
   * @return the snapshot, with the report.
   */
  static SnapshotInfo take(final Session session, final String instance) {
    return session
        .client()
        .snapshot(
            SnapshotRequest.newBuilder()
                .setInstance(instance)
                .setName(session.name("live"))
                .setMode(SnapshotMode.LIVE)
                .build(),
            told -> {});
  }
}
