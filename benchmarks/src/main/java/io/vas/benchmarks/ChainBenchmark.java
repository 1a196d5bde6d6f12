package io.vas.benchmarks;

import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.SnapshotInfo;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Whether forks of a snapshot with many before it are slower. */
final class ChainBenchmark implements Benchmark {
  private static final Goal GOAL = new Goal(2, 1.1);
  private static final int SIGUSR1 = 10;
  private static final int LENGTH = 1000;
  private static final int PAGES = 50;
  private static final int MIB = 64;

  @Override
  public String name() {
    return "chain";
  }

  @Override
  public String description() {
    return "forks from the 1,000th of a chain of live snapshots against forks from the first";
  }

  @Override
  public List<Row> run(final Session session) throws Exception {
    final Options options = session.options();
    session.requireMemory(ByteSize.GIB);
    final InstanceInfo instance =
        session.runHelper("scatter", Integer.toString(PAGES), Integer.toString(MIB));
    final SnapshotInfo first = LiveBenchmark.take(session, instance.getId());
    final SnapshotInfo last = lengthen(session, instance, first);
    // The next three have it laid out anew, in the background.
    final Samples scattered = new Samples();
    scattered.add(TimeUnit.MICROSECONDS.toNanos(fork(session, last)));
    final Samples fromFirst = new Samples();
    final Samples fromLast = new Samples();
    for (int i = -options.warmUpRounds(); i < options.rounds(); i++) {
      final long firstMicros = fork(session, first);
      final long lastMicros = fork(session, last);
      if (i >= 0) {
        fromFirst.add(TimeUnit.MICROSECONDS.toNanos(firstMicros));
        fromLast.add(TimeUnit.MICROSECONDS.toNanos(lastMicros));
      }
    }
    session.remove(List.of(instance.getId()));
    session.removeSnapshotsOf(instance.getId());
    return List.of(
        Row.measured(name(), "fork from the first of a chain", Unit.MICROSECONDS, fromFirst),
        Row.measured(name(), "the very first fork from the last", Unit.MICROSECONDS, scattered),
        Row.measured(
            name(),
            String.format(
                "fork from the last of %,d, each with %d pages of its own, laid out",
                LENGTH, PAGES),
            Unit.MICROSECONDS,
            fromLast),
        Row.ratio(name(), "the last against the first, medians", fromLast, fromFirst, GOAL));
  }

  /** Random pages are written before each: in the end few are where the first has them. */
  private static SnapshotInfo lengthen(
      final Session session, final InstanceInfo instance, final SnapshotInfo first)
      throws Exception {
    session.say("chain: taking 1,000 snapshots");
    SnapshotInfo last = first;
    for (int i = 2; i <= LENGTH; i++) {
      final InstanceInfo asked = session.client().kill(instance.getId(), SIGUSR1);
      session.awaitLines(asked.getId(), i);
      last = LiveBenchmark.take(session, instance.getId());
      if (i == 2 && last.getPagesCopied() > last.getPages() / 2) {
        session.remove(List.of(instance.getId()));
        session.removeSnapshotsOf(instance.getId());
        throw new SkippedException("a live snapshot after another stores all pages again here");
      }
    }
    return last;
  }

  private static long fork(final Session session, final SnapshotInfo snapshot) {
    final ForkInfo fork = session.client().fork(snapshot.getId(), 1).get(0);
    session.remove(List.of(fork.getId()));
    return fork.getForkUs();
  }
}
