package io.vas.benchmarks;

import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.SnapshotInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** How long a live snapshot stops an instance that has one already and has written little since. */
final class DeltaBenchmark implements Benchmark {
  private static final int SIGUSR1 = 10;
  private static final int PAGES = 1000;

  @Override
  public String name() {
    return "delta";
  }

  @Override
  public String description() {
    return "a live snapshot of a process with 1 GiB that has one, and has written to 1,000 pages";
  }

  @Override
  public List<Row> run(final Session session) throws Exception {
    final long bytes = session.options().bytes();
    session.requireMemory(4 * bytes);
    final InstanceInfo instance =
        session.runHelper("dirty", Integer.toString(PAGES), Long.toString(bytes / ByteSize.MIB));
    final List<Row> rows = new ArrayList<>();
    rows.addAll(
        series(
            session,
            instance,
            PAGES,
            String.format(
                "delta with %,d dirty pages scattered over %s, frozen",
                PAGES, ByteSize.text(bytes)),
            new Goal(3000, 1200)));
    rows.addAll(series(session, instance, 0, "idle delta, frozen", new Goal(2000, 500)));
    session.remove(List.of(instance.getId()));
    return rows;
  }

  private List<Row> series(
      final Session session,
      final InstanceInfo instance,
      final int dirtyPages,
      final String what,
      final Goal goal)
      throws Exception {
    final Options options = session.options();
    final Samples frozen = new Samples();
    final Samples total = new Samples();
    final Samples stored = new Samples();
    int lines = session.awaitLines(instance.getId(), 1).size();
    SnapshotInfo previous = LiveBenchmark.take(session, instance.getId());
    for (int i = -options.warmUpRounds(); i < options.rounds(); i++) {
      if (dirtyPages > 0) {
        final InstanceInfo asked = session.client().kill(instance.getId(), SIGUSR1);
        lines = session.awaitLines(asked.getId(), lines + 1).size();
      }
      final SnapshotInfo delta = LiveBenchmark.take(session, instance.getId());
      if (i >= 0) {
        frozen.add(TimeUnit.MICROSECONDS.toNanos(delta.getFrozenUs()));
        total.add(TimeUnit.MICROSECONDS.toNanos(delta.getTotalUs()));
        stored.add(delta.getPagesCopied() * 4096);
      }
      session.remove(List.of(previous.getId()));
      previous = delta;
    }
    session.remove(List.of(previous.getId()));
    return List.of(
        Row.measured(name(), what, Unit.MICROSECONDS, frozen, goal),
        Row.measured(name(), "the same, in all", Unit.MICROSECONDS, total),
        Row.measured(name(), "the same, stored", Unit.BYTES, stored));
  }
}
