package io.vas.api.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import io.vas.api.StateDirectory;
import io.vas.api.daemon.Daemon;
import io.vas.api.daemon.TestEngine;
import io.vas.api.stats.Counter;
import io.vas.api.stats.Counters;
import io.vas.api.stats.Latency;
import io.vas.core.StoreFullException;
import io.vas.core.UnsupportedException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.Pipe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MainTest {
  @TempDir private Path temporary;

  private CommandLineRun last;
  private StateDirectory state;
  private TestEngine engine;
  private Daemon daemon;

  @BeforeEach
  void startDaemon() throws IOException {
    state = new StateDirectory(temporary.resolve("state"));
    engine = TestEngine.ready(Files.writeString(temporary.resolve("log"), "one\ntwo\n"));
    daemon = Daemon.start(state, directory -> engine);
  }

  @AfterEach
  void endDaemon() {
    daemon.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"ps", "ps --json", "logs web", "logs -f web", "logs --json web"})
  void shouldFailWhenItsOutputCannotBeWritten(final String line) throws IOException {
    try (FileOutputStream full = new FileOutputStream("/dev/full")) {
      final CommandLineRun failed =
          CommandLineRun.into(new ResultStream(full), state, line.split(" ", -1));
      assertThat(failed.err()).startsWith("vas").contains("standard output").hasLineCount(1);
      assertThat(failed.exitCode()).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"--help", "ps --help", "ps", "ps -q", "inspect web", "stats web", "check"})
  void shouldEndSilentlyWhenNobodyReadsOn(final String line) throws IOException {
    final Pipe pipe = Pipe.open();
    pipe.source().close();
    try (OutputStream closed = Channels.newOutputStream(pipe.sink())) {
      final CommandLineRun ended =
          CommandLineRun.into(new ResultStream(closed), state, line.split(" ", -1));
      assertThat(ended.err()).isEmpty();
      assertThat(ended.exitCode()).isEqualTo(141);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"logs -f web", "exec web sleep 60", "ps"})
  void shouldEndSilentlyWhenTold(final String line) {
    final CommandLineRun ended =
        CommandLineRun.endedBy(told -> new Thread(told).start(), state, line.split(" ", -1));
    assertThat(ended.err()).isEmpty();
    assertThat(ended.exitCode()).isEqualTo(130);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "nonsense",
        "ps --nonsense",
        "fork web -n 0",
        "fork web -n 1000000",
        "fork web -n many",
        "fork web --memory-strategy both",
        "fork",
        "run",
        "run --name",
        "run -e =x -- ls",
        "run -w relative -- ls",
        "exec",
        "exec web",
        "exec web -i ls",
        "kill -s NOSUCH web",
        "kill -s 65 web",
        "stop -t -1 web",
        "logs -n 0 web",
        "snapshot web --mode never",
        "snapshot web --timeout 0",
        "snapshot web -t a:b:c",
        "stats web --watch=0",
        "stats --watch=often",
        "daemon --stop --status",
        "daemon --store-size abc",
        "daemon --store-full abc",
        "run -d --name ab! -- ls",
        "fork web -n 10 --name ab!"
      })
  void shouldAnswerWrongUsageInOneLineWithExitCode2(final String line) {
    assertThat(run(line.isEmpty() ? new String[0] : line.split(" ", -1))).isEqualTo(2);
    assertThat(errors()).startsWith("vas").hasLineCount(1);
    assertThat(output()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "inspect nobody",
        "logs nobody",
        "logs -f nobody",
        "exec nobody -- ls",
        "stop nobody",
        "kill nobody",
        "snapshot nobody",
        "stats nobody"
      })
  void shouldNameWhatDoesNotExist(final String line) {
    assertThat(run(line.split(" ", -1))).isEqualTo(1);
    assertThat(errors()).contains("'nobody'").hasLineCount(1);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "run -d --name= -- ls",
        "run -d -w  -- ls",
        "exec -w  web ls",
        "fork web --name ",
        "debug --print web --name ",
        "snapshot web -t ",
        "rollback web ",
        "record web -d --keep ",
        "stats ",
        "store verify ",
        "store save ",
        "daemon --store-size ",
        "daemon --store-full "
      })
  void shouldNotTakeWhatIsEmptyForLeftOut(final String line) {
    assertThat(run(line.split(" ", -1))).isEqualTo(2);
    assertThat(errors()).startsWith("vas").containsAnyOf("it is empty", "''").hasLineCount(1);
    assertThat(output()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "run -d --name %s -- ls",
        "run -d -w %s -- ls",
        "run -d -e =%s -- ls",
        "exec web %s",
        "exec %s ls",
        "fork %s",
        "fork web --name %s",
        "snapshot %s",
        "snapshot web -t %s",
        "snapshot web -t a:%s",
        "rollback web %s",
        "store verify %s",
        "stop %s",
        "stop -t %s web",
        "diff %s %s",
        "timeline %s",
        "%s"
      })
  void shouldSayInOneShortLineWhatIsWrongWithLongWords(final String line) {
    final String[] words = line.replace("%s", "\u00e4".repeat(10_000)).split(" ", -1);
    assertThat(run(words)).isBetween(1, 2);
    assertThat(errors()).startsWith("vas").hasLineCount(1).hasSizeLessThan(600);
    assertThat(errors()).doesNotContain("http2", "INTERNAL");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "run -d --name %s -- ls",
        "run -d -w %s -- ls",
        "exec web %s",
        "inspect %s",
        "fork web --name %s",
        "snapshot web -t %s",
        "stop -t %s web",
        "kill -s %s web",
        "%s"
      })
  void shouldShowControlCharactersEscaped(final String line) {
    final String[] words = line.replace("%s", "no\nbody\u001b[1m").split(" ", -1);
    assertThat(run(words)).isBetween(1, 2);
    assertThat(errors()).startsWith("vas").hasLineCount(1).contains("body\\u001b[1m");
  }

  @ParameterizedTest
  @ValueSource(strings = {"stop", "kill", "pause", "unpause"})
  void shouldNameEachInstanceThatDoesNotExistAndDoTheOthers(final String verb) {
    assertThat(run(verb, "nobody", "web", "noone")).isEqualTo(1);
    assertThat(errors().lines())
        .satisfiesExactly(
            first -> assertThat(first).startsWith("vas " + verb + ": ").contains("'nobody'"),
            second -> assertThat(second).startsWith("vas " + verb + ": ").contains("'noone'"));
    assertThat(output()).isEqualTo("web\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"run --rootfs /srv -- ls", "run -p 80:80 -- ls", "run -m 1g -- ls"})
  void shouldRefuseWhatIsNotThereYetWithExitCode3(final String line) {
    assertThat(run(line.split(" ", -1))).isEqualTo(3);
    assertThat(errors()).contains("not there yet").hasLineCount(1);
  }

  @Test
  void shouldRefuseWhatTheEngineRefuses() {
    engine.failWith(new UnsupportedException(12, 3, "io_uring", "is not supported"));

    assertThat(run("snapshot", "web")).isEqualTo(3);
    assertThat(errors())
        .isEqualTo("vas snapshot: pid 12, descriptor 3, io_uring: is not supported\n");
  }

  @Test
  void shouldReportAFullStore() {
    engine.failWith(new StoreFullException("the store is full: 1 GiB of 1 GiB"));

    assertThat(run("snapshot", "web")).isEqualTo(1);
    assertThat(errors()).isEqualTo("vas snapshot: the store is full: 1 GiB of 1 GiB\n");
  }

  @Test
  void shouldPrintASnapshotAsPromised() {
    assertThat(run("snapshot", "web", "-t", "web:warm", "--json")).isZero();

    final Struct snapshot = object();
    assertThat(snapshot.getFieldsMap().keySet())
        .containsExactlyInAnyOrder(
            "id",
            "instance",
            "parent",
            "frozen_us",
            "total_us",
            "pages",
            "pages_copied",
            "bytes",
            "mode",
            "rounds",
            "delta",
            "frozen_pages",
            "object_pages",
            "other_frozen_us");
    assertThat(snapshot.getFieldsOrThrow("frozen_us").getNumberValue()).isEqualTo(1500);
    assertThat(snapshot.getFieldsOrThrow("parent").hasNullValue()).isTrue();
  }

  @Test
  void shouldPrintForksAsPromised() {
    assertThat(run("fork", "web:warm", "-n", "3", "--json")).isZero();

    assertThat(list()).hasSize(3);
    assertThat(list().get(1).getFieldsMap().keySet())
        .containsExactlyInAnyOrder("id", "instance", "snapshot", "fork_us");
    assertThat(list().get(1).getFieldsOrThrow("fork_us").getNumberValue()).isEqualTo(1401);
  }

  @Test
  void shouldListInstancesAsJson() {
    assertThat(run("ps", "-a", "--json")).isZero();

    final Struct running = list().get(0);
    final Struct exited = list().get(1);
    assertThat(running.getFieldsOrThrow("exit_code").hasNullValue()).isTrue();
    assertThat(text(running, "state")).isEqualTo("running");
    assertThat(exited.getFieldsOrThrow("exit_code").getNumberValue()).isEqualTo(137);
    assertThat(running.getFieldsOrThrow("command").getListValue().getValues(1))
        .isEqualTo(Value.newBuilder().setStringValue("it's \"long\"").build());
  }

  @Test
  void shouldSayTheSameWithAndWithoutTheParser() {
    assertThat(run("ps")).isZero();
    final String bare = output();
    assertThat(run("ps", "-a")).isZero();

    assertThat(bare).hasLineCount(2).contains("web").contains("running");
    assertThat(output()).hasLineCount(3).contains("exited (137)");
    assertThat(run("ps", "--json")).isZero();
    assertThat(output()).startsWith("[");
  }

  @Test
  void shouldPrintIdsOnly() {
    assertThat(run("ps", "-q")).isZero();
    assertThat(output()).isEqualTo(TestEngine.ID + "\n");
  }

  @Test
  void shouldVerifyAndCleanTheStore() {
    assertThat(run("store", "verify")).isEqualTo(1);
    assertThat(output())
        .startsWith("2 snapshots, 1,000 pages read, 1 damaged\n")
        .contains("0123456789ab  a:b   page 0x0");
    assertThat(run("store", "verify", "a:b", "--json")).isEqualTo(1);
    assertThat(output()).contains("\"damage\": \"page 0x0\"");
    assertThat(run("store", "gc")).isZero();
    assertThat(output()).startsWith("pages     4.00 KiB\n");
    assertThat(run("store", "stat", "a:b")).isEqualTo(2);
    assertThat(run("daemon", "--status", "--store-size", "1g")).isEqualTo(2);
  }

  @Test
  void shouldSaveAndLoadSnapshots() {
    assertThat(run("store", "save", "saved", "a:b", "--lineage")).isZero();
    assertThat(output())
        .startsWith("1 snapshots, 8.00 KiB, 4.00 KiB on disk\n")
        .contains("0123456789ab  a:b");
    assertThat(run("store", "save", "saved", "--json")).isZero();
    // The daemon is somewhere else.
    assertThat(output())
        .contains("\"directory\": \"" + Path.of("saved").toAbsolutePath() + "\"")
        .contains("\"file_bytes\": 4096");
    assertThat(run("store", "load", "/saved", "--no-names")).isZero();
    assertThat(output())
        .startsWith("1 snapshots, 8.00 KiB\nba9876543210 was there already\n")
        .contains("0123456789ab  -");
    assertThat(run("store", "save")).isEqualTo(2);
    assertThat(run("store", "save", "/saved", "--lineage")).isEqualTo(2);
    assertThat(run("store", "save", "/saved", "--no-names")).isEqualTo(2);
    assertThat(run("store", "gc", "--lineage")).isEqualTo(2);
    assertThat(run("store", "verify", "a", "b")).isEqualTo(2);
  }

  @Test
  void shouldPrintTheIdOfADetachedInstance() {
    assertThat(run("run", "-d", "--", "sleep", "--name", "9")).isZero();
    assertThat(output()).isEqualTo(TestEngine.ID + "\n");
  }

  @Test
  void shouldFollowTheLogAndReturnTheExitCode() {
    engine.exit.complete(7);

    assertThat(run("run", "--", "sh")).isEqualTo(7);
    assertThat(output()).isEqualTo("one\ntwo\n");
  }

  @Test
  void shouldReturnTheExitCodeOfAVisitor() {
    assertThat(run("exec", "web", "--", "sh", "-c", "cat; echo -e >&2; exit 5")).isEqualTo(5);
    assertThat(output()).isEmpty();
    assertThat(run("exec", "-i", "web", "cat")).isZero();
    assertThat(output()).isEqualTo("typed");
  }

  @Test
  void shouldSayWhichCommandIsNotThere() {
    assertThat(run("exec", "web", "--", "no-such-command")).isEqualTo(1);
    assertThat(errors()).contains("no-such-command").hasLineCount(1);
  }

  @Test
  void shouldPrintLogs() {
    assertThat(run("logs", "web", "--tail", "1")).isZero();
    assertThat(output()).isEqualTo("two\n");
    assertThat(run("logs", "web", "--json")).isZero();
    assertThat(output()).isEqualTo("\"one\"\n\"two\"\n");
  }

  @Test
  void shouldInspectWithTheSameNamesForPeopleAndPrograms() {
    assertThat(run("inspect", "web", "--json")).isZero();
    final Struct details = object();
    assertThat(run("inspect", "web")).isZero();

    assertThat(output()).contains(details.getFieldsMap().keySet());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "check",
        "run",
        "ps",
        "inspect",
        "logs",
        "stats",
        "exec",
        "stop",
        "kill",
        "rm",
        "snapshot",
        "snapshots",
        "fork",
        "demo",
        "bench",
        "daemon"
      })
  void shouldHelpWithAnExample(final String verb) {
    assertThat(run(verb, "--help")).isZero();
    assertThat(output()).contains("Usage: vas " + verb).contains("--json").contains("Example:");
  }

  @Test
  void shouldSayThatNobodyCounts() {
    assertThat(run("stats")).isEqualTo(1);
    assertThat(errors()).startsWith("vas stats: no daemon counts in ").hasLineCount(1);
  }

  @Test
  void shouldPrintCountersWithTheSameNamesForPeopleAndPrograms() {
    try (Counters counters = Counters.create(state.counters())) {
      counters.add(Counter.FORKS_MADE, 1234);
      counters.record(Latency.FORK, 1500);
      counters.set(Counter.STORE_USED, 3L << 20);
      assertThat(run("stats", "--json")).isZero();
      final Struct stats = object();
      assertThat(run("stats")).isZero();

      assertThat(stats.getFieldsMap().keySet())
          .containsExactlyInAnyOrder(
              "pid",
              "running",
              "started",
              "updated",
              "instances",
              "snapshots",
              "pages",
              "forks",
              "rollbacks",
              "recordings",
              "store",
              "guard",
              "latencies");
      assertThat(stats.getFieldsOrThrow("running").getBoolValue()).isTrue();
      final Struct forks = stats.getFieldsOrThrow("forks").getStructValue();
      assertThat(forks.getFieldsOrThrow("made").getNumberValue()).isEqualTo(1234);
      assertThat(output())
          .startsWith("the daemon (pid " + ProcessHandle.current().pid() + ") counts since")
          .containsPattern("forks +made +1,234\n")
          .containsPattern("store +used_bytes +3.00 MiB\n")
          .containsPattern("fork +1 +1.50 ms +1.50 ms +1.50 ms +1.50 ms\n")
          .containsPattern("rollback_frozen +0 +- +- +- +-\n");
      assertThat(run("stats", "--watch", "--help")).isZero();
    }
  }

  @Test
  void shouldPrintWhatAnInstanceUses() {
    assertThat(run("stats", "web", "--json")).isZero();

    assertThat(object().getFieldsMap().keySet())
        .containsExactlyInAnyOrder(
            "id",
            "name",
            "state",
            "cpu_percent",
            "cpu_us",
            "processes",
            "tasks",
            "own_bytes",
            "resident_bytes",
            "page_table_bytes",
            "snapshots",
            "snapshot_bytes");
  }

  @Test
  void shouldStatusTheDaemon() {
    assertThat(run("daemon", "--status", "--json")).isZero();
    assertThat(text(object(), "state_directory")).isEqualTo(state.path().toString());
  }

  private int run(final String... args) {
    last = CommandLineRun.of(state, "typed", args);
    return last.exitCode();
  }

  private String output() {
    return last.out();
  }

  private String errors() {
    return last.err();
  }

  private Struct object() {
    return last.object();
  }

  private List<Struct> list() {
    return last.objects();
  }

  private static String text(final Struct object, final String field) {
    return object.getFieldsOrThrow(field).getStringValue();
  }
}
