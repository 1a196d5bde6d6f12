package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.api.client.VasClient;
import io.vas.api.v1.DaemonInfo;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.InstanceState;
import io.vas.api.v1.RecorderInfo;
import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.StoreGcReply;
import io.vas.api.v1.StoreVerifyReply;
import io.vas.core.VasException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The daemon is killed at random moments; nobody who was told that something is done loses it. */
class DaemonCrashTest extends DaemonProcessTest {
  private static final int SOAK_KILLS = 300;
  private static final int KILLS = 6;

  /** In the first of these a daemon hardly comes to one operation, in the second to many. */
  private static final int SHORT_LIFE_MILLIS = 400;

  private static final int LONG_LIFE_MILLIS = 1500;
  private static final int LONGEST_RECORDING_MILLIS = 100;
  private static final int MOST_SNAPSHOTS = 12;
  private static final int MOST_FORKS = 4;
  private static final long LONGEST_FROZEN_MICROS = TimeUnit.SECONDS.toMicros(1);

  private final Set<String> snapshots = new HashSet<>();
  private final Set<String> forks = new HashSet<>();

  /** What the operation that was cut off was about: it may be done or not. */
  private final Set<String> doubtful = new HashSet<>();

  /** How often the daemon was killed in the middle of what. */
  private final Map<Operation, Integer> cutOff = new EnumMap<>(Operation.class);

  /** What the last daemon was asked for. */
  private final List<Operation> steps = Collections.synchronizedList(new ArrayList<>());

  private Operation current = Operation.SNAPSHOT;
  private ClockInstances clocks;
  private String root;

  private enum Operation {
    SNAPSHOT,
    FORK,
    REMOVE_SNAPSHOT,
    REMOVE_FORK,
    ROLLBACK,
    RECORD,
    COMPACT
  }

  @Test
  void shouldLoseNothingWhereverTheDaemonIsKilled() throws Exception {
    kill(KILLS);
  }

  @Test
  @Tag("soak")
  @Timeout(value = 1, unit = TimeUnit.HOURS)
  void shouldLoseNothingHoweverOftenTheDaemonIsKilled() throws Exception {
    kill(SOAK_KILLS);
    assertThat(cutOff).as("operations that were cut off").containsOnlyKeys(Operation.values());
  }

  private void kill(final int times) throws Exception {
    final long seed = Long.getLong("vas.seed", System.nanoTime());
    System.out.printf("seed %d%n", seed);
    final Random random = new Random(seed);
    try (ClockInstances made = new ClockInstances(temporary)) {
      clocks = made;
      try (VasClient client = VasClient.connectOrStart(state)) {
        root = client.run("root", ClockInstances.COMMAND).getId();
        clocks.awaitTicks(client, root);
        snapshots.add(client.snapshot(root, "").getId());
      }
      final long begin = System.nanoTime();
      for (int i = 0; i < times; i++) {
        try {
          killOnce(random);
          check();
        } catch (final AssertionError | Exception e) {
          throw new AssertionError("seed " + seed + ", kill " + i + ", " + steps, e);
        }
      }
      try (VasClient client = VasClient.connectOrStart(state)) {
        System.out.printf(
            "seed %d: %d kills in %d s, of which in the middle of %s; the longest that an instance"
                + " stood still: %d ms%n",
            seed,
            times,
            TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begin),
            cutOff,
            TimeUnit.MICROSECONDS.toMillis(clocks.longest()));
        checkSnapshots(client);
        final List<String> all = new ArrayList<>(snapshots);
        all.addAll(forks);
        all.add(root);
        client.rm(all, true);
        assertThat(client.info().getStoreBytes()).as("seed %d: bytes leaked", seed).isZero();
      }
    }
  }

  /** Each of them can still be forked, and goes on where it was. */
  private void checkSnapshots(final VasClient client) throws Exception {
    for (final String snapshot : snapshots) {
      final String fork = client.fork(snapshot, 1).get(0).getId();
      clocks.awaitTicks(client, fork);
      client.rm(List.of(fork), true);
    }
  }

  private void killOnce(final Random random) throws Exception {
    final DaemonInfo daemon;
    try (VasClient client = VasClient.connectOrStart(state)) {
      daemon = client.info();
    }
    final int life = random.nextInt(random.nextBoolean() ? SHORT_LIFE_MILLIS : LONG_LIFE_MILLIS);
    final long workSeed = random.nextLong();
    steps.clear();
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
    final Operation favourite = any(Operation.values(), random);
    try (VasClient client = VasClient.connect(state)) {
      try {
        while (true) {
          step(client, random.nextBoolean() ? favourite : any(Operation.values(), random), random);
          doubtful.clear();
        }
      } catch (final VasException e) {
        assertThat(e).hasMessageContaining("the daemon has gone");
        cutOff.merge(current, 1, Integer::sum);
      }
    } catch (final VasException e) {
      assertThat(e).hasMessageContaining("no daemon serves");
    }
  }

  private void step(final VasClient client, final Operation wanted, final Random random) {
    current = possible(wanted);
    steps.add(current);
    switch (current) {
      case SNAPSHOT -> snapshots.add(client.snapshot(any(instances(), random), "").getId());
      case FORK -> forks.add(client.fork(any(snapshots, random), 1).get(0).getId());
      case REMOVE_SNAPSHOT -> remove(client, snapshots, any(snapshots, random));
      case REMOVE_FORK -> remove(client, forks, any(forks, random));
      case ROLLBACK -> rollBack(client, any(instances(), random), random);
      case RECORD -> record(client, any(instances(), random), random);
      case COMPACT -> client.storeGc();
    }
  }

  /** What is wanted, unless there is too little or too much for it. */
  private Operation possible(final Operation wanted) {
    return switch (wanted) {
      case SNAPSHOT ->
          snapshots.size() > MOST_SNAPSHOTS ? Operation.REMOVE_SNAPSHOT : Operation.SNAPSHOT;
      case FORK -> forks.size() >= MOST_FORKS ? Operation.REMOVE_FORK : Operation.FORK;
      case REMOVE_SNAPSHOT -> snapshots.size() < 2 ? Operation.SNAPSHOT : Operation.REMOVE_SNAPSHOT;
      case REMOVE_FORK -> forks.isEmpty() ? Operation.FORK : Operation.REMOVE_FORK;
      default -> wanted;
    };
  }

  private List<String> instances() {
    final List<String> all = new ArrayList<>(forks);
    all.add(root);
    return all;
  }

  /** To one of its own snapshots, if there is any. */
  private static void rollBack(final VasClient client, final String instance, final Random random) {
    final List<String> own =
        client.snapshots().stream()
            .filter(taken -> taken.getInstance().equals(instance))
            .map(SnapshotInfo::getId)
            .toList();
    if (!own.isEmpty()) {
      client.rollback(instance, any(own, random));
    }
  }

  /** What a recorder takes it removes again, but for the last, which check() finds. */
  private static void record(final VasClient client, final String instance, final Random random) {
    client.record(instance, Duration.ofMillis(5), "last=1");
    try {
      TimeUnit.MILLISECONDS.sleep(random.nextInt(LONGEST_RECORDING_MILLIS));
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
    }
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

  private static Operation any(final Operation[] from, final Random random) {
    return from[random.nextInt(from.length)];
  }

  /** With a new daemon. */
  private void check() throws Exception {
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
      for (final String instance : foundForks) {
        assertThat(client.exec(instance, "echo", "alive").exitCode()).isZero();
        clocks.awaitTicks(client, instance);
        assertThat(clocks.stoodStill(client, instance))
            .as("microseconds that instance %s stood still", instance)
            .isLessThan(LONGEST_FROZEN_MICROS);
      }
      foundForks.remove(root);
      forks.addAll(foundForks);
      doubtful.clear();
      final StoreVerifyReply verified = client.storeVerify("", progress -> {});
      assertThat(verified.getDamagedList()).as("damaged snapshots").isEmpty();
      assertThat(verified.getBrokenRecords()).as("broken records").isZero();
      final StoreGcReply garbage = client.storeGc();
      assertThat(garbage.getFreedPageBytes()).as("bytes of pages leaked").isZero();
      assertThat(garbage.getFreedLayerBytes()).as("bytes of layers leaked").isZero();
    }
  }

  private static String status(final int pid) throws IOException {
    return Files.readString(Path.of("/proc/" + pid + "/status"));
  }
}
