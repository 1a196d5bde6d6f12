package io.vas.api.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.ListValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.protobuf.util.JsonFormat;
import io.vas.api.StateDirectory;
import io.vas.api.daemon.Daemon;
import io.vas.api.daemon.TestEngine;
import io.vas.core.StoreFullException;
import io.vas.core.UnsupportedException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MainTest {
  @TempDir private Path temporary;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
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
        "daemon --stop --status"
      })
  void shouldAnswerWrongUsageInOneLineWithExitCode2(final String line) {
    assertThat(run(line.isEmpty() ? new String[0] : line.split(" ", -1))).isEqualTo(2);
    assertThat(errors()).startsWith("vas").hasLineCount(1);
    assertThat(out.size()).isZero();
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
        "snapshot nobody"
      })
  void shouldNameWhatDoesNotExist(final String line) {
    assertThat(run(line.split(" ", -1))).isEqualTo(1);
    assertThat(errors()).contains("'nobody'").hasLineCount(1);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "snapshot web --mode live",
        "run --rootfs /srv -- ls",
        "run -p 80:80 -- ls",
        "run -m 1g -- ls",
        "fork web --paused"
      })
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
  void shouldPrintASnapshotAsPromised() throws InvalidProtocolBufferException {
    assertThat(run("snapshot", "web", "-t", "web:warm", "--json")).isZero();

    final Struct snapshot = object();
    assertThat(snapshot.getFieldsMap().keySet())
        .containsExactlyInAnyOrder(
            "id", "instance", "parent", "frozen_us", "total_us", "pages", "pages_copied", "bytes");
    assertThat(snapshot.getFieldsOrThrow("frozen_us").getNumberValue()).isEqualTo(1500);
    assertThat(snapshot.getFieldsOrThrow("parent").hasNullValue()).isTrue();
  }

  @Test
  void shouldPrintForksAsPromised() throws InvalidProtocolBufferException {
    assertThat(run("fork", "web:warm", "-n", "3", "--json")).isZero();

    final ListValue forks = list();
    assertThat(forks.getValuesList()).hasSize(3);
    assertThat(forks.getValues(1).getStructValue().getFieldsMap().keySet())
        .containsExactlyInAnyOrder("id", "instance", "snapshot", "fork_us");
    assertThat(forks.getValues(1).getStructValue().getFieldsOrThrow("fork_us").getNumberValue())
        .isEqualTo(1401);
  }

  @Test
  void shouldListInstancesAsJson() throws InvalidProtocolBufferException {
    assertThat(run("ps", "-a", "--json")).isZero();

    final Struct running = list().getValues(0).getStructValue();
    final Struct exited = list().getValues(1).getStructValue();
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
    out.reset();
    assertThat(run("ps", "-a")).isZero();

    assertThat(bare).hasLineCount(2).contains("web").contains("running");
    assertThat(output()).hasLineCount(3).contains("exited (137)");
    out.reset();
    assertThat(run("ps", "--json")).isZero();
    assertThat(output()).startsWith("[");
  }

  @Test
  void shouldPrintIdsOnly() {
    assertThat(run("ps", "-q")).isZero();
    assertThat(output()).isEqualTo(TestEngine.ID + "\n");
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
    out.reset();
    assertThat(run("logs", "web", "--json")).isZero();
    assertThat(output()).isEqualTo("\"one\"\n\"two\"\n");
  }

  @Test
  void shouldInspectWithTheSameNamesForPeopleAndPrograms() throws InvalidProtocolBufferException {
    assertThat(run("inspect", "web", "--json")).isZero();
    final Struct details = object();
    out.reset();
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
  void shouldStatusTheDaemon() throws InvalidProtocolBufferException {
    assertThat(run("daemon", "--status", "--json")).isZero();
    assertThat(text(object(), "state_directory")).isEqualTo(state.path().toString());
  }

  private int run(final String... args) {
    err.reset();
    final Console console =
        new Console(
            new ByteArrayInputStream("typed".getBytes(StandardCharsets.UTF_8)),
            new PrintStream(out, true, StandardCharsets.UTF_8),
            new PrintStream(err, true, StandardCharsets.UTF_8),
            false,
            () -> state);
    return Main.run(console, args);
  }

  private String output() {
    return out.toString(StandardCharsets.UTF_8);
  }

  private String errors() {
    return err.toString(StandardCharsets.UTF_8);
  }

  private Struct object() throws InvalidProtocolBufferException {
    final Struct.Builder builder = Struct.newBuilder();
    JsonFormat.parser().merge(output(), builder);
    return builder.build();
  }

  private ListValue list() throws InvalidProtocolBufferException {
    final ListValue.Builder builder = ListValue.newBuilder();
    JsonFormat.parser().merge(output(), builder);
    return builder.build();
  }

  private static String text(final Struct object, final String field) {
    return object.getFieldsOrThrow(field).getStringValue();
  }
}
