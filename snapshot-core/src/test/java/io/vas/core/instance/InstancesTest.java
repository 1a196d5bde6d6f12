package io.vas.core.instance;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.ConflictException;
import io.vas.core.DeadlineException;
import io.vas.core.InvalidRequestException;
import io.vas.core.NotFoundException;
import io.vas.core.VasException;
import io.vas.core.keeper.Keeper;
import io.vas.core.linux.Capability;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.MemFd;
import io.vas.core.linux.Signals;
import io.vas.core.sandbox.RunSpec;
import io.vas.core.sandbox.VisitSpec;
import io.vas.core.testing.LeakCheck;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(LeakCheck.class)
class InstancesTest {
  private static final Duration DEADLINE = Duration.ofSeconds(20);

  @TempDir Path state;
  private Keeper keeper;
  private Instances instances;

  @BeforeEach
  void start() {
    keeper = Keeper.start(state);
    instances = new Instances(state, keeper);
  }

  @AfterEach
  void stop() {
    keeper.shutdown();
  }

  private Instance run(final String... command) {
    return instances.run(RunSpec.of(command), DEADLINE);
  }

  private Instance sleeper() {
    return run("sleep", "1000");
  }

  private String output(final RunSpec spec) {
    final Instance instance = instances.run(spec, DEADLINE);
    assertThat(exitCode(instance)).as(() -> log(instance)).isZero();
    return log(instance);
  }

  private String output(final String script) {
    return output(RunSpec.of("sh", "-ec", script));
  }

  private static int exitCode(final Instance instance) {
    try {
      return instance.exit().get(20, SECONDS);
    } catch (final Exception e) {
      throw new AssertionError(e);
    }
  }

  private static String log(final Instance instance) {
    try {
      return Files.readString(instance.logFile());
    } catch (final IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  // ---- what an instance sees

  @Test
  void shouldRunACommandAsTheFirstProcessOfItsNamespaces() {
    assertThat(output("echo $$; ls /proc | grep -c '^[0-9]'; hostname"))
        .matches("1\n[1-3]\n[0-9a-f]{12}\n");
    final Instance instance = sleeper();
    for (final String namespace : List.of("pid", "mnt", "net", "ipc", "uts")) {
      assertThat(FileIo.readLink("/proc/" + instance.pid() + "/ns/" + namespace))
          .isNotEqualTo(FileIo.readLink("/proc/self/ns/" + namespace));
    }
    assertThat(instance.state()).isEqualTo(Instance.State.RUNNING);
    assertThat(instance.reference()).matches("[0-9a-f]{12}");
    assertThat(instance.name()).matches("[a-z]+_[a-z]+");
  }

  @Test
  void shouldTakeOutputAndErrorToItsLog() throws Exception {
    final Instance instance = run("sh", "-c", "echo one; echo two >&2; cat; echo three; exit 5");
    assertThat(exitCode(instance)).isEqualTo(5);
    assertThat(log(instance)).isEqualTo("one\ntwo\nthree\n");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(instance.logFile())))
        .isEqualTo("rw-------");
    assertThat(instance.state()).isEqualTo(Instance.State.EXITED);
    assertThat(instance.ended()).hasValueSatisfying(t -> assertThat(t).isAfter(instance.created()));
    assertThat(instance.pid()).isZero();
  }

  @Test
  void shouldWriteOnlyToItsOwnRoot() {
    final Path outside = Path.of("/etc/vas-test-" + System.nanoTime());
    assertThat(output("echo mine > " + outside + "; cat " + outside + "; rm /etc/passwd; ls /etc"))
        .startsWith("mine\n")
        .doesNotContain("passwd\n");
    assertThat(outside).doesNotExist();
    assertThat(Path.of("/etc/passwd")).exists();
    assertThat(output("cat /etc/passwd")).contains("root:");
  }

  @Test
  void shouldNotSeeTheStateDirectory() {
    assertThat(output("ls -A " + state)).isEmpty();
  }

  @Test
  void shouldSeeOtherFileSystemsOfTheHostReadOnly(@TempDir final Path other) throws Exception {
    final Path inner = Files.createDirectory(other.resolve("inner"));
    Files.writeString(inner.resolve("file"), "theirs\n");
    mount("mount", "--bind", inner.toString(), inner.toString());
    try {
      assertThat(output("cat %1$s/file; echo mine > %1$s/file || echo refused".formatted(inner)))
          .startsWith("theirs\n")
          .endsWith("refused\n");
    } finally {
      mount("umount", inner.toString());
    }
    assertThat(inner.resolve("file")).hasContent("theirs");
  }

  private static void mount(final String... command) throws Exception {
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
  }

  @Test
  void shouldHaveDockersDevices() {
    assertThat(output("cd /dev; ls | tr '\\n' ' '"))
        .isEqualTo("fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ");
    assertThat(output("echo x > /dev/null; head -c 4 /dev/zero | od -An -tx1; [ -c /dev/full ]"))
        .isEqualTo(" 00 00 00 00\n");
    assertThat(output("echo shared > /dev/shm/x; cat /dev/shm/x; echo x > /dev/mine"))
        .isEqualTo("shared\n");
    assertThat(output("stat -c %a /dev/shm /dev/mqueue /dev/pts/ptmx"))
        .isEqualTo("1777\n1777\n666\n");
  }

  @Test
  void shouldNotReachDevicesOfTheHost() {
    assertThat(output("mknod /disk b 254 0; cat /disk || echo refused")).endsWith("refused\n");
    assertThat(output("mknod /dev/disk b 254 0; cat /dev/disk || echo refused"))
        .endsWith("refused\n");
  }

  @Test
  void shouldMaskWhatDockerMasks() {
    assertThat(output("ls -A /sys/firmware; cat /proc/keys /proc/timer_list /proc/interrupts"))
        .isEmpty();
    assertThat(output("echo 1 > /proc/sys/vm/swappiness || echo refused")).endsWith("refused\n");
    assertThat(output("mkdir /sys/fs/cgroup/x || echo refused")).endsWith("refused\n");
    assertThat(output("cat /proc/self/oom_score_adj > /proc/self/oom_score_adj")).isEmpty();
  }

  @Test
  void shouldHaveItsLoopbackUp() {
    assertThat(output("cat /sys/class/net/lo/flags; ls /sys/class/net | wc -l"))
        .isEqualTo("0x9\n1\n");
  }

  @Test
  void shouldFindItsOwnName() {
    assertThat(output("cat /etc/hostname; getent hosts $(hostname)"))
        .matches("([0-9a-f]{12})\n127.0.0.1 +\\1\n");
  }

  @Test
  void shouldHaveDockersCapabilities() {
    final String caps = "grep Cap /proc/self/status | tr '\\n' ' '";
    assertThat(output(caps))
        .isEqualTo(
            "CapInh:\t0000000000000000 CapPrm:\t00000000a80425fb CapEff:\t00000000a80425fb "
                + "CapBnd:\t00000000a80425fb CapAmb:\t0000000000000000 ");
    assertThat(
            output(
                new RunSpec(
                    "",
                    List.of("sh", "-c", caps),
                    Map.of(),
                    "",
                    Set.of(Capability.SYS_PTRACE),
                    false)))
        .contains("CapBnd:\t00000000a80c25fb");
    assertThat(output("grep -c '^NoNewPrivs:.0$' /proc/self/status")).isEqualTo("1\n");
  }

  @Test
  void shouldLetAPrivilegedInstanceDoMore() {
    final RunSpec spec =
        new RunSpec(
            "",
            List.of("sh", "-ec", "mount -t tmpfs none /mnt; grep -c . /proc/interrupts"),
            Map.of(),
            "/",
            Set.of(),
            true);
    assertThat(Integer.parseInt(output(spec).trim())).isPositive();
  }

  @Test
  void shouldStartWithCleanSignalsAndLimits() {
    assertThat(output("grep 'Sig[BI]' /proc/self/status; ulimit -Sn; umask"))
        .isEqualTo("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n1024\n0022\n");
  }

  @Test
  void shouldKeepNoDescriptorOfTheKeeper() {
    assertThat(output("ls /proc/self/fd | tr '\\n' ' '")).isEqualTo("0 1 2 3 ");
  }

  @Test
  void shouldSetEnvironmentAndDirectory() {
    final RunSpec spec =
        new RunSpec(
            "",
            List.of("sh", "-c", "pwd; env | sort"),
            Map.of("A", "b c"),
            "/usr",
            Set.of(),
            false);
    assertThat(output(spec))
        .matches(
            "/usr\nA=b c\nHOME=/root\nHOSTNAME=[0-9a-f]{12}\nPATH=/usr/local/sbin:[^\n]*\nPWD=/usr\n");
  }

  // ---- what can't be

  @Test
  void shouldSayThatThereIsNoSuchCommand() {
    assertThatExceptionOfType(NotFoundException.class)
        .isThrownBy(() -> run("no-such-command", "x"))
        .withMessage("no-such-command: command not found");
    assertThatExceptionOfType(NotFoundException.class)
        .isThrownBy(() -> run("/bin/no-such-command"))
        .withMessage("/bin/no-such-command: No such file or directory");
    assertThatExceptionOfType(VasException.class)
        .isThrownBy(() -> run("/etc/passwd"))
        .withMessage("/etc/passwd: Permission denied");
    assertThatExceptionOfType(NotFoundException.class)
        .isThrownBy(
            () ->
                instances.run(
                    new RunSpec("", List.of("ls"), Map.of(), "/nowhere", Set.of(), false),
                    DEADLINE))
        .withMessage("working directory /nowhere: No such file or directory");
    expectNothing();
  }

  private void expectNothing() {
    assertThat(instances.list()).isEmpty();
    assertThat(keeper.list()).isEmpty();
    try (Stream<Path> left = Files.list(state.resolve("instances"))) {
      assertThat(left).isEmpty();
    } catch (final IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void shouldRefuseBadRequests() {
    assertThatExceptionOfType(InvalidRequestException.class).isThrownBy(() -> RunSpec.of(""));
    assertThatExceptionOfType(InvalidRequestException.class).isThrownBy(() -> RunSpec.of("a\0b"));
    assertThatExceptionOfType(InvalidRequestException.class)
        .isThrownBy(() -> instances.run(RunSpec.of("true").named("a b"), DEADLINE))
        .withMessageContaining("a b");
    assertThatExceptionOfType(InvalidRequestException.class)
        .isThrownBy(
            () -> new RunSpec("", List.of("true"), Map.of("a=b", "c"), "/", Set.of(), false));
    expectNothing();
  }

  @Test
  void shouldGiveUpAtTheDeadline() {
    assertThatExceptionOfType(DeadlineException.class)
        .isThrownBy(() -> instances.run(RunSpec.of("true"), Duration.ofNanos(1000)));
    expectNothing();
  }

  // ---- names

  @Test
  void shouldFindByNameIdAndPrefix() {
    final Instance one = instances.run(RunSpec.of("sleep", "1000").named("one"), DEADLINE);
    final Instance two = sleeper();
    assertThat(instances.find("one")).isSameAs(one);
    assertThat(instances.find(one.reference())).isSameAs(one);
    assertThat(instances.find(two.name())).isSameAs(two);
    int common = 0;
    while (one.reference().charAt(common) == two.reference().charAt(common)) {
      common++;
    }
    assertThat(instances.find(two.reference().substring(0, common + 1))).isSameAs(two);
    assertThat(instances.list()).containsExactly(one, two);
    assertThatExceptionOfType(NotFoundException.class)
        .isThrownBy(() -> instances.find("three"))
        .withMessage("there is no instance three");
    assertThatExceptionOfType(NotFoundException.class).isThrownBy(() -> instances.find(""));
    assertThatExceptionOfType(ConflictException.class)
        .isThrownBy(() -> instances.run(RunSpec.of("true").named("one"), DEADLINE))
        .withMessage("there is an instance one already");
    assertThat(instances.list()).hasSize(2);
  }

  // ---- the end

  @Test
  void shouldStopByTermAndThenByKill() {
    final Instance polite =
        run("sh", "-c", "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.01; done");
    awaitLog(polite, "up\n");
    assertThat(instances.stop(polite, DEADLINE)).isEqualTo(3);
    assertThat(log(polite)).isEqualTo("up\nbye\n");
    final Instance deaf = sleeper();
    assertThat(instances.stop(deaf, Duration.ofMillis(50))).isEqualTo(128 + Signals.SIGKILL);
    assertThat(instances.stop(deaf, DEADLINE)).isEqualTo(128 + Signals.SIGKILL);
    assertThatExceptionOfType(ConflictException.class)
        .isThrownBy(() -> instances.signal(deaf, Signals.SIGTERM))
        .withMessageContaining("has ended");
  }

  private static void awaitLog(final Instance instance, final String expected) {
    for (int i = 0; i < 2000 && !log(instance).equals(expected); i++) {
      try {
        Thread.sleep(5);
      } catch (final InterruptedException e) {
        throw new AssertionError(e);
      }
    }
    assertThat(log(instance)).isEqualTo(expected);
  }

  @Test
  void shouldRemoveWhatHasEndedOrIsForced() {
    final Instance instance = instances.run(RunSpec.of("sleep", "1000").named("it"), DEADLINE);
    assertThatExceptionOfType(ConflictException.class)
        .isThrownBy(() -> instances.remove(instance, false));
    instances.remove(instance, true);
    assertThatExceptionOfType(NotFoundException.class)
        .isThrownBy(() -> instances.remove(instance, true));
    expectNothing();
    instances.remove(instances.run(RunSpec.of("sleep", "1000").named("it"), DEADLINE), true);
  }

  // ---- visitors

  private String visit(final Instance instance, final VisitSpec spec) throws Exception {
    try (Fd input = MemFd.create("input", 0, 0);
        Fd output = MemFd.create("output", 0, 0)) {
      final Visit visit = instances.exec(instance, spec, input, output, output, DEADLINE);
      assertThat(visit.exit().get(20, SECONDS).code()).isZero();
      FileIo.seek(output, 0);
      return new String(FileIo.readAll(output), StandardCharsets.UTF_8);
    }
  }

  @Test
  void shouldPutAVisitorIntoAnInstance() throws Exception {
    final Instance instance =
        instances.run(
            new RunSpec(
                "",
                List.of("sh", "-c", "echo hello > /x; exec sleep 1000"),
                Map.of("A", "1"),
                "/usr",
                Set.of(),
                false),
            DEADLINE);
    final String script =
        "until [ -s /x ]; do :; done; cat /x; pwd; echo $A $B; hostname; echo $$;"
            + " grep CapBnd /proc/self/status; cat /proc/1/comm";
    final String[] lines =
        visit(instance, new VisitSpec(List.of("sh", "-c", script), Map.of("B", "2"), ""))
            .split("\n");
    assertThat(lines)
        .containsSubsequence(
            "hello", "/usr", "1 2", instance.reference(), "CapBnd:\t00000000a80425fb", "sleep");
    assertThat(Integer.parseInt(lines[4])).isGreaterThan(20_000);
    assertThat(visit(instance, VisitSpec.of("sh", "-c", "echo >&2 err; pwd")))
        .isEqualTo("err\n/usr\n");
  }

  @Test
  void shouldRefuseVisitsThatCanNotBe() throws Exception {
    final Instance instance = sleeper();
    try (Fd nothing = MemFd.create("nothing", 0, 0)) {
      assertThatExceptionOfType(NotFoundException.class)
          .isThrownBy(
              () ->
                  instances.exec(
                      instance, VisitSpec.of("nope"), nothing, nothing, nothing, DEADLINE))
          .withMessage("nope: command not found");
      final Visit visit =
          instances.exec(
              instance, VisitSpec.of("sleep", "1000"), nothing, nothing, nothing, DEADLINE);
      visit.kill();
      assertThat(visit.exit().get(20, SECONDS).signal()).isEqualTo(Signals.SIGKILL);
      visit.kill();
      final Visit taken =
          instances.exec(
              instance, VisitSpec.of("sleep", "1000"), nothing, nothing, nothing, DEADLINE);
      instances.stop(instance, Duration.ZERO);
      assertThat(taken.exit().get(20, SECONDS).signal()).isEqualTo(Signals.SIGKILL);
      assertThatExceptionOfType(ConflictException.class)
          .isThrownBy(
              () ->
                  instances.exec(
                      instance, VisitSpec.of("true"), nothing, nothing, nothing, DEADLINE))
          .withMessageContaining("has ended");
    }
  }

  // ---- the daemon's and the keeper's end

  @Test
  void shouldBeKnownToADaemonThatIsStartedAgain() throws Exception {
    final RunSpec spec =
        new RunSpec(
            "it",
            List.of("sleep", "1000"),
            Map.of("A", "1"),
            "/usr",
            Set.of(Capability.SYS_PTRACE),
            false);
    final Instance running = instances.run(spec, DEADLINE);
    final Instance ended = run("sh", "-c", "exit 9");
    assertThat(exitCode(ended)).isEqualTo(9);
    final Instance endsUnseen = run("sleep", "1000");
    keeper.close();
    assertThat(running.state()).isEqualTo(Instance.State.RUNNING);
    Signals.send(endsUnseen.pid(), Signals.SIGKILL);
    Files.createDirectory(state.resolve("instances/123"));
    keeper = Keeper.connect(state.resolve(Keeper.SOCKET));
    for (int i = 0; i < 2000 && keeper.list().size() > 1; i++) {
      Thread.sleep(5);
    }
    instances = new Instances(state, keeper);
    final Instance found = instances.find("it");
    assertThat(found.pid()).isEqualTo(running.pid());
    assertThat(found.spec()).isEqualTo(spec.named(""));
    assertThat(found.sandbox()).isEqualTo(running.sandbox());
    assertThat(found.created()).isEqualTo(running.created());
    assertThat(exitCode(instances.find(ended.name()))).isEqualTo(9);
    assertThat(exitCode(instances.find(endsUnseen.name()))).isEqualTo(255);
    assertThat(instances.list()).hasSize(3);
    assertThat(instances.stop(found, Duration.ZERO)).isEqualTo(137);
  }

  @Test
  void shouldRemoveTheLogOfAForkThatADiedDaemonHadBegun() throws Exception {
    final Path log = Files.createFile(state.resolve("instances").resolve("0123456789ab.log"));
    assertThat(new Instances(state, keeper).list()).isEmpty();
    assertThat(log).doesNotExist();
  }

  @Test
  void shouldHaveEndedWhenTheKeeperEnds() {
    final Instance instance = sleeper();
    Signals.send(keeper.pid(), Signals.SIGKILL);
    assertThat(exitCode(instance)).isEqualTo(255);
    assertThat(instance.state()).isEqualTo(Instance.State.EXITED);
  }
}
