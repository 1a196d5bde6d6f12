package io.vas.core.resource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.UnsupportedException;
import io.vas.core.linux.Capability;
import io.vas.core.sandbox.RunSpec;
import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.VictimHost;
import io.vas.core.testing.VictimInstance;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
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
