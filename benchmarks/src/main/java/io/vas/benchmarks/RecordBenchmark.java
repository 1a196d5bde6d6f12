package io.vas.benchmarks;

import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.RecorderInfo;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** What recording costs who is recorded, and how many snapshots a second there can be. */
final class RecordBenchmark implements Benchmark {
  private static final int SIGUSR1 = 10;
  private static final Duration PERIOD = Duration.ofMillis(100);
  private static final Duration SHORT_PERIOD = Duration.ofMillis(2);
  private static final String FEW = "last=3";
  private static final String MANY = "last=100";

  /** Each millisecond: 50 from one snapshot to the next. */
  private static final int PAGES = 25;

  private static final int MIB = 16;
  private static final int SLICE_SECONDS = 10;
  private static final int PAIRS = 6;
  private static final int TICK_PAIRS = 3;

  @Override
  public String name() {
    return "record";
  }

  @Override
  public String description() {
    return "vas record of a Redis under load, and of a process with a timer, against no recording";
  }

  @Override
  public List<Row> run(final Session session) throws Exception {
    final List<Row> rows = new ArrayList<>();
    rows.addAll(load(session, LiveBenchmark.RATE, PAIRS, "5,000 SET/s", new Goal(10, 3)));
    rows.addAll(load(session, 0, 2, "as many SETs as it takes", null));
    rows.addAll(ticks(session));
    return rows;
  }

  /** Slices of time with and without a recorder, in turn: 60 s of each unless rounds are few. */
  private static int sliceSeconds(final Options options) {
    return Math.max(2, Math.min(SLICE_SECONDS, options.rounds() / 5));
  }

  private static int pairs(final Options options, final int most) {
    return Math.max(1, Math.min(most, options.rounds() / 8));
  }

  private List<Row> load(
      final Session session, final int rate, final int most, final String what, final Goal goal)
      throws Exception {
    final Options options = session.options();
    final Redis redis = session.redis(options.bytes());
    session.requireMemory(5 * Redis.memoryBytes(options.bytes()));
    final int pairs = pairs(options, most);
    final int seconds = sliceSeconds(options);
    final String instance = redis.instance().getId();
    double plain = 0;
    double recorded = 0;
    long plainP99 = 0;
    long recordedP99 = 0;
    long taken = 0;
    long skipped = 0;
    for (int i = 0; i < pairs; i++) {
      final Load.Result without = slice(session, redis, rate, seconds);
      plain += without.perSecond() / pairs;
      plainP99 = Math.max(plainP99, without.answerP99Nanos());
      final RecorderInfo begun = session.client().record(instance, PERIOD, FEW);
      final Load.Result with = slice(session, redis, rate, seconds);
      final RecorderInfo ended = session.client().stopRecording(instance);
      recorded += with.perSecond() / pairs;
      recordedP99 = Math.max(recordedP99, with.answerP99Nanos());
      taken += ended.getTaken() - begun.getTaken();
      skipped += ended.getSkipped() - begun.getSkipped();
      session.removeSnapshotsOf(instance);
    }
    final String lost = "lost throughput of Redis, " + what + ", recorded every 100 ms";
    final double percent = 100 * (1 - recorded / plain);
    final double perSecond = (double) taken / (pairs * seconds);
    final int ticks = Math.toIntExact(taken + skipped);
    return List.of(
        goal == null
            ? Row.single(name(), lost, Unit.PERCENT, pairs, percent)
            : Row.single(name(), lost, Unit.PERCENT, pairs, percent, goal),
        Row.single(name(), "SETs without recording", Unit.RATE, pairs, plain),
        Row.single(name(), "snapshots of it", Unit.RATE, ticks, perSecond),
        p99("answers to SET without recording, worst p99", pairs, plainP99),
        p99("answers to SET while it is recorded, worst p99", pairs, recordedP99));
  }

  private Row p99(final String what, final int pairs, final long nanos) {
    return Row.single(name(), what, Unit.MICROSECONDS, pairs, Unit.MICROSECONDS.ofSample(nanos));
  }

  private static Load.Result slice(
      final Session session, final Redis redis, final int rate, final int seconds)
      throws Exception {
    try (Load load = Load.start(session, redis, rate, seconds)) {
      return load.result();
    }
  }

  private List<Row> ticks(final Session session) throws Exception {
    final Options options = session.options();
    final int pairs = pairs(options, TICK_PAIRS);
    final int seconds = sliceSeconds(options);
    final String instance =
        session.runHelper("ticks", Integer.toString(PAGES), Integer.toString(MIB)).getId();
    final Samples plain = new Samples();
    final Samples recorded = new Samples();
    final Samples frozen = new Samples();
    long taken = 0;
    long nanos = 0;
    for (int i = 0; i < pairs; i++) {
      final long unused = lateP99Nanos(session, instance);
      Session.pause(TimeUnit.SECONDS.toMillis(seconds));
      plain.add(lateP99Nanos(session, instance));
      // The first ones come with what the code has to learn.
      session.client().record(instance, SHORT_PERIOD, MANY);
      Session.pause(TimeUnit.SECONDS.toMillis(1));
      final long unusedToo = lateP99Nanos(session, instance);
      final RecorderInfo before = session.client().recorders(instance).get(0);
      final long begin = System.nanoTime();
      Session.pause(TimeUnit.SECONDS.toMillis(seconds));
      final RecorderInfo after = session.client().recorders(instance).get(0);
      nanos += System.nanoTime() - begin;
      recorded.add(lateP99Nanos(session, instance));
      session.client().stopRecording(instance);
      taken += after.getTaken() - before.getTaken();
      frozen.add(
          TimeUnit.MICROSECONDS.toNanos(after.getFrozenUs() - before.getFrozenUs())
              / Math.max(1, after.getTaken() - before.getTaken()));
      session.removeSnapshotsOf(instance);
    }
    session.remove(List.of(instance));
    return List.of(
        Row.single(
            name(),
            "snapshots every 2 ms of a process that writes to 50 pages meanwhile",
            Unit.RATE,
            Math.toIntExact(taken),
            taken * 1e9 / nanos,
            new Goal(100, 500)),
        Row.single(
            name(),
            "p99 of the delay that this adds to its timer of 1 ms",
            Unit.MICROSECONDS,
            pairs,
            Unit.MICROSECONDS.ofSample(Math.max(0, recorded.p50() - plain.p50())),
            new Goal(3000, 1000)),
        Row.measured(name(), "p99 of its delay without that", Unit.MICROSECONDS, plain),
        Row.measured(name(), "it is frozen for, on average", Unit.MICROSECONDS, frozen));
  }

  /** Since the last time it was asked. */
  private static long lateP99Nanos(final Session session, final String instance) throws Exception {
    final int lines = session.awaitLines(instance, 1).size();
    final InstanceInfo asked = session.client().kill(instance, SIGUSR1);
    final List<String> said = session.awaitLines(asked.getId(), lines + 1);
    return Long.parseLong(said.get(lines).split(" ", -1)[1]);
  }
}
