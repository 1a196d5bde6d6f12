package io.vas.benchmarks;

import io.vas.api.StateDirectory;
import io.vas.api.client.VasClient;
import io.vas.api.v1.SnapshotMode;
import io.vas.api.v1.SnapshotRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** A daemon of its own is killed, and the next one has to find what that has left. */
final class RestartBenchmark implements Benchmark {
  private static final int SNAPSHOTS = 1_000;
  private static final int ROUNDS = 5;
  private static final Goal GOAL = new Goal(2_000_000, 700_000);

  /** It changes some memory all the time. */
  private static final List<String> WRITER =
      List.of("sh", "-c", "i=0; while :; do i=$((i + 1)); done");

  @Override
  public String name() {
    return "restart";
  }

  @Override
  public String description() {
    return "kill -9 of a daemon with 1,000 snapshots until the next one answers";
  }

  @Override
  public List<Row> run(final Session session) throws Exception {
    final Path directory = Files.createTempDirectory("vas-bench-restart");
    final StateDirectory state = new StateDirectory(directory.resolve("state"));
    final Samples nanos = new Samples();
    try {
      try (VasClient client = VasClient.connectOrStart(state)) {
        client.run("writer", WRITER);
        session.say("restart: taking " + SNAPSHOTS + " snapshots");
        for (int i = 0; i < SNAPSHOTS; i++) {
          client.snapshot(
              SnapshotRequest.newBuilder().setInstance("writer").setMode(SnapshotMode.LIVE).build(),
              progress -> {});
        }
      }
      for (int i = 0; i < session.options().rounds(ROUNDS); i++) {
        nanos.add(restart(state));
      }
    } finally {
      end(state);
      try (Stream<Path> files = Files.walk(directory)) {
        for (final Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.deleteIfExists(file);
        }
      }
    }
    return List.of(
        Row.measured(
            name(), "killed, until the next daemon lists 1,000", Unit.MICROSECONDS, nanos, GOAL));
  }

  private static long restart(final StateDirectory state) throws Exception {
    final ProcessHandle daemon;
    try (VasClient client = VasClient.connect(state)) {
      daemon = ProcessHandle.of(client.info().getPid()).orElseThrow();
    }
    daemon.destroyForcibly();
    final ProcessHandle ended = daemon.onExit().get();
    final long start = System.nanoTime();
    try (VasClient client = VasClient.connectOrStart(state)) {
      final int found = client.snapshots().size();
      final long took = System.nanoTime() - start;
      if (found != SNAPSHOTS) {
        throw new IllegalStateException(
            found + " snapshots are left by the daemon with pid " + ended.pid());
      }
      return took;
    }
  }

  private static void end(final StateDirectory state) throws Exception {
    final ProcessHandle daemon;
    try (VasClient client = VasClient.connect(state)) {
      daemon = ProcessHandle.of(client.info().getPid()).orElseThrow();
      client.shutdown();
    }
    final ProcessHandle ended = daemon.onExit().get();
    assert !ended.isAlive();
  }
}
