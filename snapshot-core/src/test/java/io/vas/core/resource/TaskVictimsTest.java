package io.vas.core.resource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.UnsupportedException;
import io.vas.core.linux.Capability;
import io.vas.core.sandbox.RunSpec;
import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.VictimHost;
import io.vas.core.testing.VictimInstance;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(LeakCheck.class)
class TaskVictimsTest {
  private static final int SIGUSR1 = 10;
  private static final int SIGCONT = 18;
  private static final int SIGSTOP = 19;

  @TempDir Path directory;
  private VictimHost host;

  @BeforeEach
  void start() {
    host = new VictimHost(directory);
  }

  @AfterEach
  void stop() {
    host.close();
  }

  private VictimInstance runWith(
      final Set<Capability> capabilities, final String name, final String... arguments) {
    final List<String> command = new ArrayList<>(List.of(VictimHost.victim(name)));
    command.addAll(List.of(arguments));
    return host.run(new RunSpec(name, command, Map.of(), "/", capabilities, false));
  }

  @Test
  void shouldKeepSignalActions() {
    host.run("task_signal_actions").expectToSurvive();
  }

  @Test
  void shouldKeepPendingSignals() {
    host.run("task_pending_signals").expectToSurvive();
  }

  @Test
  void shouldKeepSignalMasksAndStacks() {
    host.run("task_signal_stacks").expectToSurvive();
  }

  @Test
  void shouldKeepIntervalTimers() {
    host.run("task_interval_timers").expectToSurvive();
  }

  @Test
  void shouldKeepThePeriodOfATimerWhoseSignalWaits() {
    host.run("task_interval_pending").expectToSurvive();
  }

  @Test
  void shouldKeepPosixTimers() {
    host.run("task_posix_timers").expectToSurvive();
  }

  @Test
  void shouldPlanAnewForTimersWithHighIds() {
    host.run("task_posix_timers", "high").expectToSurvive();
  }

  @Test
  void shouldKeepCredentials() {
    host.run("task_credentials").expectToSurvive();
  }

  @Test
  void shouldKeepLimits() {
    host.run("task_limits").expectToSurvive();
  }

  @Test
  void shouldKeepScheduling() {
    runWith(Set.of(Capability.SYS_NICE), "task_scheduling", "realtime").expectToSurvive();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "sealed"})
  void shouldKeepAttributes(final String mode) {
    host.run("task_attributes", mode).expectToSurvive();
  }

  @Test
  void shouldKeepHostNames() {
    runWith(Set.of(Capability.SYS_ADMIN), "task_attributes", "renamed").expectToSurvive();
  }

  @ParameterizedTest
  @ValueSource(strings = {"none", "fault", "now"})
  void shouldKeepLockingOfMappingsToCome(final String mode) {
    runWith(Set.of(Capability.IPC_LOCK), "task_lock_future", mode).expectToSurvive();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "jail"})
  void shouldKeepDirectories(final String mode) {
    host.run("task_directories", mode).expectToSurvive();
  }

  @Test
  void shouldKeepWhatTheKernelKnowsOfThreadsMemory() {
    host.run("task_thread_pointers").expectToSurvive();
  }

  @ParameterizedTest
  @CsvSource({
    "task_strict, first, , 1",
    "task_strict, other, , 2",
    "task_unsupported, seccomp, 0, 1",
    "task_unsupported, seccomp, 1, 2",
  })
  void shouldRunNothingInTaskWithSeccomp(
      final String name, final String mode, final String which, final int task) {
    final VictimInstance victim =
        which == null ? host.run(name, mode) : host.run(name, mode, which);
    for (int i = 0; i < 2; i++) {
      assertThatExceptionOfType(UnsupportedException.class)
          .isThrownBy(victim::snapshot)
          .satisfies(
              e -> {
                assertThat(e.kind()).isEqualTo("seccomp");
                assertThat(e.reason()).endsWith("task " + task);
                assertThat(e.pid()).isEqualTo(victim.pid());
                assertThat(e.exitCode()).isEqualTo(3);
              });
      victim.expectOk();
    }
  }

  @Test
  void shouldRefuseStoppedInstanceAndLeaveItStopped() throws IOException {
    final VictimInstance victim = host.run("task_signal_actions");
    victim.signal(SIGSTOP);
    awaitState(victim, "T");
    for (int i = 0; i < 2; i++) {
      assertThatExceptionOfType(UnsupportedException.class)
          .isThrownBy(victim::snapshot)
          .satisfies(
              e -> {
                assertThat(e.kind()).isEqualTo("stopped task");
                assertThat(e.pid()).isEqualTo(victim.pid());
              });
      // The kernel stops a task that is let go when it next comes to user mode.
      awaitState(victim, "T");
    }
    victim.signal(SIGUSR1);
    victim.signal(SIGCONT);
    victim.awaitLine("ok");
    victim.expectToSurvive();
  }

  @Test
  void shouldKeepStopThatComesWhileItIsFrozen() throws Exception {
    final VictimInstance victim = host.run("task_signal_stacks");
    final Random random = new Random(7);
    int taken = 0;
    for (int i = 0; i < 40; i++) {
      final long delay = random.nextInt(12_000_000);
      final Thread stopper =
          new Thread(
              () -> {
                LockSupport.parkNanos(delay);
                victim.signal(SIGSTOP);
              });
      stopper.start();
      try {
        victim.snapshot().close();
        taken++;
      } catch (final UnsupportedException e) {
        assertThat(e.kind()).isEqualTo("stopped task");
      }
      stopper.join();
      awaitState(victim, "T");
      victim.signal(SIGCONT);
      victim.expectOk();
    }
    assertThat(taken).as("snapshots that were faster than the stop").isPositive();
  }

  private static void awaitState(final VictimInstance victim, final String state)
      throws IOException {
    final Path tasks = Path.of("/proc", Integer.toString(victim.pid()), "task");
    final long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (true) {
      final Set<String> states = new HashSet<>();
      try (Stream<Path> list = Files.list(tasks)) {
        for (final Path task : list.toList()) {
          final String stat = Files.readString(task.resolve("stat"));
          states.add(stat.substring(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3));
        }
      }
      if (states.equals(Set.of(state))) {
        return;
      }
      assertThat(System.nanoTime()).as("its tasks are %s", states).isLessThan(end);
      Thread.onSpinWait();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "seccomp, seccomp",
    "shm, System V IPC",
    "sem, System V IPC",
    "msg, System V IPC",
    "queue, file",
    "time, time namespace",
    "deadline, scheduling",
    "cwd, working directory",
    "thread-timer, POSIX timer 0",
    "umask, sharing",
    "files, sharing",
  })
  void shouldRefuseAndChangeNothing(final String mode, final String kind) {
    final VictimInstance victim =
        runWith(
            Set.of(Capability.SYS_NICE, Capability.SYS_ADMIN, Capability.SYS_TIME),
            "task_unsupported",
            mode);
    assertThatExceptionOfType(UnsupportedException.class)
        .isThrownBy(victim::snapshot)
        .satisfies(
            e -> {
              assertThat(e.kind()).isEqualTo(kind);
              assertThat(e.pid()).isEqualTo(victim.pid());
              assertThat(e.exitCode()).isEqualTo(3);
            });
    victim.expectOk();
  }
}
