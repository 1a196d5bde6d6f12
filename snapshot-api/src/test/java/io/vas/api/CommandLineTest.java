package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.google.protobuf.Struct;
import io.vas.api.cli.CommandLineRun;
import io.vas.api.daemon.Daemon;
import io.vas.api.daemon.LocalEngine;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** A daemon of the test's own, and the command line that talks to it. */
abstract class CommandLineTest {
  private static final String[] REDIS = {
    "redis-server", "--bind", "127.0.0.1", "--save", "", "--enable-debug-command", "yes"
  };

  @TempDir private static Path temporary;

  static StateDirectory state;
  static Daemon daemon;

  @BeforeAll
  static void startDaemon() {
    state = new StateDirectory(temporary.resolve("state"));
    daemon = Daemon.start(state, LocalEngine::new);
    // What stays open in this process from the first call on is not left behind by a test.
    assertThat(vas("run", "--name", "first", "--", "true").exitCode()).isZero();
    assertThat(vas("exec", "first", "true").exitCode()).isEqualTo(1);
    removeAll();
  }

  @AfterAll
  static void endDaemon() {
    daemon.close();
  }

  @AfterEach
  void removeWhatIsLeft() {
    removeAll();
  }

  private static void removeAll() {
    final List<String> all = new ArrayList<>(List.of("rm", "-f"));
    all.addAll(ids(vas("ps", "-aq")));
    all.addAll(ids(vas("snapshots", "-q")));
    if (all.size() > 2) {
      assertThat(vas(all.toArray(String[]::new)).exitCode()).isZero();
    }
  }

  static void startRedis(final String name) {
    assumeThat(Path.of("/usr/bin/redis-server")).exists();
    run(name, REDIS);
    await(() -> vas("exec", name, "redis-cli", "PING").out().equals("PONG\n"));
  }

  static String redis(final String name, final String... words) {
    final CommandLineRun run =
        vas(
            Stream.concat(Stream.of("exec", name, "redis-cli"), Arrays.stream(words))
                .toArray(String[]::new));
    assertThat(run.exitCode()).as(run.err()).isZero();
    return run.out().strip();
  }

  static void run(final String name, final String... command) {
    final CommandLineRun run =
        vas(
            Stream.concat(Stream.of("run", "-d", "--name", name, "--"), Arrays.stream(command))
                .toArray(String[]::new));
    assertThat(run.exitCode()).as(run.err()).isZero();
  }

  static CommandLineRun vas(final String... args) {
    return CommandLineRun.of(state, "typed", args);
  }

  static List<String> ids(final CommandLineRun run) {
    return run.out().lines().toList();
  }

  static String text(final Struct object, final String field) {
    return object.getFieldsOrThrow(field).getStringValue();
  }

  static long number(final Struct object, final String field) {
    return (long) object.getFieldsOrThrow(field).getNumberValue();
  }

  static void await(final BooleanSupplier condition) {
    final long begin = System.nanoTime();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime() - begin).isLessThan(TimeUnit.SECONDS.toNanos(20));
      try {
        TimeUnit.MILLISECONDS.sleep(10);
      } catch (final InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
