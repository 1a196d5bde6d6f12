package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Struct;
import io.vas.api.cli.CommandLineRun;
import io.vas.core.testing.LeakCheck;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Instances are put back to snapshots, by the command line. */
@ExtendWith(LeakCheck.class)
class RollbackTest extends CommandLineTest {
  private static Struct rollback(final String... args) {
    final String[] line = new String[args.length + 2];
    line[0] = "rollback";
    System.arraycopy(args, 0, line, 1, args.length);
    line[args.length + 1] = "--json";
    final CommandLineRun run = vas(line);
    assertThat(run.exitCode()).as(run.err()).isZero();
    return run.object();
  }

  private static void expectRefusal(final String message, final String... args) {
    final CommandLineRun run = vas(args);
    assertThat(run.exitCode()).as(run.out()).isEqualTo(1);
    assertThat(run.err()).contains(message).hasLineCount(1);
  }

  private static String snapshot(final String instance, final String... more) {
    final String[] line = new String[more.length + 3];
    line[0] = "snapshot";
    line[1] = instance;
    System.arraycopy(more, 0, line, 2, more.length);
    line[more.length + 2] = "--json";
    final CommandLineRun run = vas(line);
    assertThat(run.exitCode()).as(run.err()).isZero();
    return text(run.object(), "id");
  }

  @Test
  void shouldPutRedisBackAndForth() {
    startRedis("cache");
    redis("cache", "SET", "key", "first");
    final String first = snapshot("cache", "-t", "cache:first");
    redis("cache", "SET", "key", "second");
    final String second = snapshot("cache");
    redis("cache", "SET", "key", "third");
    final Struct before = vas("inspect", "cache", "--json").object();

    final Struct back = rollback("cache");

    assertThat(text(back, "snapshot")).isEqualTo(second);
    assertThat(text(back, "instance")).isEqualTo(text(before, "id"));
    assertThat(back.getFieldsMap().keySet())
        .containsExactlyInAnyOrder(
            "instance", "snapshot", "frozen_us", "pages_restored", "in_place");
    assertThat(redis("cache", "GET", "key")).isEqualTo("second");
    for (int i = 0; i < 3; i++) {
      assertThat(text(rollback("cache", "cache:first"), "snapshot")).isEqualTo(first);
      assertThat(redis("cache", "GET", "key")).isEqualTo("first");
      redis("cache", "SET", "key", "other");
      rollback("cache", second);
      assertThat(redis("cache", "GET", "key")).isEqualTo("second");
    }
    final Struct after = vas("inspect", "cache", "--json").object();
    for (final String kept : new String[] {"id", "name", "log", "created", "state"}) {
      assertThat(text(after, kept)).isEqualTo(text(before, kept));
    }
    assertThat(vas("ps", "-aq").out()).hasLineCount(1);
  }

  @Test
  void shouldTakeTheSnapshotItWasPutBackToAsTheParentOfTheNext() {
    run("web", "sleep", "1000");
    final String first = snapshot("web");
    snapshot("web");

    rollback("web", first);

    assertThat(text(rollback("web"), "snapshot")).isEqualTo(first);
    final String third = snapshot("web");
    assertThat(text(vas("inspect", third, "--json").object(), "parent")).isEqualTo(first);
  }

  @Test
  void shouldPutAForkBackToWhereItComesFrom() {
    startRedis("cache");
    redis("cache", "SET", "key", "first");
    final String first = snapshot("cache");
    assertThat(vas("fork", first, "--name", "fork").exitCode()).isZero();
    redis("fork", "SET", "key", "second");
    snapshot("fork");
    redis("cache", "SET", "key", "third");

    rollback("fork", first);

    assertThat(redis("fork", "GET", "key")).isEqualTo("first");
    assertThat(redis("cache", "GET", "key")).isEqualTo("third");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "pages",
        "move",
        "heap",
        "pipe",
        "open",
        "close",
        "thread-start",
        "thread-end",
        "fork",
        "files"
      })
  void shouldUndoWhatAVictimHasChanged(final String what) {
    run("victim", System.getProperty("vas.victims.dir") + "/rollback_changes", what);
    expectAnswers(1, "ready");
    final String snapshot = snapshot("victim");
    for (int i = 0; i < 2; i++) {
      // Each round adds three lines: what it says of the change, and twice that all is as it was.
      final int lines = 1 + 3 * i;
      assertThat(vas("kill", "-s", "USR2", "victim").exitCode()).isZero();
      expectAnswers(lines + 1, "changed");

      final Struct back = rollback("victim", snapshot);

      assertThat(back.getFieldsOrThrow("in_place").getBoolValue())
          .isEqualTo(!what.equals("thread-end"));
      for (int j = 2; j <= 3; j++) {
        assertThat(vas("kill", "-s", "USR1", "victim").exitCode()).isZero();
        expectAnswers(lines + j, "ok");
      }
    }
  }

  @Test
  void shouldPutAForkBackToWhatItsSnapshotComesFrom() {
    run("first", System.getProperty("vas.victims.dir") + "/rollback_counter", "block");
    final String before = snapshot("first");
    assertThat(vas("kill", "-s", "USR2", "first").exitCode()).isZero();
    await(() -> vas("logs", "first").out().endsWith("\n1\n")); // or the fork would answer, too
    final String later = snapshot("first", "--mode", "stop");
    assertThat(vas("fork", later, "--name", "victim").exitCode()).isZero();
    assertThat(vas("kill", "-s", "USR1", "victim").exitCode()).isZero();
    expectAnswers(1, "1");

    rollback("victim", before);

    assertThat(vas("kill", "-s", "USR1", "victim").exitCode()).isZero();
    expectAnswers(2, "0");
  }

  private static void expectAnswers(final int lines, final String last) {
    await(() -> vas("logs", "victim").out().lines().count() >= lines);
    assertThat(vas("logs", "victim").out().lines().toList()).hasSize(lines).endsWith(last);
  }

  @Test
  void shouldLeaveAPausedInstancePaused() {
    startRedis("cache");
    redis("cache", "SET", "key", "first");
    snapshot("cache");
    redis("cache", "SET", "key", "second");
    assertThat(vas("pause", "cache").exitCode()).isZero();

    rollback("cache");

    assertThat(text(vas("inspect", "cache", "--json").object(), "state")).isEqualTo("paused");
    assertThat(vas("unpause", "cache").exitCode()).isZero();
    assertThat(redis("cache", "GET", "key")).isEqualTo("first");
  }

  @Test
  void shouldPutFilesBack() {
    run("web", "sh", "-c", "echo first > /f; echo gone > /g; exec sleep 1000");
    await(() -> vas("exec", "web", "cat", "/g").out().equals("gone\n"));
    snapshot("web");
    assertThat(
            vas("exec", "web", "--", "sh", "-c", "echo second > /f; rm /g; echo new > /n")
                .exitCode())
        .isZero();

    for (int i = 0; i < 2; i++) {
      assertThat(rollback("web").getFieldsOrThrow("in_place").getBoolValue()).isTrue();
      assertThat(vas("exec", "web", "--", "sh", "-c", "cat /f /g; ls /n").out())
          .isEqualTo("first\ngone\n");
    }
    // Which one file has since: only a fork has the names of the snapshot.
    assertThat(vas("exec", "web", "ln", "/f", "/n").exitCode()).isZero();
    assertThat(vas("rollback", "web").out()).contains("files were changed: one has several names");
    assertThat(vas("exec", "web", "--", "sh", "-c", "cat /f /g; ls /n").out())
        .isEqualTo("first\ngone\n");
  }

  /** A file that a visitor executes can't be written to, which is found when it is tried. */
  @Test
  void shouldRollForwardWhenAFileCanNotBeWrittenTo() throws Exception {
    run("web", "sh", "-c", "echo first > /program; exec sleep 1000");
    await(() -> vas("exec", "web", "cat", "/program").out().equals("first\n"));
    snapshot("web");
    final String change = "cat /bin/sleep > /program; chmod 755 /program";
    assertThat(vas("exec", "web", "--", "sh", "-c", change).exitCode()).isZero();
    final CompletableFuture<CommandLineRun> visitor =
        CompletableFuture.supplyAsync(() -> vas("exec", "web", "/program", "1000"));
    await(
        () ->
            vas("exec", "web", "--", "sh", "-c", "cat /proc/[0-9]*/comm")
                .out()
                .contains("program"));

    final CommandLineRun run = vas("rollback", "web");

    assertThat(run.out()).contains("no: it could not be put back in place (FILES): ");
    assertThat(vas("exec", "web", "cat", "/program").out()).isEqualTo("first\n");
    assertThat(visitor.get(20, TimeUnit.SECONDS).exitCode()).isNotZero();
  }

  /** That somebody has moved into the instance, whose processes are replaced. */
  @Test
  void shouldLeaveTheInstanceItsNetworkDevice() throws Exception {
    run("web", "redis-server", "--save", "", "--bind", "0.0.0.0", "--protected-mode", "no");
    await(() -> vas("exec", "web", "redis-cli", "PING").out().equals("PONG\n"));
    final String pid = Long.toString(number(vas("inspect", "web", "--json").object(), "pid"));
    final String outer = "vas" + ProcessHandle.current().pid();
    host("ip", "link", "add", outer, "type", "veth", "peer", "name", "eth1", "netns", pid);
    host("ip", "addr", "add", "10.213.78.1/24", "dev", outer);
    host("ip", "link", "set", outer, "up");
    host("nsenter", "-t", pid, "-n", "ip", "addr", "add", "10.213.78.2/24", "dev", "eth1");
    host("nsenter", "-t", pid, "-n", "ip", "link", "set", "eth1", "up");
    final String[] client = {"redis-cli", "-h", "10.213.78.2"};
    assertThat(host(client, "SET", "key", "first")).isEqualTo("OK");
    assertThat(vas("exec", "web", "touch", "/kept").exitCode()).isZero();
    snapshot("web");
    assertThat(host(client, "SET", "key", "second")).isEqualTo("OK");
    assertThat(vas("exec", "web", "ln", "/kept", "/changed").exitCode()).isZero();

    final CommandLineRun run = vas("rollback", "web");

    assertThat(run.out()).contains("files were changed").doesNotContain("lost");
    assertThat(host(client, "GET", "key")).isEqualTo("first");
    assertThat(vas("exec", "web", "ls", "/sys/class/net").out()).isEqualTo("eth1\nlo\n");
    assertThat(vas("exec", "web", "ls", "/changed").exitCode()).isNotZero();
    // It would go with the instance, but some time after that.
    host("ip", "link", "del", outer);
  }

  private static String host(final String... command) throws Exception {
    final Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    final String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(out).isZero();
    return out.strip();
  }

  private static String host(final String[] command, final String... more) throws Exception {
    return host(Stream.concat(Stream.of(command), Stream.of(more)).toArray(String[]::new));
  }

  @Test
  void shouldChangeNothingWhenItCanNotBeDone() {
    startRedis("cache");
    redis("cache", "SET", "key", "first");
    run("web", "sleep", "1000");
    final String others = snapshot("web");
    final Struct before = vas("inspect", "cache", "--json").object();

    expectRefusal("has no snapshot", "rollback", "cache");
    expectRefusal("does not come from it", "rollback", "cache", others);
    expectRefusal("web", "rollback", "cache", "web");
    expectRefusal("nobody", "rollback", "nobody", others);
    assertThat(vas("rollback", "cache", "--tcp", "maybe").exitCode()).isEqualTo(2);
    final String own = snapshot("cache");
    assertThat(vas("rm", own).exitCode()).isZero();
    redis("cache", "SET", "key", "second");
    expectRefusal(own, "rollback", "cache", own);

    assertThat(redis("cache", "GET", "key")).isEqualTo("second");
    assertThat(number(vas("inspect", "cache", "--json").object(), "pid"))
        .isEqualTo(number(before, "pid"));
  }

  @Test
  void shouldRefuseAnInstanceThatHasEnded() {
    run("web", "sleep", "1000");
    final String snapshot = snapshot("web");
    assertThat(vas("stop", "-t", "0", "web").exitCode()).isZero();

    expectRefusal("has ended", "rollback", "web", snapshot);

    assertThat(vas("ps", "-a").out()).contains("exited (137)");
  }
}
