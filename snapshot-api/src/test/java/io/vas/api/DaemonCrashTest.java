package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.api.client.VasClient;
import io.vas.api.v1.DaemonInfo;
import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.InstanceState;
import io.vas.api.v1.LogsRequest;
import io.vas.api.v1.RecorderInfo;
import io.vas.api.v1.SnapshotInfo;
import io.vas.core.VasException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The daemon is killed at random moments; nobody who was told that something is done loses it. */
class DaemonCrashTest extends DaemonProcessTest {
  private static final int SOAK_KILLS = 300;
  private static final int KILLS = 6;
  private static final int LONGEST_LIFE_MILLIS = 400;
  private static final int MOST_SNAPSHOTS = 12;
  private static final int MOST_FORKS = 4;

  /** Tells the time, as microseconds, every 20 ms, and has no children. */
  private static final List<String> CLOCK =
      List.of(
          "bash",
          "-c",
          "mkfifo /never; exec 3<>/never;"
              + " while :; do echo ${EPOCHREALTIME/./}; read -r -t 0.02 -u 3; done");

  private final Set<String> snapshots = new HashSet<>();
  private final Set<String> forks = new HashSet<>();

  /** What the operation that was cut off was about: it may be done or not. */
  private final Set<String> doubtful = new HashSet<>();

  private String root;

  @Test
  void shouldLoseNothingWhereverTheDaemonIsKilled() throws Exception {
    kill(KILLS);
  }

  @Test
  @Tag("soak")
  void shouldLoseNothingHoweverOftenTheDaemonIsKilled() throws Exception {
    kill(SOAK_KILLS);
  }

  private void kill(final int times) throws Exception {
    final long seed = Long.getLong("vas.seed", System.nanoTime());
    final Random random = new Random(seed);
    try (VasClient client = VasClient.connectOrStart(state)) {
      root = client.run("root", CLOCK).getId();
      await(client);
      snapshots.add(client.snapshot(root, "").getId());
    }
    final long begin = System.nanoTime();
    for (int i = 0; i < times; i++) {
      try {
        killOnce(random);
        check();
      } catch (final AssertionError | RuntimeException e) {
        throw new AssertionError("seed " + seed + ", kill " + i, e);
      }
    }
    try (VasClient client = VasClient.connectOrStart(state)) {
      // Not asserted: who else is on this machine may have made it wait.
      System.out.printf(
          "seed %d: %d kills in %d s, the longest that the first instance stood still: %d ms%n",
          seed,
          times,
          TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begin),
          longestGap(client));
      final List<String> all = new ArrayList<>(snapshots);
      all.addAll(forks);
      all.add(root);
      client.rm(all, true);
      assertThat(client.info().getStoreBytes()).as("seed %d: bytes leaked", seed).isZero();
    }
  }

  private void await(final VasClient client) throws Exception {
    while (lines(client).length < 2) {
      TimeUnit.MILLISECONDS.sleep(10);
    }
  }

  private String[] lines(final VasClient client) throws IOException {
    final ByteArrayOutputStream out = new ByteArrayOutputStream();
    client.logs(LogsRequest.newBuilder().setInstance(root).build(), out);
    return out.toString(StandardCharsets.US_ASCII).split("\n");
  }

  /** Milliseconds. */
  private long longestGap(final VasClient client) throws IOException {
    long last = 0;
    long longest = 0;
    for (final String line : lines(client)) {
      final long micros = Long.parseLong(line);
      longest = last == 0 ? 0 : Math.max(longest, micros - last);
      last = micros;
    }
    return TimeUnit.MICROSECONDS.toMillis(longest);
  }

  private void killOnce(final Random random) throws Exception {
    final DaemonInfo daemon;
    try (VasClient client = VasClient.connectOrStart(state)) {
      daemon = client.info();
    }
    final int life = random.nextInt(LONGEST_LIFE_MILLIS);
    final long workSeed = random.nextLong();
    final CompletableFuture<Void> work = CompletableFuture.runAsync(() -> work(workSeed));
    try {
      TimeUnit.MILLISECONDS.sleep(life);
    } finally {
      end(daemon.getPid(), true);
    }
    work.get(30, TimeUnit.SECONDS);
  }

  /** Until the daemon is gone. */
  private void work(final long seed) {
    final Random random = new Random(seed);
    try (VasClient client = VasClient.connect(state)) {
      while (true) {
        step(client, random);
        doubtful.clear();
      }
    } catch (final VasException e) {
      assertThat(e).hasMessageNotContaining("no snapshot").hasMessageNotContaining("no instance");
    }
  }

  private void step(final VasClient client, final Random random) {
    final int choice = random.nextInt(8);
    if (choice < 2 || snapshots.size() < 2) {
      snapshots.add(client.snapshot(any(instances(), random), "").getId());
    } else if (choice == 2 && forks.size() < MOST_FORKS) {
      final List<ForkInfo> made = client.fork(any(snapshots, random), 1);
      forks.add(made.get(0).getId());
    } else if (choice == 3 || snapshots.size() > MOST_SNAPSHOTS) {
      remove(client, snapshots, any(snapshots, random));
    } else if (choice == 4 && !forks.isEmpty()) {
      remove(client, forks, any(forks, random));
    } else if (choice == 5) {
      rollBack(client, any(instances(), random));
    } else if (choice == 6) {
      record(client, any(instances(), random));
    } else {
      client.storeGc();
    }
  }

  private List<String> instances() {
    final List<String> all = new ArrayList<>(forks);
    all.add(root);
    return all;
  }

  /** To the latest snapshot of its own, if there is one. */
  private static void rollBack(final VasClient client, final String instance) {
    final boolean hasOwn =
        client.snapshots().stream().anyMatch(taken -> taken.getInstance().equals(instance));
    if (hasOwn) {
      client.rollback(instance, "");
    }
  }

  /** What a recorder takes it removes again, but for the last, which check() finds. */
  private static void record(final VasClient client, final String instance) {
    client.record(instance, Duration.ofMillis(5), "last=1");
    client.snapshots();
    client.stopRecording(instance);
  }

  private void remove(final VasClient client, final Set<String> from, final String id) {
    doubtful.add(id);
    from.remove(id);
    client.rm(List.of(id), true);
  }

  private static String any(final Iterable<String> from, final Random random) {
    final List<String> list = new ArrayList<>();
    from.forEach(list::add);
    return list.get(random.nextInt(list.size()));
  }

  /** With a new daemon. */
  private void check() throws IOException {
    try (VasClient client = VasClient.connectOrStart(state)) {
      // One that goes on recording removes what it has taken.
      for (final RecorderInfo recorder : client.recorders("")) {
        if (recorder.getEndedUnixUs() == 0) {
          client.stopRecording(recorder.getInstance());
        }
      }
      final Set<String> foundSnapshots = new HashSet<>();
      client.snapshots().stream().map(SnapshotInfo::getId).forEach(foundSnapshots::add);
      assertThat(foundSnapshots).as("acknowledged snapshots").containsAll(snapshots);
      final Set<String> foundForks = new HashSet<>();
      for (final InstanceInfo instance : client.ps(true)) {
        if (instance.getState() == InstanceState.RUNNING) {
          assertThat(status(instance.getPid())).as("%s", instance).containsPattern("State:\t[SR]");
          foundForks.add(instance.getId());
        }
      }
      assertThat(foundForks).as("instances").contains(root).containsAll(forks);
      // What was done, but nobody could be told, is as good as what was acknowledged.
      snapshots.addAll(foundSnapshots);
      foundForks.remove(root);
      forks.addAll(foundForks);
      doubtful.clear();
      for (final String fork : foundForks) {
        assertThat(client.exec(fork, "echo", "alive").exitCode()).isZero();
      }
    }
  }

  private static String status(final int pid) throws IOException {
    return Files.readString(Path.of("/proc/" + pid + "/status"));
  }
}
