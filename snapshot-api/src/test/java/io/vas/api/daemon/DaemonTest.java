package io.vas.api.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.vas.api.StateDirectory;
import io.vas.api.client.ExecResult;
import io.vas.api.client.VasClient;
import io.vas.api.v1.ExecStart;
import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.LogsRequest;
import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.SnapshotRequest;
import io.vas.api.wire.SocketProbe;
import io.vas.core.ConflictException;
import io.vas.core.DeadlineException;
import io.vas.core.InvalidRequestException;
import io.vas.core.NotFoundException;
import io.vas.core.VasException;
import io.vas.core.linux.Credentials;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DaemonTest {
  /** Every Debian has it. */
  private static final String GROUP = "daemon";

  @TempDir private Path temporary;

  private StateDirectory state;
  private TestEngine engine;
  private Daemon daemon;

  @BeforeEach
  void startDaemon() throws IOException {
    state = new StateDirectory(temporary.resolve("state"));
    final Path log = Files.writeString(temporary.resolve("log"), "one\ntwo\nthree\n");
    engine = new TestEngine(log);
    daemon = Daemon.start(state, directory -> engine);
  }

  @AfterEach
  void endDaemon() {
    engine.mayFork.countDown();
    daemon.close();
  }

  @Test
  void shouldLetNobodyElseIn() throws IOException {
    assertThat(permissions(state.path())).isEqualTo("rwx------");
    assertThat(permissions(state.socket())).isEqualTo("rw-------");
  }

  @Test
  void shouldLetAGroupInUntilItEndsWell() throws IOException {
    final StateDirectory other = new StateDirectory(temporary.resolve("other"));
    final Daemon letting = Daemon.start(other, GROUP, directory -> engine);
    try {
      assertThat(permissions(other.path())).isEqualTo("rwxr-x---");
      assertThat(permissions(other.socket())).isEqualTo("rw-rw----");
      assertThat(permissions(other.lock())).isEqualTo("rw-------");
      assertThat(permissions(other.group())).isEqualTo("rw-------");
      assertThat(Files.getAttribute(other.socket(), "unix:group")).hasToString(GROUP);
      assertThat(Files.getAttribute(other.path(), "unix:group")).hasToString(GROUP);
      try (VasClient client = VasClient.connect(other)) {
        assertThat(client.ps(false)).hasSize(1);
      }
    } finally {
      letting.close();
    }
    assertThat(permissions(other.path())).isEqualTo("rwx------");
    assertThat(other.group()).doesNotExist();
  }

  @Test
  void shouldLetTheGroupInAgainThatAKilledDaemonHad() throws IOException {
    final StateDirectory other = new StateDirectory(temporary.resolve("other"));
    Files.createDirectory(other.path());
    Files.setPosixFilePermissions(other.path(), PosixFilePermissions.fromString("rwxr-x---"));
    Files.writeString(other.group(), GROUP + "\n");

    final Daemon letting = Daemon.start(other, directory -> engine);
    try {
      assertThat(permissions(other.socket())).isEqualTo("rw-rw----");
      assertThat(Files.getAttribute(other.socket(), "unix:group")).hasToString(GROUP);
    } finally {
      letting.close();
    }
  }

  @Test
  void shouldRefuseAGroupThatDoesNotExist() throws IOException {
    final StateDirectory other = new StateDirectory(temporary.resolve("other"));

    assertThatThrownBy(() -> Daemon.start(other, "no-such-group", directory -> engine))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessage("there is no group 'no-such-group'");

    assertThat(permissions(other.path())).isEqualTo("rwx------");
    Daemon.start(other, directory -> engine).close();
  }

  @Test
  void shouldKnowWhoCalls() {
    try (VasClient client = VasClient.connect(state)) {
      assertThat(client.ps(false)).hasSize(1);
    }
    assertThat(engine.caller().uid()).isZero();
    assertThat(engine.caller().isRoot()).isTrue();
    assertThat(engine.caller().groups()).isEqualTo(Credentials.current().groups());
  }

  @Test
  void shouldRefuseDirectoryThatIsOpenToOthers() throws IOException {
    final Path open = Files.createDirectory(temporary.resolve("open"));
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));

    assertThatThrownBy(() -> Daemon.start(new StateDirectory(open), directory -> engine))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessageContaining("open to others");
  }

  @Test
  void shouldSayWhyItsDirectoryCannotBeUsed() throws IOException {
    final Path file = Files.createFile(temporary.resolve("file"));
    final Path taken = Files.createDirectory(temporary.resolve("taken"));
    Files.setPosixFilePermissions(taken, PosixFilePermissions.fromString("rwx------"));
    Files.createDirectory(taken.resolve("daemon.lock"));

    assertThatThrownBy(() -> start(file))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessage(
            "state directory %s: %s is no directory; name another one in VAS_STATE", file, file);
    assertThatThrownBy(() -> start(file.resolve("in/it")))
        .hasMessageEndingWith("/in/it: Not a directory; name another one in VAS_STATE");
    assertThatThrownBy(() -> start(Path.of("/proc/none/state")))
        .hasMessage(
            "cannot write to state directory /proc/none/state: No such file or directory; name"
                + " another one in VAS_STATE");
    assertThatThrownBy(() -> start(taken))
        .hasMessage(
            "cannot write to state directory %s: Is a directory; name another one in VAS_STATE",
            taken);
  }

  private void start(final Path directory) {
    Daemon.start(new StateDirectory(directory), made -> engine).close();
  }

  @Test
  void shouldRefuseDirectoryTooLongForASocket() {
    assertThatThrownBy(() -> new StateDirectory(temporary.resolve("x".repeat(100))))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessageContaining("too long");
  }

  @Test
  void shouldBeTheOnlyOneOfItsDirectory() {
    assertThatThrownBy(() -> Daemon.start(state, directory -> engine))
        .isInstanceOf(ConflictException.class)
        .hasMessageContaining("already serves " + state.path());
    try (VasClient client = VasClient.connect(state)) {
      assertThat(client.info().getKeeperPid()).isEqualTo(99);
    }
  }

  @Test
  void shouldReplaceTheSocketOfADaemonThatDied() throws IOException {
    daemon.close();
    try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      dead.bind(UnixDomainSocketAddress.of(state.socket()));
    }
    assertThat(state.socket()).exists();
    assertThat(SocketProbe.accepts(state.socket())).isFalse();

    daemon = Daemon.start(state, directory -> engine);

    try (VasClient client = VasClient.connect(state)) {
      assertThat(client.ps(false)).hasSize(1);
    }
  }

  @Test
  void shouldTellWhoServes() {
    try (VasClient client = VasClient.connect(state)) {
      assertThat(client.info().getPid()).isEqualTo((int) ProcessHandle.current().pid());
      assertThat(client.info().getStateDirectory()).isEqualTo(state.path().toString());
    }
  }

  @Test
  void shouldSayThatNoDaemonServes() {
    daemon.close();

    assertThatThrownBy(() -> VasClient.connect(state))
        .isInstanceOf(VasException.class)
        .hasMessageContaining("no daemon serves");
  }

  @Test
  void shouldEndWhenAskedTo() throws InterruptedException {
    try (VasClient client = VasClient.connect(state)) {
      client.shutdown();
    }
    daemon.awaitShutdown();
    daemon.close();

    assertThat(engine.isClosed()).isTrue();
    assertThat(state.socket()).doesNotExist();
  }

  @Test
  void shouldEndWhenItsKeeperHasEnded() throws InterruptedException {
    engine.gone.complete(null);

    daemon.awaitShutdown();
  }

  @Test
  void shouldFreeItsDirectoryWhenTheEngineDoesNotStart() {
    final StateDirectory other = new StateDirectory(temporary.resolve("other"));
    assertThatThrownBy(
            () ->
                Daemon.start(
                    other,
                    directory -> {
                      throw new VasException("no kernel");
                    }))
        .hasMessage("no kernel");

    Daemon.start(other, directory -> TestEngine.ready(temporary.resolve("log"))).close();
  }

  @Test
  void shouldPassTheDeadlineOn() {
    engine.mayFork.countDown();
    try (VasClient client = VasClient.connect(state)) {
      assertThat(client.withTimeout(Duration.ofSeconds(7)).fork("web", 1)).hasSize(1);

      assertThat(engine.time().timeout())
          .isBetween(Duration.ofSeconds(5), Duration.ofSeconds(7).minusMillis(1));
      assertThat(engine.time().elapsedMicros()).isBetween(0L, 5_000_000L);
    }
  }

  @Test
  void shouldUndoAForkThatCameTooLate() {
    try (VasClient client = VasClient.connect(state)) {
      // The first call makes the connection, which the limit is not for.
      assertThat(client.ps(false)).hasSize(1);
      assertThatThrownBy(() -> client.withTimeout(Duration.ofSeconds(1)).fork("web", 2))
          .isInstanceOf(DeadlineException.class)
          .hasMessageContaining("fork web");
    }
    assertThat(engine.forking.getCount()).isZero();
    engine.mayFork.countDown();

    awaitRemoved("f0", "f1");
  }

  @Test
  void shouldUndoAForkWhoseClientHasGone() throws InterruptedException {
    final CompletableFuture<Void> forked;
    try (VasClient client = VasClient.connect(state)) {
      forked = CompletableFuture.runAsync(() -> client.fork("web", 1));
      assertThat(engine.forking.await(10, TimeUnit.SECONDS)).isTrue();
    }
    assertThat(forked).failsWithin(Duration.ofSeconds(10));
    engine.mayFork.countDown();

    awaitRemoved("f0");
  }

  @Test
  void shouldThrowWhatTheEngineThrows() {
    engine.failWith(new ConflictException("snapshot name 'a:b' is taken"));
    try (VasClient client = VasClient.connect(state)) {
      assertThatThrownBy(() -> client.snapshot("web", "a:b"))
          .isInstanceOf(ConflictException.class)
          .hasMessage("snapshot name 'a:b' is taken");
      assertThatThrownBy(() -> client.inspect("nobody")).isInstanceOf(NotFoundException.class);
    }
  }

  @Test
  void shouldCheckRequestsBeforeTheEngineSeesThem() {
    try (VasClient client = VasClient.connect(state)) {
      assertThatThrownBy(() -> client.fork("web", 1001))
          .isInstanceOf(InvalidRequestException.class)
          .hasMessageContaining("1 to 1000");
      assertThatThrownBy(() -> client.fork("web", -1)).isInstanceOf(InvalidRequestException.class);
      assertThatThrownBy(() -> client.run("x", List.of()))
          .isInstanceOf(InvalidRequestException.class);
      assertThatThrownBy(() -> client.kill("web", 65)).isInstanceOf(InvalidRequestException.class);
      assertThatThrownBy(() -> client.snapshot("web", "a:b:c"))
          .isInstanceOf(InvalidRequestException.class);
      assertThatThrownBy(() -> client.snapshot("web", "a".repeat(129)))
          .isInstanceOf(InvalidRequestException.class)
          .hasMessage("a snapshot's name has 1 to 128 characters, not 129");
      assertThatThrownBy(() -> client.run("x".repeat(65), List.of("ls")))
          .isInstanceOf(InvalidRequestException.class)
          .hasMessage("a name has 1 to 64 characters, not 65");
      assertThatThrownBy(() -> client.inspect("x".repeat(258)))
          .isInstanceOf(InvalidRequestException.class)
          .hasMessage("no instance or snapshot has a name of 258 characters");
    }
    assertThat(engine.time()).isNull();
  }

  @Test
  void shouldTellProgressBeforeTheResult() {
    final List<String> stages = new ArrayList<>();
    try (VasClient client = VasClient.connect(state)) {
      final SnapshotInfo snapshot =
          client.snapshot(
              SnapshotRequest.newBuilder().setInstance("web").build(),
              progress -> stages.add(progress.getStage()));

      assertThat(snapshot.getFrozenUs()).isEqualTo(1500);
      assertThat(stages).containsExactly("copying");
    }
  }

  @Test
  void shouldReadTheWholeLogOrItsEnd() throws IOException {
    try (VasClient client = VasClient.connect(state)) {
      assertThat(logs(client, 0)).isEqualTo("one\ntwo\nthree\n");
      assertThat(logs(client, 2)).isEqualTo("two\nthree\n");
      assertThat(logs(client, 9)).isEqualTo("one\ntwo\nthree\n");
    }
  }

  @Test
  void shouldFollowTheLogUntilTheEnd() throws Exception {
    try (VasClient client = VasClient.connect(state)) {
      final ByteArrayOutputStream out = new ByteArrayOutputStream();
      final CompletableFuture<Void> followed =
          CompletableFuture.runAsync(
              () -> {
                try {
                  client.logs(
                      LogsRequest.newBuilder().setInstance("web").setFollow(true).build(), out);
                } catch (final IOException e) {
                  throw new IllegalStateException(e);
                }
              });
      Files.writeString(temporary.resolve("log"), "four\n", StandardOpenOption.APPEND);
      assertThat(followed).isNotDone();
      engine.exit.complete(3);

      followed.get(10, TimeUnit.SECONDS);
      assertThat(out.toString(StandardCharsets.UTF_8)).isEqualTo("one\ntwo\nthree\nfour\n");
      assertThat(client.waitFor("web")).isEqualTo(3);
    }
  }

  @Test
  void shouldRunAVisitorAndPassItsStreamsOn() {
    final byte[] input = "x".repeat(3_000_000).getBytes(StandardCharsets.US_ASCII);
    try (VasClient client = VasClient.connect(state)) {
      final ExecResult copied = client.exec(start("cat"), new ByteArrayInputStream(input));
      final ExecResult failed = client.exec("web", "sh", "-c", "echo out; echo err >&2; exit 9");

      assertThat(copied.stdout()).isEqualTo(ByteString.copyFrom(input));
      assertThat(copied.exitCode()).isZero();
      assertThat(failed.text()).isEqualTo("out\n");
      assertThat(failed.errorText()).isEqualTo("err\n");
      assertThat(failed.exitCode()).isEqualTo(9);
      assertThat(failed.pid()).isPositive();
    }
  }

  @Test
  void shouldLetAVisitorCloseItsInputEarly() {
    final byte[] input = new byte[5_000_000];
    try (VasClient client = VasClient.connect(state)) {
      final ExecResult result =
          client.exec(start("head", "-c", "10"), new ByteArrayInputStream(input));

      assertThat(result.stdout().size()).isEqualTo(10);
      assertThat(result.exitCode()).isZero();
    }
  }

  @Test
  void shouldKillAVisitorWhoseClientHasGone() {
    final long before = sleepers();
    try (VasClient client = VasClient.connect(state)) {
      assertThatThrownBy(
              () -> client.withTimeout(Duration.ofMillis(300)).exec("web", "sleep", "4321"))
          .isInstanceOf(DeadlineException.class);
    }

    await(() -> sleepers() == before);
  }

  @Test
  void shouldSayWhichCommandIsNotThere() {
    try (VasClient client = VasClient.connect(state)) {
      assertThatThrownBy(() -> client.exec("web", "no-such-command"))
          .isExactlyInstanceOf(VasException.class)
          .hasMessageContaining("no-such-command");
    }
  }

  @Test
  void shouldAnswerManyCallsAtOnce() {
    engine.mayFork.countDown();
    try (VasClient client = VasClient.connect(state)) {
      final List<CompletableFuture<List<ForkInfo>>> calls = new ArrayList<>();
      for (int i = 1; i <= 50; i++) {
        final int count = i;
        calls.add(CompletableFuture.supplyAsync(() -> client.fork("web", count)));
      }
      for (int i = 1; i <= calls.size(); i++) {
        assertThat(calls.get(i - 1).join()).hasSize(i);
      }
    }
  }

  private static long sleepers() {
    return ProcessHandle.current()
        .children()
        .filter(child -> child.info().commandLine().orElse("").contains("sleep 4321"))
        .count();
  }

  private void awaitRemoved(final String... ids) {
    await(() -> engine.removed.containsAll(List.of(ids)));
  }

  private static void await(final java.util.function.BooleanSupplier condition) {
    final long begin = System.nanoTime();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime() - begin).isLessThan(TimeUnit.SECONDS.toNanos(10));
      Thread.onSpinWait();
    }
  }

  private static ExecStart start(final String... command) {
    return ExecStart.newBuilder().setInstance("web").addAllCommand(List.of(command)).build();
  }

  private static String logs(final VasClient client, final int tail) throws IOException {
    final ByteArrayOutputStream out = new ByteArrayOutputStream();
    client.logs(LogsRequest.newBuilder().setInstance("web").setTail(tail).build(), out);
    return out.toString(StandardCharsets.UTF_8);
  }

  private static String permissions(final Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }
}
