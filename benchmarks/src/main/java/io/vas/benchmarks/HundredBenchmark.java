package io.vas.benchmarks;

import io.vas.api.v1.ForkInfo;
import io.vas.core.VasException;
import io.vas.core.linux.NetworkNamespace;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/** Many forks at once. */
final class HundredBenchmark implements Benchmark {
  private static final Goal GOAL = new Goal(1e6, 200e3);
  private static final int FORKS = 100;
  private static final int ROUNDS = 5;
  private static final int DIGESTS = 10;
  private static final Duration ANSWER = Duration.ofSeconds(30);
  private static final long PAUSE_MILLIS = 500;
  private static final long FORK_BYTES = 4 * ByteSize.MIB;

  @Override
  public String name() {
    return "hundred";
  }

  @Override
  public String description() {
    return "100 forks, all answering PING; then the digest of the data asked of ten of them";
  }

  @Override
  public List<Row> run(final Session session) throws Exception {
    final Options options = session.options();
    final Redis redis = session.redis(options.bytes());
    session.requireMemory(FORKS * FORK_BYTES);
    final Samples pongs = new Samples();
    final Samples forked = new Samples();
    final Samples digests = new Samples();
    final int rounds = options.rounds(ROUNDS);
    for (int i = Math.min(options.warmUpRounds(), 1) == 0 ? 0 : -1; i < rounds; i++) {
      final long begin = System.nanoTime();
      final List<ForkInfo> forks = redis.fork(FORKS);
      final long afterForks = System.nanoTime();
      try {
        pingAll(forks);
        if (i >= 0) {
          pongs.add(System.nanoTime() - begin);
          forked.add(afterForks - begin);
        }
        if (i == rounds - 1) {
          session.say("asking ten forks for a digest of their data");
          compareDigests(redis, forks, digests);
        }
      } finally {
        session.remove(forks.stream().map(ForkInfo::getId).toList());
      }
      Session.pause(PAUSE_MILLIS);
    }
    final String what = "100 forks, to the last PONG, Redis with " + ByteSize.text(options.bytes());
    return List.of(
        Row.measured(name(), what, Unit.MICROSECONDS, pongs, GOAL),
        Row.measured(name(), "  of it: vas fork -n 100", Unit.MICROSECONDS, forked),
        Row.measured(
            name(),
            "DEBUG DIGEST of a fork; all equal the original's",
            Unit.MICROSECONDS,
            digests));
  }

  private static void pingAll(final List<ForkInfo> forks) throws Exception {
    final AtomicInteger next = new AtomicInteger();
    final int threads = Runtime.getRuntime().availableProcessors();
    final ExecutorService probes = Executors.newFixedThreadPool(threads);
    try {
      final List<Future<?>> results = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        results.add(
            probes.submit(
                () -> {
                  for (int k = next.getAndIncrement();
                      k < forks.size();
                      k = next.getAndIncrement()) {
                    NetworkNamespace.enter(forks.get(k).getPid());
                    try (RespConnection connection = RespConnection.open(ANSWER)) {
                      PongBenchmark.ping(connection);
                    }
                  }
                  return null;
                }));
      }
      for (final Future<?> result : results) {
        result.get();
      }
    } finally {
      probes.shutdown();
    }
  }

  private static void compareDigests(
      final Redis redis, final List<ForkInfo> forks, final Samples nanos) throws Exception {
    final String expected = digest(redis.instance().getPid());
    for (final ForkInfo fork : forks.subList(0, DIGESTS)) {
      final long begin = System.nanoTime();
      final String found = digest(fork.getPid());
      nanos.add(System.nanoTime() - begin);
      if (!found.equals(expected)) {
        throw new VasException(
            "the data of fork " + fork.getName() + " differ: " + found + ", not " + expected);
      }
    }
  }

  private static String digest(final int pid) throws Exception {
    try (RespConnection connection = Redis.connect(pid)) {
      return connection.ask("DEBUG", "DIGEST");
    }
  }
}
