package io.vas.benchmarks;

import io.vas.api.v1.ForkInfo;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Whether a fork takes the same time whatever its size. */
final class SizesBenchmark implements Benchmark {
  private static final Goal GOAL = new Goal(1.5, 1.1);
  private static final long SMALL = ByteSize.MIB;
  private static final int TIMES = 4;

  @Override
  public String name() {
    return "sizes";
  }

  @Override
  public String description() {
    return "fork_us of Redis with four times --size against Redis with 1 MiB";
  }

  @Override
  public List<Row> run(final Session session) throws Exception {
    final Options options = session.options();
    final long large = TIMES * options.bytes();
    // Before anything is started: the small one alone says nothing.
    session.requireMemory(2 * Redis.memoryBytes(large));
    final Redis smallRedis = session.redis(SMALL);
    final Redis largeRedis = session.redis(large);
    final Samples smallNanos = new Samples();
    final Samples largeNanos = new Samples();
    // In turn, so that both meet the same machine.
    for (int i = -options.warmUpRounds(); i < options.rounds(); i++) {
      final long small = forkNanos(session, smallRedis);
      final long big = forkNanos(session, largeRedis);
      if (i >= 0) {
        smallNanos.add(small);
        largeNanos.add(big);
      }
    }
    session.remove(largeRedis);
    session.remove(smallRedis);
    final String largeSize = ByteSize.text(large);
    return List.of(
        Row.measured(name(), "fork_us of Redis with 1 MiB", Unit.MICROSECONDS, smallNanos),
        Row.measured(name(), "fork_us of Redis with " + largeSize, Unit.MICROSECONDS, largeNanos),
        Row.ratio(name(), largeSize + " against 1 MiB, medians", largeNanos, smallNanos, GOAL));
  }

  private static long forkNanos(final Session session, final Redis redis) {
    final ForkInfo forked = redis.fork(1).get(0);
    session.remove(List.of(forked.getId()));
    Session.pause(ForkBenchmark.PAUSE_MILLIS);
    return TimeUnit.MICROSECONDS.toNanos(forked.getForkUs());
  }
}
