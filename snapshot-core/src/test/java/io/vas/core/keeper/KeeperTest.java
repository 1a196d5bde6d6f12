package io.vas.core.keeper;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.ConflictException;
import io.vas.core.DeadlineException;
import io.vas.core.NotFoundException;
import io.vas.core.linux.Errno;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.MemFd;
import io.vas.core.linux.OpenFlags;
import io.vas.core.linux.Signals;
import io.vas.core.program.Data;
import io.vas.core.program.Program;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import io.vas.natives.NativeBinaries;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KeeperTest {
  private static final int SEEK_END = 2;
  private static final long CLONE_NEWPID = 0x20000000L;
  private static final int STDOUT = 1;

  @TempDir Path state;
  private Keeper keeper;

  @BeforeEach
  void start() {
    keeper = Keeper.start(state);
  }

  @AfterEach
  void stop() {
    keeper.shutdown();
    assertThat(state.resolve(Keeper.SOCKET)).doesNotExist();
  }

  /** A program that executes a shell command with its output going to a file. */
  private static ProgramFile shell(final String command) {
    final ProgramBuilder b = new ProgramBuilder();
    final Result control = b.parameter("control");
    final Result output = b.parameter("output");
    b.call("output", SystemCall.DUP2, output, STDOUT);
    final Data mask = b.data("no signals", Long.BYTES);
    b.call("signal mask", SystemCall.RT_SIGPROCMASK, 2, mask, 0, 8);
    ReadyMessage.send(b, control, List.of());
    final Data arguments = b.data("arguments", 4 * Long.BYTES);
    b.store(arguments, b.string("sh"), Long.BYTES);
    b.store(arguments.plus(8), b.string("-c"), Long.BYTES);
    b.store(arguments.plus(16), b.string(command), Long.BYTES);
    b.call(
        "start the shell", SystemCall.EXECVE, b.string("/bin/sh"), arguments, arguments.plus(24));
    return ProgramFile.of(b.build());
  }

  private static SpawnRequest request(final long id, final ProgramFile file, final Fd output) {
    final Params params =
        Params.forSpawn(file.program()).control("control").attached("output", output);
    return new SpawnRequest(id, file, params).cloneFlags(CLONE_NEWPID);
  }

  private static String text(final Fd fd) {
    FileIo.seek(fd, 0);
    return new String(FileIo.readAll(fd), StandardCharsets.US_ASCII);
  }

  @Test
  void shouldRunAProgramThatExecutesACommand() throws Exception {
    final long before = System.nanoTime();
    try (ProgramFile file = shell("echo $$; exit 7");
        Fd output = MemFd.create("output", 0, 0)) {
      final SpawnReply reply = keeper.spawn(request(11, file, output));
      assertThat(reply.exit().get(10, SECONDS).code()).isEqualTo(7);
      assertThat(text(output)).isEqualTo("1\n");
      assertThat(reply.pid()).isPositive();
      assertThat(List.of(before, reply.receivedNanos(), reply.clonedNanos(), reply.readyNanos()))
          .isSorted();
      assertThat(reply.releasedNanos()).isBetween(reply.readyNanos(), System.nanoTime());
      assertThat(keeper.list()).isEmpty();
    }
  }

  @Test
  void shouldSignalAndListChildren() throws Exception {
    try (ProgramFile file = shell("echo up; exec sleep 1000");
        Fd output = MemFd.create("output", 0, 0)) {
      final SpawnReply reply = keeper.spawn(request(12, file, output));
      assertThat(keeper.list()).containsExactly(new Listed(12, 0, reply.pid(), false, false));
      assertThat(Path.of("/proc", Integer.toString(reply.pid()))).exists();
      keeper.signal(12, Signals.SIGKILL);
      final ExitStatus status = reply.exit().get(10, SECONDS);
      assertThat(status.signal()).isEqualTo(Signals.SIGKILL);
      assertThat(status.code()).isEqualTo(137);
      assertThat(status).hasToString("killed by SIGKILL");
      assertThatExceptionOfType(NotFoundException.class)
          .isThrownBy(() -> keeper.signal(12, Signals.SIGTERM));
    }
  }

  @Test
  void shouldSayWhichStepFailedAndLeaveNothing() {
    final ProgramBuilder b = new ProgramBuilder();
    b.resource("first root");
    b.callAny("harmless", SystemCall.CLOSE, 12345);
    b.resource("second root");
    b.call("go there", SystemCall.CHDIR, b.string("/nowhere"));
    try (ProgramFile file = ProgramFile.of(b.build())) {
      assertThatExceptionOfType(SpawnException.class)
          .isThrownBy(
              () -> keeper.spawn(new SpawnRequest(13, file, Params.forSpawn(file.program()))))
          .withMessage("second root: go there (chdir): ENOENT (No such file or directory)")
          .satisfies(
              e -> {
                assertThat(e.stage()).isEqualTo(SpawnStage.PROGRAM);
                assertThat(e.failedStep()).isEqualTo(1);
                assertThat(e.stepName()).isEqualTo("go there");
                assertThat(e.errno()).isEqualTo(Errno.ENOENT);
              });
    }
    assertThat(keeper.list()).isEmpty();
  }

  @Test
  void shouldFailWhenTheChildEndsWithoutAWord() {
    final ProgramBuilder b = new ProgramBuilder();
    b.call("end", SystemCall.EXIT_GROUP, 3);
    try (ProgramFile file = ProgramFile.of(b.build())) {
      assertThatExceptionOfType(SpawnException.class)
          .isThrownBy(
              () -> keeper.spawn(new SpawnRequest(14, file, Params.forSpawn(file.program()))))
          .satisfies(e -> assertThat(e.stage()).isEqualTo(SpawnStage.DIED));
    }
  }

  @Test
  void shouldFailWhenTheChildIsTooSlow() {
    final ProgramBuilder b = new ProgramBuilder();
    b.awaitRelease();
    try (ProgramFile file = ProgramFile.of(b.build())) {
      assertThatExceptionOfType(DeadlineException.class)
          .isThrownBy(
              () ->
                  keeper.spawn(
                      new SpawnRequest(15, file, Params.forSpawn(file.program()))
                          .deadline(Duration.ofMillis(50))))
          .withMessageContaining("50 ms");
    }
    assertThat(keeper.list()).isEmpty();
  }

  @Test
  void shouldKeepDescriptors() {
    try (Fd file = MemFd.create("kept", 123, 0)) {
      keeper.hold(7, file);
      assertThatExceptionOfType(ConflictException.class).isThrownBy(() -> keeper.hold(7, file));
    }
    try (Fd again = keeper.take(7)) {
      assertThat(FileStatus.of(again).size()).isEqualTo(123);
    }
    keeper.drop(7);
    assertThatExceptionOfType(NotFoundException.class).isThrownBy(() -> keeper.take(7));
    assertThatExceptionOfType(NotFoundException.class).isThrownBy(() -> keeper.drop(7));
  }

  /** A child that has the descriptor at its number, and says so. */
  private static ProgramFile expecting(final Map<String, Integer> sizes) {
    final ProgramBuilder b = new ProgramBuilder();
    final Result control = b.parameter("control");
    b.resource("files");
    sizes.forEach(
        (name, size) ->
            b.callExpecting(
                size, "size of " + name, SystemCall.LSEEK, b.parameter(name), 0, SEEK_END));
    ReadyMessage.send(b, control, List.of());
    b.call("end", SystemCall.EXIT_GROUP, 5);
    return ProgramFile.of(b.build());
  }

  @Test
  void shouldGiveAChildMoreDescriptorsThanAMessageCarries() throws Exception {
    final int count = KeeperProtocolDescriptor.MESSAGE_FDS_MAX + 8;
    final Map<String, Integer> sizes = new LinkedHashMap<>();
    for (int i = 1; i <= count; i++) {
      try (Fd file = MemFd.create("kept", i, 0)) {
        keeper.hold(i, file);
      }
      sizes.put("file " + i, i);
    }
    try (ProgramFile file = expecting(sizes)) {
      final Params params = Params.forSpawn(file.program()).control("control");
      for (int i = 1; i <= count; i++) {
        params.held("file " + i, i);
      }
      final SpawnReply reply = keeper.spawn(new SpawnRequest(30, file, params));
      assertThat(reply.exit().get(10, SECONDS).code()).isEqualTo(5);
    }
  }

  private static Program sender(final int number) {
    final ProgramBuilder b = new ProgramBuilder();
    final Result child = b.parameter("child's socket");
    b.resource("present");
    final Result root = b.call("open", number, OpenFlags.AT_FDCWD, b.string("/"), 0);
    DescriptorMessage.send(b, "send", child, new byte[1], List.of(root));
    b.call("close", SystemCall.CLOSE, root);
    return b.build();
  }

  private SpawnReply spawnWithPresent(final long id, final Program beside) {
    final ProgramBuilder b = new ProgramBuilder();
    final Result control = b.parameter("control");
    b.resource("child");
    final Result received = DescriptorMessage.receive(b, "receive", control, 1, 1).get(0);
    b.call("go there", SystemCall.FCHDIR, received);
    ReadyMessage.send(b, control, List.of());
    b.call("end", SystemCall.EXIT_GROUP, 6);
    try (Fd program = MemFd.of("beside", beside.bytes());
        ProgramFile file = ProgramFile.of(b.build())) {
      keeper.hold(id, program);
      final Params params = Params.forSpawn(file.program()).control("control");
      return keeper.spawn(new SpawnRequest(id, file, params).beside(id, beside));
    }
  }

  @Test
  void shouldRunAProgramBesideTheChildThatMakesThingsForIt() throws Exception {
    for (int round = 40; round < 43; round++) {
      final SpawnReply reply = spawnWithPresent(round, sender(SystemCall.OPENAT));
      assertThat(reply.exit().get(10, SECONDS).code()).isEqualTo(6);
    }
  }

  @Test
  void shouldSayWhichStepBesideTheChildFailedAndLeaveNothing() throws Exception {
    assertThatExceptionOfType(SpawnException.class)
        .isThrownBy(() -> spawnWithPresent(50, sender(9999)))
        .withMessageContaining("present: open")
        .satisfies(e -> assertThat(e.stage()).isEqualTo(SpawnStage.BESIDE));
    assertThat(keeper.list()).isEmpty();
    final SpawnReply reply = spawnWithPresent(51, sender(SystemCall.OPENAT));
    assertThat(reply.exit().get(10, SECONDS).code()).isEqualTo(6);
  }

  @Test
  void shouldGoOnWhenItsLauncherAndAssistantAreKilled() throws Exception {
    try (Stream<ProcessHandle> aides = ProcessHandle.of(keeper.pid()).orElseThrow().children()) {
      for (final ProcessHandle aide : aides.toList()) {
        aide.destroyForcibly();
        final Path status = Path.of("/proc", Long.toString(aide.pid()), "status");
        while (!Files.readString(status).contains("State:\tZ")) {
          Thread.onSpinWait();
        }
      }
    }
    final SpawnReply reply = spawnWithPresent(60, sender(SystemCall.OPENAT));
    assertThat(reply.exit().get(10, SECONDS).code()).isEqualTo(6);
  }

  @Test
  void shouldOutliveItsDaemon() throws Exception {
    try (ProgramFile file = shell("exec sleep 1000");
        Fd output = MemFd.create("output", 0, 0)) {
      final int pid = keeper.pid();
      final SpawnReply reply = keeper.spawn(request(16, file, output));
      keeper.close();
      assertThat(keeper.gone()).isCompleted();
      assertThat(reply.exit()).isCompletedExceptionally();
      assertThatExceptionOfType(KeeperException.class)
          .isThrownBy(keeper::list)
          .withMessageContaining("gone");
      keeper = Keeper.connect(state.resolve(Keeper.SOCKET));
      assertThat(keeper.pid()).isEqualTo(pid);
      assertThat(keeper.list()).containsExactly(new Listed(16, 0, reply.pid(), false, false));
      final var exit = keeper.exitOf(16);
      keeper.signal(16, Signals.SIGKILL);
      assertThat(exit.get(10, SECONDS).code()).isEqualTo(137);
      assertThat(keeper.exitOf(99)).isCompletedExceptionally();
    }
  }

  @Test
  void shouldTakeInstancesWithItWhenItEnds(@TempDir final Path other) throws Exception {
    final Keeper second = Keeper.start(other);
    try (ProgramFile file = shell("exec sleep 1000");
        Fd output = MemFd.create("output", 0, 0)) {
      final SpawnReply reply = second.spawn(request(17, file, output));
      Signals.send(second.pid(), Signals.SIGKILL);
      assertThat(second.gone()).succeedsWithin(Duration.ofSeconds(10));
      assertThat(reply.exit())
          .failsWithin(Duration.ofSeconds(10))
          .withThrowableThat()
          .withCauseInstanceOf(KeeperException.class);
      for (int i = 0; i < 1000 && Files.exists(Path.of("/proc/" + reply.pid())); i++) {
        Thread.sleep(10);
      }
      assertThat(Path.of("/proc/" + reply.pid())).doesNotExist();
    } finally {
      second.shutdown();
    }
  }

  @Test
  void shouldEndWithTheProcessItIsBoundTo(@TempDir final Path other) throws Exception {
    final Process bound = new ProcessBuilder("sleep", "1000").start();
    final Path socket = other.resolve(Keeper.SOCKET);
    final ProcessBuilder builder =
        new ProcessBuilder(NativeBinaries.keeper().toString(), socket.toString());
    builder.environment().put("VAS_ENDS_WITH", Long.toString(bound.pid()));
    assertThat(builder.start().waitFor()).isZero();
    final Keeper second = Keeper.connect(socket);
    try (ProgramFile file = shell("exec sleep 1000");
        Fd output = MemFd.create("output", 0, 0)) {
      final SpawnReply reply = second.spawn(request(18, file, output));
      assertThat(second.list()).hasSize(1);
      bound.destroyForcibly().waitFor();
      assertThat(second.gone()).succeedsWithin(Duration.ofSeconds(10));
      for (int i = 0; i < 1000 && Files.exists(Path.of("/proc/" + reply.pid())); i++) {
        Thread.sleep(10);
      }
      assertThat(Path.of("/proc/" + reply.pid())).doesNotExist();
    } finally {
      second.close();
    }
  }

  @Test
  void shouldSayThatThereIsNoKeeper(@TempDir final Path other) {
    assertThatExceptionOfType(LinuxException.class)
        .isThrownBy(() -> Keeper.connect(other.resolve(Keeper.SOCKET)))
        .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
  }

  @Test
  void shouldSayWhyAKeeperDoesNotStart(@TempDir final Path other) {
    assertThatExceptionOfType(KeeperException.class)
        .isThrownBy(() -> Keeper.start(other.resolve("missing")))
        .withMessageContaining("No such file or directory");
  }
}
