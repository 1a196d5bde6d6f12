package io.vas.benchmarks;

import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.ForkRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** How long a fork takes. */
final class ForkBenchmark implements Benchmark {
  private static final Goal GOAL = new Goal(2500, 1400);

  /** The kernel frees an ended instance's namespaces behind its back: that is not measured. */
  static final long PAUSE_MILLIS = 20;

  @Override
  public String name() {
    return "fork";
  }

  @Override
  public String description() {
    return "fork_us of a snapshot of Redis, all namespaces included, nothing made ahead";
  }

  @Override
  public List<Row> run(final Session session) throws Exception {
    final Options options = session.options();
    final Redis redis = session.redis(options.bytes());
    final Samples fork = new Samples();
    final Samples call = new Samples();
    final Stages stages = new Stages();
    for (int i = -options.warmUpRounds(); i < options.rounds(); i++) {
      final ForkRequest request = redis.forkRequest(1);
      final long begin = System.nanoTime();
      final ForkInfo forked = session.client().fork(request).get(0);
      final long nanos = System.nanoTime() - begin;
      if (i >= 0) {
        fork.add(TimeUnit.MICROSECONDS.toNanos(forked.getForkUs()));
        call.add(nanos);
        stages.add(session.stages(forked));
      }
      session.remove(List.of(forked.getId()));
      Session.pause(PAUSE_MILLIS);
    }
    final List<Row> rows = new ArrayList<>();
    final String what = "fork_us of Redis with " + ByteSize.text(options.bytes());
    rows.add(Row.measured(name(), what, Unit.MICROSECONDS, fork, GOAL));
    rows.addAll(stages.rows(name()));
    rows.add(Row.measured(name(), "the call as its client sees it", Unit.MICROSECONDS, call));
    return rows;
  }
}
