package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import io.vas.api.cli.CommandLineRun;
import io.vas.core.testing.LeakCheck;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The command line with real instances, against a daemon in this process. */
@ExtendWith(LeakCheck.class)
class EndToEndTest extends CommandLineTest {
  @Test
  void shouldSayWhatACapabilityIs() {
    final CommandLineRun empty = vas("run", "--cap-add=", "--", "true");

    assertThat(empty.exitCode()).isEqualTo(2);
    assertThat(empty.err()).contains("''", "NET_ADMIN").hasLineCount(1);
  }

  @Test
  void shouldShowTheOutputOfACommandAndReturnItsExitCode() {
    final CommandLineRun run = vas("run", "--", "sh", "-c", "echo out; echo err >&2; exit 7");

    assertThat(run.out()).isEqualTo("out\nerr\n");
    assertThat(run.exitCode()).isEqualTo(7);
  }

  @Test
  void shouldRunACommandAsAskedFor() {
    final CommandLineRun run =
        vas(
            "run",
            "--name",
            "asked",
            "-e",
            "A=b c",
            "-w",
            "/tmp",
            "--",
            "sh",
            "-c",
            "echo $$ $A $PWD $HOME");

    assertThat(run.out()).isEqualTo("1 b c /tmp /root\n");
    assertThat(vas("logs", "asked").out()).isEqualTo(run.out());
  }

  @Test
  void shouldListStopAndRemove() {
    final String id = vas("run", "-d", "--name", "web", "--", "sleep", "1000").out().strip();

    assertThat(vas("ps", "-q").out()).isEqualTo(id + "\n");
    assertThat(vas("rm", "web").exitCode()).isEqualTo(1);
    assertThat(vas("rm", "-f", "nobody", "web", "noone").err())
        .isEqualTo("vas rm: there is no instance or snapshot 'nobody', 'noone'\n");
    // sleep has no handler for SIGTERM, and a pid 1 without one does not get it.
    assertThat(vas("stop", "-t", "0", "web").exitCode()).isZero();
    assertThat(vas("ps", "-q").out()).isEmpty();
    assertThat(vas("ps", "-a").out()).contains("exited (137)");
    assertThat(vas("rm", id.substring(0, 6)).out()).isEqualTo(id + "\n");
    assertThat(vas("ps", "-aq").out()).isEmpty();
  }

  @Test
  void shouldSendSignals() {
    run("web", "sh", "-c", "trap 'echo got it; exit 3' USR1; while :; do sleep 0.01; done");
    await(() -> vas("exec", "web", "true").exitCode() == 0);
    await(
        () ->
            vas("kill", "-s", "USR1", "web").exitCode() != 0
                || vas("logs", "web").out().contains("got it"));

    await(() -> vas("ps", "-a").out().contains("exited (3)"));
  }

  @Test
  void shouldPassInputToAVisitor() {
    run("web", "sleep", "1000");

    assertThat(vas("exec", "-i", "web", "--", "tr", "a-z", "A-Z").out()).isEqualTo("TYPED");
    assertThat(
            vas("exec", "-e", "X=1", "-w", "/usr", "web", "--", "sh", "-c", "echo $X $PWD").out())
        .isEqualTo("1 /usr\n");
    assertThat(vas("exec", "web", "--", "sh", "-c", "exit 42").exitCode()).isEqualTo(42);
  }

  @Test
  void shouldForkRedisWithItsData() {
    startRedis("cache");
    assertThat(redis("cache", "SET", "key", "value")).isEqualTo("OK");

    final Struct snapshot = vas("snapshot", "cache", "-t", "cache:warm", "--json").object();
    final List<Struct> forks =
        vas("fork", "cache:warm", "-n", "3", "--name", "f", "--json").objects();

    assertThat(number(snapshot, "pages")).isPositive();
    assertThat(number(snapshot, "frozen_us")).isPositive();
    assertThat(forks).hasSize(3);
    assertThat(forks).allMatch(fork -> text(fork, "snapshot").equals(text(snapshot, "id")));
    assertThat(forks).allMatch(fork -> text(fork, "instance").equals(text(snapshot, "instance")));
    for (final String fork : List.of("f-1", "f-2", "f-3")) {
      assertThat(redis(fork, "GET", "key")).isEqualTo("value");
    }
    redis("f-1", "SET", "key", "other");
    assertThat(redis("f-1", "GET", "key")).isEqualTo("other");
    assertThat(redis("f-2", "GET", "key")).isEqualTo("value");
    assertThat(redis("cache", "GET", "key")).isEqualTo("value");
    assertThat(vas("inspect", "cache:warm", "--json").object().getFieldsOrThrow("forks"))
        .matches(list -> list.getListValue().getValuesCount() == 3);
  }

  @ParameterizedTest
  @ValueSource(strings = {"map", "copy"})
  void shouldForkWithTheSameDigest(final String strategy) {
    startRedis("cache");
    redis("cache", "DEBUG", "POPULATE", "20000", "key", "500");
    final String digest = redis("cache", "DEBUG", "DIGEST");
    assertThat(vas("snapshot", "cache", "-t", "cache:warm").exitCode()).isZero();

    final List<Struct> forks =
        vas("fork", "cache:warm", "-n", "5", "--memory-strategy", strategy, "--json").objects();

    for (final Struct fork : forks) {
      assertThat(redis(text(fork, "id"), "DEBUG", "DIGEST")).isEqualTo(digest);
    }
    assertThat(text(vas("inspect", text(forks.get(0), "id"), "--json").object(), "memory_strategy"))
        .isEqualTo(strategy);
  }

  @Test
  void shouldKeepTwentyForksApartFromOneThatWrites() {
    startRedis("cache");
    redis("cache", "DEBUG", "POPULATE", "100000", "key", "100");
    final String digest = redis("cache", "DEBUG", "DIGEST");
    assertThat(vas("snapshot", "cache", "-t", "cache:warm").exitCode()).isZero();
    final List<String> forks =
        vas("fork", "cache:warm", "-n", "20", "--json").objects().stream()
            .map(fork -> text(fork, "id"))
            .toList();
    assertThat(forks).hasSize(20);
    assertThat(forks).allMatch(fork -> redis(fork, "DEBUG", "DIGEST").equals(digest));

    final String writes =
        "for i = 1, 10000 do redis.call('SET', 'key:' .. i * 7, 'written ' .. i) end";
    redis(forks.get(0), "EVAL", writes, "0");

    assertThat(redis(forks.get(0), "DEBUG", "DIGEST")).isNotEqualTo(digest);
    assertThat(redis(forks.get(0), "GET", "key:70000")).isEqualTo("written 10000");
    assertThat(forks.subList(1, 20))
        .allMatch(fork -> redis(fork, "DEBUG", "DIGEST").equals(digest));
    assertThat(redis("cache", "DEBUG", "DIGEST")).isEqualTo(digest);
  }

  @Test
  void shouldForkAnInstanceAndSnapshotAFork() {
    startRedis("cache");
    redis("cache", "SET", "key", "1");

    final Struct child = vas("fork", "cache", "--name", "child", "--json").objects().get(0);
    redis("child", "SET", "key", "2");
    final Struct second = vas("snapshot", "child", "-t", "child:one", "--json").object();
    final CommandLineRun grandchild = vas("fork", "child:one", "--name", "grandchild");
    assertThat(grandchild.exitCode()).as(grandchild.err()).isZero();

    assertThat(text(second, "parent")).isEqualTo(text(child, "snapshot"));
    assertThat(redis("grandchild", "GET", "key")).isEqualTo("2");
    assertThat(redis("cache", "GET", "key")).isEqualTo("1");
  }

  @ParameterizedTest
  @ValueSource(strings = {"map", "copy"})
  void shouldShareThePagesOfAChainOfSnapshots(final String strategy) {
    startRedis("f-0");
    redis("f-0", "DEBUG", "POPULATE", "20000", "key", "500");
    final Struct first = vas("snapshot", "f-0", "-t", "chain:0", "--json").object();
    final List<String> digests = new ArrayList<>();
    for (int i = 1; i <= 4; i++) {
      final String fork = "f-" + i;
      final CommandLineRun forked =
          vas("fork", "chain:" + (i - 1), "--name", fork, "--memory-strategy", strategy);
      assertThat(forked.exitCode()).as(forked.err()).isZero();
      for (int key = i; key < 20_000; key += 1_000) {
        redis(fork, "SET", "key:" + key, "changed " + i);
      }
      digests.add(redis(fork, "DEBUG", "DIGEST"));
      final Struct next = vas("snapshot", fork, "-t", "chain:" + i, "--json").object();
      if (strategy.equals("map")) {
        assertThat(number(next, "pages_copied")).isLessThan(number(next, "pages") / 2);
        assertThat(number(next, "bytes")).isLessThan(number(first, "bytes") / 2);
      }
    }
    // From the middle, and its beginning: what the others share with it stays.
    assertThat(vas("rm", "-f", "f-0", "f-1", "f-2", "f-3", "f-4").exitCode()).isZero();
    assertThat(vas("rm", "chain:2", "chain:0").exitCode()).isZero();
    for (final int i : List.of(1, 3, 4)) {
      final String fork = "g-" + i;
      assertThat(vas("fork", "chain:" + i, "--name", fork).exitCode()).isZero();
      assertThat(redis(fork, "DEBUG", "DIGEST")).isEqualTo(digests.get(i - 1));
      assertThat(redis(fork, "GET", "key:" + i)).isEqualTo("changed " + i);
    }
  }

  @Test
  void shouldTellWhatTheStoreHolds() {
    startRedis("cache");
    final Struct snapshot = vas("snapshot", "cache", "-t", "cache:warm", "--json").object();
    assertThat(vas("fork", "cache:warm", "--name", "child").exitCode()).isZero();

    final Struct stat = vas("store", "stat", "--json").object();

    assertThat(number(stat, "used_bytes")).isBetween(1L, number(stat, "budget_bytes"));
    assertThat(number(stat, "metadata_bytes")).isPositive();
    final List<Value> entries = stat.getFieldsOrThrow("snapshots").getListValue().getValuesList();
    assertThat(entries).hasSize(1);
    final Struct entry = entries.get(0).getStructValue();
    assertThat(text(entry, "id")).isEqualTo(text(snapshot, "id"));
    assertThat(number(entry, "uses")).isPositive();
    assertThat(vas("store").out()).contains("budget", "cache:warm");
    assertThat(vas("store", "burn").exitCode()).isEqualTo(2);
  }

  @Test
  void shouldKeepForksWhoseSnapshotIsRemoved() {
    startRedis("cache");
    redis("cache", "SET", "key", "value");
    assertThat(vas("snapshot", "cache", "-t", "cache:warm").exitCode()).isZero();
    assertThat(vas("fork", "cache:warm", "--name", "child").exitCode()).isZero();

    assertThat(vas("rm", "cache:warm").exitCode()).isZero();

    assertThat(redis("child", "GET", "key")).isEqualTo("value");
    assertThat(vas("fork", "cache:warm").exitCode()).isEqualTo(1);
  }

  @Test
  void shouldGiveEachForkALogOfItsOwn() {
    run("web", "sh", "-c", "echo begun; exec sleep 1000");
    await(() -> vas("logs", "web").out().equals("begun\n"));
    assertThat(vas("fork", "web", "--name", "child").exitCode()).isZero();

    assertThat(vas("logs", "child").out()).isEmpty();
    assertThat(vas("logs", "web").out()).isEqualTo("begun\n");
  }

  @Test
  void shouldRefuseANameThatIsTaken() {
    run("web", "sleep", "1000");
    assertThat(vas("snapshot", "web", "-t", "web:a").exitCode()).isZero();

    final CommandLineRun instance = vas("run", "-d", "--name", "web", "--", "sleep", "1");
    final CommandLineRun snapshot = vas("snapshot", "web", "-t", "web:a");
    final CommandLineRun fork = vas("fork", "web:a", "--name", "web");

    assertThat(List.of(instance, snapshot, fork))
        .allSatisfy(
            run -> {
              assertThat(run.exitCode()).isEqualTo(1);
              assertThat(run.err()).hasLineCount(1).contains("web");
            });
    assertThat(ids(vas("ps", "-q"))).hasSize(1);
    assertThat(ids(vas("snapshots", "-q"))).hasSize(1);
  }

  @Test
  void shouldLeaveNothingOfForksThatCouldNotAllBeMade() {
    run("web", "sleep", "1000");
    assertThat(vas("snapshot", "web", "-t", "web:a").exitCode()).isZero();
    assertThat(vas("fork", "web:a", "--name", "f-3").exitCode()).isZero();

    assertThat(vas("fork", "web:a", "-n", "5", "--name", "f").exitCode()).isEqualTo(1);

    assertThat(ids(vas("ps", "-aq"))).hasSize(2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "-1", "1001", "1000000"})
  void shouldRefuseToForkThatMany(final String count) {
    final CommandLineRun fork = vas("fork", "web", "-n", count);

    assertThat(fork.exitCode()).isEqualTo(2);
    assertThat(fork.err()).hasLineCount(1).contains("1 to 1000");
  }

  @Test
  void shouldSayThatACommandIsNotThere() {
    final CommandLineRun run = vas("run", "--", "no-such-command");
    run("web", "sleep", "1000");
    final CommandLineRun exec = vas("exec", "web", "--", "no-such-command");
    final CommandLineRun directory = vas("exec", "-w", "/no/such", "web", "true");

    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).hasLineCount(1).contains("no-such-command");
    assertThat(exec.exitCode()).isEqualTo(1);
    assertThat(exec.err()).hasLineCount(1).contains("no-such-command");
    assertThat(directory.err()).hasLineCount(1).contains("/no/such");
    assertThat(ids(vas("ps", "-aq"))).hasSize(1);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "inspect 4711",
        "logs 4711",
        "exec 4711 ls",
        "stop 4711",
        "kill 4711",
        "rm 4711",
        "snapshot 4711",
        "fork 4711",
        "inspect nobody",
        "fork nobody:none",
        "rm -f nobody"
      })
  void shouldNameWhatDoesNotExist(final String line) {
    final CommandLineRun run = vas(line.split(" ", -1));

    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).hasLineCount(1).containsPattern("4711|nobody");
  }

  @Test
  void shouldRefuseWhatCannotBeSnapshottedAndLeaveItAlone() {
    run("tree", "sh", "-c", "sleep 1000 & wait");
    await(() -> number(vas("stats", "tree", "--json").object(), "processes") == 2);

    final CommandLineRun refused = vas("snapshot", "tree", "-t", "tree:a");

    assertThat(refused.exitCode()).isEqualTo(3);
    assertThat(refused.err()).hasLineCount(1).contains("instance tree").contains("pid ");
    assertThat(vas("snapshots", "-q").out()).isEmpty();
    assertThat(vas("ps").out()).contains("running");
  }

  @Test
  void shouldLeaveNothingOfASnapshotThatTookTooLong() {
    run("web", "sleep", "1000");

    final CommandLineRun late = vas("snapshot", "web", "-t", "web:a", "--timeout", "1ms");

    assertThat(late.exitCode()).isEqualTo(1);
    assertThat(late.err()).hasLineCount(1).contains("web");
    await(() -> vas("snapshots", "-q").out().isEmpty());
    assertThat(vas("ps").out()).contains("running");
    assertThat(vas("snapshot", "web", "-t", "web:a").exitCode()).isZero();
  }

  @Test
  void shouldInspectInstancesAndSnapshots() throws IOException {
    run("web", "sleep", "1000");
    assertThat(vas("snapshot", "web", "-t", "web:a").exitCode()).isZero();

    final Struct instance = vas("inspect", "web", "--json").object();
    final Struct snapshot = vas("inspect", "web:a", "--json").object();

    final long pid = number(instance, "pid");
    assertThat(Files.readString(Path.of("/proc/" + pid + "/comm"))).isEqualTo("sleep\n");
    final Struct memory = instance.getFieldsOrThrow("memory").getStructValue();
    assertThat(number(memory, "own_bytes")).isPositive();
    assertThat(number(memory, "page_table_bytes")).isPositive();
    assertThat(number(snapshot, "threads")).isEqualTo(1);
    assertThat(number(snapshot, "descriptors")).isEqualTo(3);
  }
}
