package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.google.protobuf.Struct;
import io.vas.core.testing.LeakCheck;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Instances that stand still: pause, unpause, fork --paused and debug. */
@ExtendWith(LeakCheck.class)
class PausedInstancesTest extends CommandLineTest {
  private static final Pattern FRAME = Pattern.compile("#\\d+ +(0x[0-9a-f]+ in )?(\\S+) .*");

  @Test
  void shouldStandStillWhenPausedAndGoOnUnnoticed() throws Exception {
    startRedis("cache");
    redis("cache", "SET", "key", "value");

    assertThat(vas("pause", "cache").exitCode()).isZero();

    final Struct paused = vas("ps", "--json").objects().get(0);
    assertThat(text(paused, "state")).isEqualTo("paused");
    expectTracedAndStopped(number(paused, "pid"));
    assertThat(vas("exec", "cache", "true").exitCode()).isEqualTo(1);
    assertThat(vas("pause", "cache").err()).contains("cache").contains("is paused already");
    assertThat(vas("unpause", "cache").exitCode()).isZero();
    assertThat(redis("cache", "GET", "key")).isEqualTo("value");
    assertThat(vas("unpause", "cache").err()).contains("cache").contains("is not paused");
  }

  private static void expectTracedAndStopped(final long pid) throws IOException {
    try (var tasks = Files.list(Path.of("/proc/" + pid + "/task"))) {
      for (final Path task : tasks.toList()) {
        assertThat(Files.readString(task.resolve("stat"))).contains(") t ");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"map", "copy"})
  void shouldForkPausedInstancesThatGoOnWhenTold(final String strategy) throws Exception {
    startRedis("cache");
    redis("cache", "DEBUG", "POPULATE", "1000", "key", "500");
    final String digest = redis("cache", "DEBUG", "DIGEST");

    final List<Struct> forks =
        vas("fork", "cache", "-n", "2", "--paused", "--memory-strategy", strategy, "--json")
            .objects();

    assertThat(forks).hasSize(2);
    for (final Struct fork : forks) {
      final String id = text(fork, "id");
      final Struct paused = vas("inspect", id, "--json").object();
      assertThat(text(paused, "state")).isEqualTo("paused");
      expectTracedAndStopped(number(paused, "pid"));
      assertThat(vas("unpause", id).exitCode()).isZero();
      assertThat(redis(id, "DEBUG", "DIGEST")).isEqualTo(digest);
    }
  }

  @Test
  void shouldSnapshotAnInstanceThatIsPausedAndLeaveItSo() {
    startRedis("cache");
    redis("cache", "SET", "key", "value");
    assertThat(vas("fork", "cache", "--paused", "--name", "still").exitCode()).isZero();

    assertThat(vas("snapshot", "still", "-t", "still:a").exitCode()).isZero();

    assertThat(vas("ps").out()).contains("paused");
    assertThat(vas("fork", "still:a", "--name", "child").exitCode()).isZero();
    assertThat(redis("child", "GET", "key")).isEqualTo("value");
    assertThat(vas("unpause", "still").exitCode()).isZero();
    assertThat(redis("still", "GET", "key")).isEqualTo("value");
  }

  @Test
  void shouldEndPausedInstances() {
    startRedis("cache");
    assertThat(vas("fork", "cache", "-n", "3", "--name", "p", "--paused").exitCode()).isZero();

    // Redis ends at SIGTERM with 0: it was let go on to do so.
    assertThat(vas("stop", "p-1").exitCode()).isZero();
    assertThat(vas("kill", "p-2").exitCode()).isZero();
    assertThat(vas("rm", "-f", "p-3").exitCode()).isZero();

    await(() -> vas("ps", "-a").out().contains("exited (137)"));
    assertThat(vas("ps", "-a").out()).contains("exited (0)").doesNotContain("p-3");
  }

  @Test
  void shouldShowTheOriginalsBacktraceInADebuggedFork() throws Exception {
    assumeThat(Path.of("/usr/bin/gdb")).exists();
    startRedis("cache");
    final Struct original = vas("inspect", "cache", "--json").object();
    final List<String> expected = backtrace(List.of("gdb", "-p", "" + number(original, "pid")));

    final Struct debugged = vas("debug", "cache", "--print", "--json").object();

    final List<String> command = new ArrayList<>();
    debugged
        .getFieldsOrThrow("command")
        .getListValue()
        .getValuesList()
        .forEach(word -> command.add(word.getStringValue()));
    assertThat(backtrace(command)).isEqualTo(expected).hasSizeGreaterThan(10);
    final String id = text(debugged, "id");
    assertThat(text(vas("inspect", id, "--json").object(), "state")).isEqualTo("paused");
    assertThat(vas("unpause", id).exitCode()).isZero();
    assertThat(redis(id, "PING")).isEqualTo("PONG");
    assertThat(redis("cache", "PING")).isEqualTo("PONG");
  }

  /** The functions on the stacks of all threads. */
  private static List<String> backtrace(final List<String> command) throws Exception {
    final List<String> words = new ArrayList<>(command);
    words.addAll(List.of("-nx", "-batch", "-ex", "thread apply all backtrace"));
    final Process gdb = new ProcessBuilder(words).redirectErrorStream(true).start();
    gdb.getOutputStream().close();
    final String output =
        new String(gdb.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    assertThat(gdb.waitFor()).as(output).isZero();
    final List<String> functions = new ArrayList<>();
    for (final String line : output.lines().toList()) {
      final var frame = FRAME.matcher(line);
      if (frame.matches()) {
        functions.add(frame.group(2));
      }
    }
    return functions;
  }

  @Test
  void shouldRemoveTheForkWhenTheDebuggerHasEnded() {
    assumeThat(Path.of("/usr/bin/gdb")).exists();
    run("web", "sleep", "1000");

    assertThat(vas("debug", "web", "--name", "seen", "--", "-nx", "-batch").exitCode()).isZero();

    assertThat(vas("ps", "-a").out()).contains("web").doesNotContain("seen");
  }
}
