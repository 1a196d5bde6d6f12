package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.api.cli.CommandLineRun;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** For each test a state directory, whose daemon is a process that its first command starts. */
abstract class DaemonProcessTest {
  @TempDir Path temporary;

  StateDirectory state;

  @BeforeEach
  void chooseDirectory() {
    state = new StateDirectory(temporary.resolve("state"));
  }

  @AfterEach
  void endDaemon() {
    vas("daemon", "--stop");
  }

  CommandLineRun vas(final String... args) {
    return CommandLineRun.of(state, "", args);
  }

  CommandLineRun done(final String... args) {
    final CommandLineRun run = vas(args);
    assertThat(run.exitCode()).as("%s: %s", List.of(args), run.err()).isZero();
    return run;
  }

  static void await(final BooleanSupplier condition) {
    final long begin = System.nanoTime();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime() - begin).isLessThan(TimeUnit.SECONDS.toNanos(30));
      try {
        TimeUnit.MILLISECONDS.sleep(20);
      } catch (final InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  static void end(final int pid, final boolean forcibly) throws Exception {
    final ProcessHandle process = ProcessHandle.of(pid).orElseThrow();
    assertThat(forcibly ? process.destroyForcibly() : process.destroy()).isTrue();
    process.onExit().get(30, TimeUnit.SECONDS);
  }
}
