package io.vas.benchmarks;

import io.vas.api.v1.ForkInfo;
import java.util.List;

/** What an idle fork costs. */
final class IdleBenchmark implements Benchmark {
  private static final Goal GOAL = new Goal(ByteSize.MIB, ByteSize.MIB / 2.0);
  private static final int FORKS = 10;

  /** Redis has a clock of 100 ms, so it has touched by then what it always touches. */
  private static final long SETTLE_MILLIS = 2000;

  @Override
  public String name() {
    return "idle";
  }

  @Override
  public String description() {
    return "an idle fork's own memory (Pss_Anon), and its page tables (VmPTE)";
  }

  @Override
  public List<Row> run(final Session session) throws Exception {
    final Redis redis = session.redis(session.options().bytes());
    final Samples own = new Samples();
    final Samples tables = new Samples();
    final List<ForkInfo> forks = redis.fork(FORKS);
    try {
      Session.pause(SETTLE_MILLIS);
      for (final ForkInfo fork : forks) {
        own.add(ProcFiles.ownBytes(fork.getPid()));
        tables.add(ProcFiles.pageTableBytes(fork.getPid()));
      }
    } finally {
      session.remove(forks.stream().map(ForkInfo::getId).toList());
    }
    final String what = "own memory of an idle fork, after 2 s";
    return List.of(
        Row.measured(name(), what, Unit.BYTES, own, GOAL),
        Row.measured(name(), "page tables of the same", Unit.BYTES, tables));
  }
}
