package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.api.client.VasClient;
import io.vas.api.v1.ForkRequest;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.RollbackInfo;
import io.vas.core.testing.LeakCheck;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random sequences of snapshot, write, rollback, fork and delete, against a model: a number each.
 */
@ExtendWith(LeakCheck.class)
class RollbackModelTest extends CommandLineTest {
  private static final int SIGUSR1 = 10;
  private static final int SIGUSR2 = 12;
  private static final int STEPS = 1000;
  private static final int MOST = 4;
  private static final String VICTIM = System.getProperty("vas.victims.dir") + "/rollback_counter";

  /** An instance, what its number is, and how much it has said. */
  private static final class Counter {
    private final VasClient client;
    private final String id;

    /** Its snapshots, and those that it comes from, with their numbers. */
    private final Map<String, Integer> snapshots;

    private int number;
    private int lines;

    Counter(
        final VasClient client,
        final String id,
        final int number,
        final Map<String, Integer> snapshots) {
      this.client = client;
      this.id = id;
      this.number = number;
      this.snapshots = new LinkedHashMap<>(snapshots);
    }

    void send(final int signal) {
      final InstanceInfo asked = client.kill(id, signal);
      assertThat(asked.getId()).isEqualTo(id);
      lines++;
      await(() -> said().size() >= lines);
    }

    void expectNumber() {
      send(SIGUSR1);
      assertThat(said().get(lines - 1)).isEqualTo(Integer.toString(number));
    }

    List<String> said() {
      return Logs.of(client, id).lines().toList();
    }
  }

  private static Counter start(final VasClient client, final String what) {
    final Counter counter =
        new Counter(client, client.run("", List.of(VICTIM, what)).getId(), 0, Map.of());
    counter.lines = 1;
    await(() -> counter.said().equals(List.of("ready")));
    return counter;
  }

  @ParameterizedTest
  @ValueSource(strings = {"memory", "files"})
  void shouldAgreeWithAModelWhateverIsDone(final String what) {
    final long seed = Long.getLong("vas.rollback.seed", System.nanoTime());
    System.out.println("seed " + seed + " (-Dvas.rollback.seed=" + seed + ")");
    final Random random = new Random(seed);
    try (VasClient client = VasClient.connect(state)) {
      final List<Counter> counters = new ArrayList<>();
      counters.add(start(client, what));
      for (int step = 0; step < STEPS; step++) {
        final Counter counter = counters.get(random.nextInt(counters.size()));
        step(client, random, counters, counter);
        counter.expectNumber();
      }
      counters.forEach(Counter::expectNumber);
    }
  }

  private static void step(
      final VasClient client,
      final Random random,
      final List<Counter> counters,
      final Counter counter) {
    final List<String> known = new ArrayList<>(counter.snapshots.keySet());
    final String one = known.isEmpty() ? "" : known.get(random.nextInt(known.size()));
    switch (known.isEmpty() ? random.nextInt(4) : random.nextInt(10)) {
      case 0, 1, 2 -> {
        counter.send(SIGUSR2);
        counter.number++;
      }
      case 3 -> {
        final String taken = client.snapshot(counter.id, "").getId();
        counter.snapshots.put(taken, counter.number);
      }
      case 4, 5, 6, 7 -> {
        final RollbackInfo back = client.rollback(counter.id, one);
        assertThat(back.getSnapshot()).isEqualTo(one);
        counter.number = counter.snapshots.get(one);
      }
      case 8 -> {
        if (counters.size() < MOST) {
          final String fork =
              client
                  .fork(ForkRequest.newBuilder().setSource(one).setCount(1).build())
                  .get(0)
                  .getId();
          final int number = counter.snapshots.get(one);
          counters.add(new Counter(client, fork, number, Map.of(one, number)));
        }
      }
      default -> {
        if (known.size() > MOST) {
          assertThat(client.rm(List.of(one), false)).containsExactly(one);
          counters.forEach(other -> other.snapshots.remove(one));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"memory", "files"})
  void shouldLeakNothingGoingBackAndForthManyTimes(final String what) {
    try (VasClient client = VasClient.connect(state)) {
      final Counter counter = start(client, what);
      final String first = client.snapshot(counter.id, "").getId();
      counter.send(SIGUSR2);
      final String second = client.snapshot(counter.id, "").getId();
      for (int i = 0; i < STEPS; i++) {
        final RollbackInfo back = client.rollback(counter.id, i % 2 == 0 ? first : second);
        assertThat(back.getInPlace()).as(back.getReason()).isTrue();
        counter.number = i % 2;
        counter.expectNumber();
      }
    }
  }
}
