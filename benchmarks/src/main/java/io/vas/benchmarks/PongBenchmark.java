package io.vas.benchmarks;

import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.ForkRequest;
import io.vas.core.VasException;
import io.vas.core.linux.NetworkNamespace;
import java.time.Duration;
import java.util.List;

/** How long it takes until a fork serves. */
final class PongBenchmark implements Benchmark {
  private static final Goal GOAL = new Goal(4000, 2000);
  private static final Duration ANSWER = Duration.ofSeconds(10);

  @Override
  public String name() {
    return "pong";
  }

  @Override
  public String description() {
    return "from the fork request to the first PONG, asked from the fork's net namespace";
  }

  @Override
  public List<Row> run(final Session session) throws Exception {
    final Options options = session.options();
    final Redis redis = session.redis(options.bytes());
    final Samples pong = new Samples();
    for (int i = -options.warmUpRounds(); i < options.rounds(); i++) {
      final ForkRequest request = redis.forkRequest(1);
      // The thread that asks for the fork is the probe: nothing is handed over in between.
      final Served served = Namespaces.onThread(() -> serve(session, request));
      if (i >= 0) {
        pong.add(served.nanos());
      }
      session.remove(List.of(served.id()));
      Session.pause(ForkBenchmark.PAUSE_MILLIS);
    }
    final String what = "request to first PONG, Redis with " + ByteSize.text(options.bytes());
    return List.of(Row.measured(name(), what, Unit.MICROSECONDS, pong, GOAL));
  }

  private record Served(String id, long nanos) {}

  private static Served serve(final Session session, final ForkRequest request) throws Exception {
    final long begin = System.nanoTime();
    final ForkInfo forked = session.client().fork(request).get(0);
    NetworkNamespace.enter(forked.getPid());
    try (RespConnection connection = RespConnection.open(ANSWER)) {
      ping(connection);
      return new Served(forked.getId(), System.nanoTime() - begin);
    }
  }

  /**
   * Asks whether it serves.
   *
   * @param connection to a Redis.
   * @throws Exception if it does not.
   */
  static void ping(final RespConnection connection) throws Exception {
    final String answer = connection.ask("PING");
    if (!answer.equals("PONG")) {
      throw new VasException("Redis answers PING by " + answer);
    }
  }
}
