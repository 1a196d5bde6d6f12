package io.vas.core.restore;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.VasException;
import io.vas.core.checkpoint.Checkpointer;
import io.vas.core.instance.Instance;
import io.vas.core.instance.Instances;
import io.vas.core.keeper.FreezeMode;
import io.vas.core.keeper.Keeper;
import io.vas.core.keeper.ProgramFile;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.NetworkNamespace;
import io.vas.core.linux.Signals;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.memory.RegionKind;
import io.vas.core.program.Program;
import io.vas.core.program.ProgramDescriptor;
import io.vas.core.sandbox.RunSpec;
import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.TestStore;
import io.vas.core.testing.VictimHost;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Forks take the place of instances that somebody has given a network device. */
@ExtendWith(LeakCheck.class)
class ReplacementTest {
  private static final Duration DEADLINE = Duration.ofSeconds(20);
  private static final int SIGUSR1 = 10;
  private static final int SIGUSR2 = 12;
  private static final int NO_SYSTEM_CALL = 100_000;
  private static final String NET = "10.213.77.";
  private static final String OUTSIDE = NET + "1";
  private static final String INSIDE = NET + "2";
  private static final int PORT = 4010;
  private static final int TIMEOUT_MILLIS = 5000;
  private static final int ROUNDS = 15;

  @TempDir Path state;
  private Keeper keeper;
  private Instances instances;
  private TestStore store;
  private Checkpointer checkpointer;
  private ForkProgram snapshot;

  @BeforeEach
  void start() {
    keeper = Keeper.start(state);
    instances = new Instances(state, keeper);
    store = new TestStore(keeper);
    checkpointer = new Checkpointer(store.device(RegionKind.HUGE), store.device(RegionKind.SMALL));
  }

  @AfterEach
  void stop() throws Exception {
    // It goes with the other end's namespace, but some time after the namespace's last process.
    new ProcessBuilder("ip", "link", "del", outer()).start().waitFor();
    if (snapshot != null) {
      snapshot.close();
    }
    store.close();
    checkpointer.close();
    keeper.shutdown();
  }

  // ---- an instance with a device

  private Instance serve(final String address, final String... reuse) throws Exception {
    final List<String> command = new ArrayList<>();
    command.addAll(List.of(VictimHost.victim("rollback_network"), address, Integer.toString(PORT)));
    command.addAll(List.of(reuse));
    final Instance instance = instances.run(RunSpec.of(command.toArray(String[]::new)), DEADLINE);
    awaitLog(instance, "ready\n");
    attach(instance);
    instances.signal(instance, SIGUSR2);
    awaitLog(instance, "ready\nlistening\n");
    return instance;
  }

  /** What a platform does: a pair of devices, one of them in the instance, with a route. */
  private static void attach(final Instance instance) throws Exception {
    final String pid = Integer.toString(instance.pid());
    final String outer = outer();
    run("ip", "link", "add", outer, "type", "veth", "peer", "name", "eth1", "netns", pid);
    run("ip", "addr", "add", OUTSIDE + "/24", "dev", outer);
    run("ip", "link", "set", outer, "up");
    inside(instance, "ip", "addr", "add", INSIDE + "/24", "dev", "eth1");
    inside(instance, "ip", "link", "set", "eth1", "up");
    inside(instance, "ip", "route", "add", "10.214.0.0/16", "via", OUTSIDE);
  }

  private static String outer() {
    return "vas" + ProcessHandle.current().pid();
  }

  private static String inside(final Instance instance, final String... command) throws Exception {
    final List<String> line =
        new ArrayList<>(List.of("nsenter", "-n", "-t", Integer.toString(instance.pid())));
    line.addAll(List.of(command));
    return run(line.toArray(String[]::new));
  }

  private static String run(final String... command) throws Exception {
    final Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    final String output =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as("%s: %s", List.of(command), output).isZero();
    return output;
  }

  private static String network(final Instance instance) throws Exception {
    return inside(instance, "ip", "-o", "-4", "addr", "show")
        + inside(instance, "ip", "link", "show", "eth1")
        + inside(instance, "ip", "route", "show");
  }

  private static void awaitLog(final Instance instance, final String expected) throws Exception {
    final long end = System.nanoTime() + DEADLINE.toNanos();
    while (!Files.readString(instance.logFile()).equals(expected) && System.nanoTime() < end) {
      LockSupport.parkNanos(2_000_000);
    }
    assertThat(instance.logFile()).hasContent(expected);
  }

  /** How many connections it has had, as it says. This one it closes. */
  private static String ask() throws IOException {
    try (Socket socket = connect()) {
      final String told = line(socket);
      socket.getOutputStream().write('x');
      assertThat(socket.getInputStream().read()).isEqualTo(-1);
      return told;
    }
  }

  private static Socket connect() throws IOException {
    final Socket socket = new Socket(INSIDE, PORT);
    socket.setSoTimeout(TIMEOUT_MILLIS);
    return socket;
  }

  private static String line(final Socket socket) throws IOException {
    final InputStream in = socket.getInputStream();
    final StringBuilder text = new StringBuilder();
    for (int c = in.read(); c >= 0 && c != '\n'; c = in.read()) {
      text.append((char) c);
    }
    return text.toString();
  }

  private static boolean isOver(final Socket socket) throws IOException {
    try {
      return socket.getInputStream().read() == -1;
    } catch (final SocketException e) {
      return true;
    }
  }

  private void snapshot(final Instance instance) {
    snapshot = compile(instance);
  }

  private ForkProgram compile(final Instance instance) {
    final TestStore.Entry entry = store.newEntry();
    final var taken = checkpointer.take(instance, entry, DEADLINE, FreezeMode.LIVE);
    entry.publish(List.of());
    return ForkCompiler.compile(taken.image(), entry, MemoryStrategy.MAP);
  }

  // ---- the device stays

  @ParameterizedTest
  @CsvSource({"0.0.0.0, false", "0.0.0.0, true", INSIDE + ", false", INSIDE + ", true"})
  void shouldKeepDevicesWithAddressesAndRoutes(final String address, final boolean reuses)
      throws Exception {
    final Instance instance = reuses ? serve(address, "reuse") : serve(address);
    assertThat(ask()).isEqualTo("0");
    snapshot(instance);
    for (int i = 0; i < 3; i++) {
      final String before = network(instance);
      final int pid = instance.pid();
      assertThat(ask()).isEqualTo("1");
      try (Socket open = connect()) {
        open.getOutputStream().write('k');
        assertThat(line(open)).isEqualTo("2");

        final Instances.Replacement done = instances.replace(instance, snapshot, "s", DEADLINE);

        assertThat(done.lost()).isEmpty();
        assertThat(done.isNetworkKept()).isTrue();
        assertThat(done.frozenNanos()).isPositive();
        assertThat(isOver(open)).isTrue();
      }
      assertThat(instance.pid()).isNotEqualTo(pid);
      assertThat(network(instance)).isEqualTo(before);
      assertThat(run("nsenter", "-m", "-t", "" + instance.pid(), "ls", "/sys/class/net"))
          .isEqualTo("eth1\nlo\n");
      assertThat(keeper.list()).hasSize(1);
    }
    assertThat(ask()).isEqualTo("1");
    assertThat(instance.state()).isEqualTo(Instance.State.RUNNING);
    assertThat(instance.logFile()).hasContent("ready\nlistening\n");
  }

  @Test
  void shouldStayPausedWithItsDevice() throws Exception {
    final Instance instance = serve("0.0.0.0");
    snapshot(instance);
    instances.pause(instance);
    final String before = network(instance);

    assertThat(instances.replace(instance, snapshot, "s", DEADLINE).isNetworkKept()).isTrue();

    assertThat(instance.isPaused()).isTrue();
    assertThat(network(instance)).isEqualTo(before);
    instances.resume(instance);
    assertThat(ask()).isEqualTo("0");
  }

  /** Ends are told one after the other, to those that wait for the keeper, too. */
  @Test
  void shouldReplaceSeveralAtOnce() throws Exception {
    final Instance instance = serve("0.0.0.0");
    final Instance one = instances.run(RunSpec.of("sleep", "1000"), DEADLINE);
    final Instance other = instances.run(RunSpec.of("sleep", "1000"), DEADLINE);
    snapshot(instance);
    try (ForkProgram first = compile(one);
        ForkProgram second = compile(other)) {
      for (int i = 0; i < ROUNDS; i++) {
        final var replacing = replaceAsync(instance, snapshot);
        final var replacingOne = replaceAsync(one, first);
        final var replacingOther = replaceAsync(other, second);
        assertThat(replacing.get(20, SECONDS)).isTrue();
        assertThat(replacingOne.get(20, SECONDS)).isFalse();
        assertThat(replacingOther.get(20, SECONDS)).isFalse();
        assertThat(ask()).isEqualTo("0");
      }
    }
    assertThat(keeper.list()).hasSize(3);
  }

  private CompletableFuture<Boolean> replaceAsync(
      final Instance instance, final ForkProgram program) {
    return CompletableFuture.supplyAsync(
        () -> instances.replace(instance, program, "s", DEADLINE).isNetworkKept());
  }

  @Test
  void shouldMakeANewNamespaceWhereNobodyHasPutADevice() {
    final Instance instance = instances.run(RunSpec.of("sleep", "1000"), DEADLINE);
    snapshot(instance);

    final Instances.Replacement done = instances.replace(instance, snapshot, "s", DEADLINE);

    assertThat(done.isNetworkKept()).isFalse();
    assertThat(done.lost()).isEmpty();
  }

  // ---- what fails before the commit point

  private void expectNothingChanged(final Instance instance, final String message)
      throws Exception {
    final String before = network(instance);
    final int pid = instance.pid();
    final int asked = Integer.parseInt(ask());
    try (Socket open = connect()) {
      assertThatExceptionOfType(VasException.class)
          .isThrownBy(() -> instances.replace(instance, snapshot, "s", DEADLINE))
          .withMessageContaining(message);
      assertThat(line(open)).isEqualTo(Integer.toString(asked + 1));
    }
    assertThat(instance.pid()).isEqualTo(pid);
    assertThat(network(instance)).isEqualTo(before);
    assertThat(ask()).isEqualTo(Integer.toString(asked + 2));
    assertThat(keeper.list()).hasSize(1);
  }

  @Test
  void shouldLeaveAnInstanceAsItIsWhateverFailsBeforeTheCommitPoint() throws Exception {
    final Instance instance = serve("0.0.0.0");
    snapshot(instance);
    final Program program = snapshot.program();
    // Which the first fork comes to.
    for (final String step : List.of("enter it", "go to the root")) {
      failing(stepOf(program, step), () -> expectNothingChanged(instance, step));
    }
    // Which only the second one does, before it has asked.
    failing(stepOf(program, "ask for it"), () -> expectNothingChanged(instance, "ask for it"));
    final Path part = Files.createDirectory(instance.file("replacement.part"));
    expectNothingChanged(instance, "cannot write in");
    Files.delete(part);

    assertThat(instances.replace(instance, snapshot, "s", DEADLINE).isNetworkKept()).isTrue();
    assertThat(ask()).isEqualTo("0");
  }

  // ---- what fails behind it

  /** Somebody else's process listens at the port by now, which only the fork itself can find. */
  @Test
  void shouldGoOnWithoutTheDeviceWhenItFailsBehindTheCommitPoint() throws Exception {
    final Instance instance = serve("0.0.0.0", "reuse");
    assertThat(ask()).isEqualTo("0");
    snapshot(instance);
    assertThat(ask()).isEqualTo("1");
    instances.signal(instance, SIGUSR1);
    awaitLog(instance, "ready\nlistening\nclosed\n");
    final String pid = Integer.toString(instance.pid());
    final Process other =
        new ProcessBuilder(
                "nsenter",
                "-n",
                "-t",
                pid,
                VictimHost.victim("rollback_network"),
                INSIDE,
                Integer.toString(PORT),
                "reuse")
            .start();
    try (BufferedReader said = other.inputReader()) {
      assertThat(said.readLine()).isEqualTo("ready");
      Signals.send((int) other.pid(), SIGUSR2);
      assertThat(said.readLine()).isEqualTo("listening");

      final Instances.Replacement done = instances.replace(instance, snapshot, "s", DEADLINE);

      assertThat(done.isNetworkKept()).isFalse();
      assertThat(done.lost()).hasValueSatisfying(what -> assertThat(what).contains("eth1", "bind"));
      assertThat(ask()).as("the other one's").isEqualTo("0");
    } finally {
      other.destroyForcibly().waitFor();
    }
    assertThat(instance.state()).isEqualTo(Instance.State.RUNNING);
    assertThat(NetworkNamespace.devices(instance.pid())).isEmpty();
    assertThat(
            inside(
                instance,
                "bash",
                "-c",
                "exec 3<>/dev/tcp/127.0.0.1/" + PORT + "; read -u 3 n; echo $n; echo x >&3"))
        .isEqualTo("1\n");
    assertThat(keeper.list()).hasSize(1);
  }

  private interface Expectation {
    void check() throws Exception;
  }

  private static int stepOf(final Program program, final String name) {
    int step = 0;
    while (!program.stepName(step).equals(name)) {
      step++;
    }
    return step;
  }

  /** A step that is made to fail: the kernel knows no such call. */
  private void failing(final int step, final Expectation expectation) throws Exception {
    final ProgramFile file = snapshot.file();
    final byte[] bytes = file.program().bytes();
    final int at =
        ByteBuffer.wrap(bytes).order(LITTLE_ENDIAN).getInt(ProgramDescriptor.OPS_OFFSET_OFFSET)
            + step * ProgramDescriptor.OP_LENGTH
            + ProgramDescriptor.OP_NUMBER_OFFSET;
    final ByteBuffer number = ByteBuffer.allocateDirect(Integer.BYTES).order(LITTLE_ENDIAN);
    number.putInt(0, NO_SYSTEM_CALL);
    FileIo.pwrite(file.fd(), number.duplicate(), file.codeLength() + (long) at);
    try {
      expectation.check();
    } finally {
      number.put(0, bytes, at, Integer.BYTES);
      FileIo.pwrite(file.fd(), number.duplicate(), file.codeLength() + (long) at);
    }
  }
}
