package io.vas.benchmarks;

import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.RollbackInfo;
import io.vas.api.v1.SnapshotInfo;
import io.vas.core.VasException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** How long it takes to put a fork back to its snapshot, in place. */
final class RollbackBenchmark implements Benchmark {
  private static final int SIGUSR1 = 10;
  private static final int FEW = 100;
  private static final int MANY = 10_000;
  private static final int MIB = 160;

  @Override
  public String name() {
    return "rollback";
  }

  @Override
  public String description() {
    return "a fork of a process with 160 MiB that has written to some of its pages is put back";
  }

  @Override
  public List<Row> run(final Session session) throws Exception {
    final List<Row> rows = new ArrayList<>();
    rows.add(dirty(session, FEW, new Goal(1500, 400)));
    rows.add(dirty(session, MANY, new Goal(20_000, 9000)));
    rows.addAll(loop(session));
    return rows;
  }

  private Row dirty(final Session session, final int pages, final Goal goal) throws Exception {
    final Options options = session.options();
    final Samples frozen = new Samples();
    final Subject subject = new Subject(session, pages, MIB);
    for (int i = -options.warmUpRounds(); i < options.rounds(); i++) {
      final InstanceInfo asked = session.client().kill(subject.fork.getId(), SIGUSR1);
      session.awaitLines(asked.getId(), i + options.warmUpRounds() + 1);
      final RollbackInfo back = subject.rollback();
      if (i >= 0) {
        frozen.add(TimeUnit.MICROSECONDS.toNanos(back.getFrozenUs()));
      }
    }
    subject.remove();
    return Row.measured(
        name(),
        String.format("rollback with %,d dirty pages, frozen", pages),
        Unit.MICROSECONDS,
        frozen,
        goal);
  }

  private List<Row> loop(final Session session) throws Exception {
    final Options options = session.options();
    final Samples inDaemon = new Samples();
    final Samples byClient = new Samples();
    final Subject subject = new Subject(session, 1, 1);
    for (int i = -options.warmUpRounds(); i < options.rounds(); i++) {
      final long begin = System.nanoTime();
      final RollbackInfo back = subject.rollback();
      if (i >= 0) {
        byClient.add(System.nanoTime() - begin);
        inDaemon.add(TimeUnit.MICROSECONDS.toNanos(back.getTotalUs()));
      }
    }
    subject.remove();
    return List.of(
        Row.measured(
            name(),
            "one of many rollbacks of a small program, inside the daemon",
            Unit.MICROSECONDS,
            inDaemon,
            new Goal(1000, 200)),
        Row.measured(
            name(),
            "the same through the Java client",
            Unit.MICROSECONDS,
            byClient,
            new Goal(2000, 500)));
  }

  /** A fork that is put back to its snapshot. */
  private static final class Subject {
    private final Session session;
    private final InstanceInfo original;
    private final SnapshotInfo snapshot;
    private final ForkInfo fork;

    Subject(final Session session, final int pages, final int mebibytes) throws Exception {
      this.session = session;
      original = session.runHelper("dirty", Integer.toString(pages), Integer.toString(mebibytes));
      snapshot = session.client().snapshot(original.getId(), session.name("snapshot"));
      fork = session.client().fork(snapshot.getId(), 1).get(0);
    }

    RollbackInfo rollback() {
      final RollbackInfo back = session.client().rollback(fork.getId(), snapshot.getId());
      if (!back.getInPlace()) {
        throw new VasException("it was not put back in place: " + back.getReason());
      }
      return back;
    }

    void remove() {
      session.remove(List.of(fork.getId(), original.getId(), snapshot.getId()));
    }
  }
}
