package io.vas.benchmarks;

import io.vas.core.VasException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** A program outside that sets random keys of a Redis in an instance. */
final class Load implements AutoCloseable {
  private static final int VALUE_BYTES = 1024;

  private final Process process;

  /**
   * What it has done.
   *
   * @param sets answered.
   * @param nanos for which it ran.
   * @param answerP99Nanos until Redis has answered, but for the slowest hundredth.
   * @param answerMaxNanos the slowest.
   */
  record Result(long sets, long nanos, long answerP99Nanos, long answerMaxNanos) {
    double perSecond() {
      return sets * 1e9 / nanos;
    }
  }

  private Load(final Process process) {
    this.process = process;
  }

  /**
   * Starts it.
   *
   * @param session whose helper it is.
   * @param redis that is set.
   * @param rate sets a second at most: it waits for each answer, and leaves out what was due
   *     meanwhile; 0: as many as it can.
   * @param seconds for which it runs.
   * @return the running load.
   * @throws IOException if it can't be started.
   */
  static Load start(final Session session, final Redis redis, final int rate, final int seconds)
      throws IOException {
    return new Load(
        new ProcessBuilder(
                session.helper().toString(),
                "load",
                Integer.toString(redis.instance().getPid()),
                Integer.toString(rate),
                Long.toString(redis.bytes() / VALUE_BYTES),
                Integer.toString(seconds))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start());
  }

  boolean isRunning() {
    return process.isAlive();
  }

  /** Waits until its time is over. */
  Result result() throws IOException {
    final String said =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    final List<String> words = List.of(said.split(" ", -1));
    if (words.size() != 5) {
      throw new VasException("the load on Redis says: " + said);
    }
    return new Result(
        Long.parseLong(words.get(0)),
        Long.parseLong(words.get(1)),
        Long.parseLong(words.get(3)),
        Long.parseLong(words.get(4)));
  }

  /** Ends it if it runs. */
  @Override
  public void close() {
    process.destroyForcibly().onExit().join();
  }
}
