package io.vas.benchmarks;

import io.vas.api.StateDirectory;
import io.vas.core.VasException;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;
import java.util.List;

/** How long a short command takes. */
final class CliBenchmark implements Benchmark {
  private static final Goal GOAL = new Goal(400e3, 200e3);
  private static final int ROUNDS = 20;
  private static final int WARM_UP_ROUNDS = 2;

  @Override
  public String name() {
    return "cli";
  }

  @Override
  public String description() {
    return "wall time of vas ps with a running daemon";
  }

  @Override
  public List<Row> run(final Session session) throws IOException, InterruptedException {
    final String home = System.getProperty("vas.home", System.getenv("VAS_HOME"));
    if (home == null) {
      throw new VasException("VAS_HOME does not name the directory of the program vas");
    }
    final ProcessBuilder command =
        new ProcessBuilder(Path.of(home, "vas").toString(), "ps")
            .redirectOutput(Redirect.DISCARD)
            .redirectError(Redirect.INHERIT);
    command.environment().put(StateDirectory.VARIABLE, session.state().path().toString());
    final Samples wall = new Samples();
    for (int i = -WARM_UP_ROUNDS; i < session.options().rounds(ROUNDS); i++) {
      final long begin = System.nanoTime();
      final int code = command.start().waitFor();
      final long nanos = System.nanoTime() - begin;
      if (code != 0) {
        throw new VasException("vas ps ends with exit code " + code);
      }
      if (i >= 0) {
        wall.add(nanos);
      }
    }
    // Then the launcher takes no part, and neither does its archive of classes.
    final String how = System.getenv("VAS_CLASSPATH") == null ? "" : ", with VAS_CLASSPATH";
    return List.of(
        Row.measured(name(), "vas ps, daemon running" + how, Unit.MICROSECONDS, wall, GOAL));
  }
}
