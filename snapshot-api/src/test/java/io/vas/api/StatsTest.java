package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Struct;
import io.vas.api.cli.CommandLineRun;
import io.vas.api.client.CountersFile;
import io.vas.api.client.LatencyFigures;
import io.vas.api.stats.Counter;
import io.vas.api.stats.Latency;
import io.vas.core.testing.LeakCheck;
import java.util.EnumMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What the daemon counts when real instances are worked with. */
@ExtendWith(LeakCheck.class)
class StatsTest extends CommandLineTest {
  private final Map<Counter, Long> before = new EnumMap<>(Counter.class);
  private final Map<Latency, LatencyFigures> latenciesBefore = new EnumMap<>(Latency.class);

  private CountersFile counters;

  /** The daemon is that of the whole class, so what counts is what is added. */
  @BeforeEach
  void remember() {
    counters = CountersFile.open(state.counters());
    for (final Counter counter : Counter.values()) {
      before.put(counter, counters.value(counter));
    }
    for (final Latency latency : Latency.values()) {
      latenciesBefore.put(latency, counters.latency(latency));
    }
  }

  private long added(final Counter counter) {
    return counters.value(counter) - before.get(counter);
  }

  private long noted(final Latency latency) {
    return counters.latency(latency).count() - latenciesBefore.get(latency).count();
  }

  private long sumOf(final Latency latency) {
    return counters.latency(latency).sumMicros() - latenciesBefore.get(latency).sumMicros();
  }

  private static Struct done(final String... args) {
    final CommandLineRun run = vas(args);
    assertThat(run.exitCode()).as(run.err()).isZero();
    return run.object();
  }

  private static void expectFailure(final String... args) {
    assertThat(vas(args).exitCode()).isPositive();
  }

  @Test
  void shouldCountSnapshotsAndWhatTheyCost() {
    run("web", "sleep", "1000");
    final Struct live = done("snapshot", "web", "--json");
    final Struct delta = done("snapshot", "web", "--json");
    final Struct stop = done("snapshot", "web", "-t", "web:named", "--mode", "stop", "--json");
    expectFailure("snapshot", "web", "-t", "web:named");

    assertThat(added(Counter.SNAPSHOTS_TAKEN)).isEqualTo(3);
    assertThat(added(Counter.SNAPSHOTS_FAILED)).isEqualTo(1);
    long stored = 0;
    long frozenPages = 0;
    long livePages = 0;
    long bytes = 0;
    long frozen = 0;
    long total = 0;
    for (final Struct one : new Struct[] {live, delta, stop}) {
      stored += number(one, "pages_copied");
      frozenPages += number(one, "frozen_pages");
      livePages +=
          one.getFieldsOrThrow("rounds").getListValue().getValuesList().stream()
              .mapToLong(round -> (long) round.getNumberValue())
              .sum();
      bytes += number(one, "bytes");
      frozen += number(one, "frozen_us");
      total += number(one, "total_us");
    }
    assertThat(added(Counter.PAGES_STORED)).isPositive().isEqualTo(stored);
    assertThat(added(Counter.PAGES_COPIED_LIVE)).isPositive().isEqualTo(livePages);
    assertThat(added(Counter.PAGES_COPIED_FROZEN)).isPositive().isEqualTo(frozenPages);
    assertThat(added(Counter.BYTES_STORED)).isPositive().isEqualTo(bytes);
    assertThat(noted(Latency.FROZEN)).isEqualTo(3);
    assertThat(sumOf(Latency.FROZEN)).isEqualTo(frozen);
    assertThat(noted(Latency.SNAPSHOT)).isEqualTo(3);
    assertThat(sumOf(Latency.SNAPSHOT)).isEqualTo(total);

    assertThat(vas("rm", text(live, "id"), text(stop, "id")).exitCode()).isZero();
    assertThat(added(Counter.SNAPSHOTS_REMOVED)).isEqualTo(2);
    assertThat(added(Counter.SNAPSHOTS_EVICTED)).isZero();
    assertThat(added(Counter.FORKS_MADE)).isZero();
  }

  @Test
  void shouldCountForksAndRollbacks() {
    run("web", "sleep", "1000");
    done("snapshot", "web", "-t", "web:first", "--json");
    final CommandLineRun forks = vas("fork", "web:first", "-n", "3", "--name", "fork", "--json");
    assertThat(forks.exitCode()).as(forks.err()).isZero();
    expectFailure("fork", "nothing");

    assertThat(added(Counter.FORKS_MADE)).isEqualTo(3);
    assertThat(added(Counter.FORKS_FAILED)).isEqualTo(1);
    assertThat(noted(Latency.FORK)).isEqualTo(3);
    assertThat(sumOf(Latency.FORK))
        .isEqualTo(forks.objects().stream().mapToLong(fork -> number(fork, "fork_us")).sum());
    assertThat(counters.latency(Latency.FORK).maxMicros()).isPositive();

    final Struct inPlace = done("rollback", "web", "--json");
    expectFailure("rollback", "web", "nothing");
    expectFailure("rollback", "nobody");

    assertThat(inPlace.getFieldsOrThrow("in_place").getBoolValue()).isTrue();
    assertThat(added(Counter.ROLLBACKS_IN_PLACE)).isEqualTo(1);
    assertThat(added(Counter.ROLLBACKS_FAILED)).isEqualTo(2);
    assertThat(sumOf(Latency.ROLLBACK_FROZEN)).isEqualTo(number(inPlace, "frozen_us"));
    final CommandLineRun changed = vas("exec", "web", "--", "ln", "/etc/passwd", "/linked");
    assertThat(changed.exitCode()).as(changed.err()).isZero();
    final Struct replaced = done("rollback", "web", "--json");
    assertThat(replaced.getFieldsOrThrow("in_place").getBoolValue()).isFalse();
    assertThat(added(Counter.ROLLBACKS_IN_PLACE)).isEqualTo(1);
    assertThat(added(Counter.ROLLBACKS_REPLACED)).isEqualTo(1);
    assertThat(noted(Latency.ROLLBACK_FROZEN)).isEqualTo(2);
    // A fork that takes an instance's place is no new instance.
    assertThat(added(Counter.FORKS_MADE)).isEqualTo(3);
  }

  @Test
  void shouldShowWhatThereIsWithinASecondOrSo() {
    run("web", "sleep", "1000");
    done("snapshot", "web", "-t", "web:first", "--json");
    assertThat(vas("fork", "web:first", "-n", "2").exitCode()).isZero();
    assertThat(vas("record", "-d", "web", "--every", "20ms").exitCode()).isZero();
    await(() -> counters.value(Counter.RECORDINGS_RUNNING) == 1);
    await(() -> counters.value(Counter.INSTANCES_RUNNING) == 3);
    await(() -> added(Counter.RECORDINGS_TAKEN) > 3);
    final Struct ended = done("record", "--stop", "web", "--json");

    assertThat(added(Counter.RECORDINGS_TAKEN)).isEqualTo(number(ended, "taken"));
    assertThat(added(Counter.RECORDINGS_SKIPPED)).isEqualTo(number(ended, "skipped"));
    assertThat(added(Counter.SNAPSHOTS_TAKEN)).isEqualTo(number(ended, "taken") + 1);
    await(() -> counters.value(Counter.RECORDINGS_RUNNING) == 0);
    final Struct store = done("store", "stat", "--json");
    await(() -> counters.value(Counter.SNAPSHOTS_HELD) == number(ended, "taken") + 1);
    await(() -> counters.value(Counter.STORE_USED) == number(store, "used_bytes"));
    assertThat(counters.value(Counter.STORE_BUDGET)).isEqualTo(number(store, "budget_bytes"));
    assertThat(vas("rm", "-f", "web").exitCode()).isZero();
    await(() -> counters.value(Counter.INSTANCES_RUNNING) == 2);
  }

  @Test
  void shouldShowWhatAnInstanceUses() {
    run("web", "sh", "-c", "sleep 1000 & while :; do :; done");
    await(() -> number(done("stats", "web", "--json"), "cpu_us") > 100_000);
    final Struct used = done("stats", "web", "--json");
    final Struct details = done("inspect", "web", "--json");

    assertThat(number(used, "processes")).isEqualTo(2);
    assertThat(number(used, "tasks")).isEqualTo(2);
    assertThat(number(used, "own_bytes")).isPositive();
    assertThat(number(used, "snapshots")).isZero();
    assertThat(details.getFieldsOrThrow("usage").getStructValue().getFieldsMap().keySet())
        .containsExactlyInAnyOrder("cpu_us", "processes", "tasks", "snapshots", "snapshot_bytes");
    assertThat(vas("kill", "web").exitCode()).isZero();
    await(() -> text(done("stats", "web", "--json"), "state").equals("exited"));
    assertThat(number(done("stats", "web", "--json"), "processes")).isZero();

    run("one", "sleep", "1000");
    final Struct snapshot = done("snapshot", "one", "-t", "one:first", "--json");
    final Struct with = done("stats", "one", "--json");
    assertThat(number(with, "snapshots")).isEqualTo(1);
    assertThat(number(with, "snapshot_bytes")).isEqualTo(number(snapshot, "bytes"));
    assertThat(vas("stats", "one").out()).contains("one").hasLineCount(2);
    final CommandLineRun other = vas("stats", "one:first");
    assertThat(other.exitCode()).isEqualTo(1);
    assertThat(other.err())
        .isEqualTo("vas stats: 'one:first' is a snapshot, no instance; vas inspect shows it\n");
  }
}
