package io.vas.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.DeadlineException;
import io.vas.core.VasException;
import io.vas.core.keeper.FreezeException;
import io.vas.core.keeper.FreezeStage;
import io.vas.core.keeper.KeeperProtocolDescriptor;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.TestStore;
import io.vas.core.testing.VictimHost;
import io.vas.core.testing.VictimInstance;
import io.vas.core.testing.VictimSnapshot;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@ExtendWith(LeakCheck.class)
class CheckpointFaultsTest {
  private static final Duration DEADLINE = Duration.ofSeconds(10);
  private static final int KILLED = 128 + 9;

  @TempDir Path directory;
  private VictimHost host;
  private TestStore.Entry entry;

  @BeforeEach
  void start() {
    host = new VictimHost(directory);
    entry = host.store().newEntry();
  }

  @AfterEach
  void stop() {
    host.close();
  }

  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"UNKNOWN", "OBJECTS"})
  void shouldGoOnAfterAnError(final FreezeStage stage) {
    final VictimInstance victim = host.run("call_interrupted");
    host.checkpointer()
        .changing(request -> request.fault(stage, KeeperProtocolDescriptor.FAULT_ERRNO));
    assertThatExceptionOfType(FreezeException.class)
        .isThrownBy(() -> host.checkpointer().take(victim, entry, DEADLINE))
        .satisfies(e -> assertThat(e.stage()).isEqualTo(stage));
    victim.expectOk();
    host.checkpointer().changing(request -> request);
    try (VictimSnapshot snapshot = victim.snapshot();
        VictimInstance fork = snapshot.fork(MemoryStrategy.MAP)) {
      fork.expectOk();
    }
  }

  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"UNKNOWN", "OBJECTS"})
  void shouldGoOnWhenTimeIsUp(final FreezeStage stage) {
    final VictimInstance victim = host.run("call_interrupted");
    host.checkpointer()
        .changing(request -> request.fault(stage, KeeperProtocolDescriptor.FAULT_DEADLINE));
    assertThatExceptionOfType(DeadlineException.class)
        .isThrownBy(() -> host.checkpointer().take(victim, entry, DEADLINE));
    victim.expectOk();
  }

  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"UNKNOWN", "OBJECTS"})
  void shouldEndWithAnInstanceThatIsKilled(final FreezeStage stage) {
    final VictimInstance victim = host.run("call_interrupted");
    host.checkpointer()
        .changing(request -> request.fault(stage, KeeperProtocolDescriptor.FAULT_KILL));
    try {
      host.checkpointer().take(victim, entry, DEADLINE);
      // Killed so late that all had been recorded.
    } catch (final VasException e) {
      assertThat(e).hasMessageNotContaining("\n");
    }
    assertThat(victim.exitStatus().code()).isEqualTo(KILLED);
    assertThat(host.keeper().list()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(names = "COPY")
  void shouldGoOnWhenTheDeadlineIsTooShort(final FreezeStage any) {
    final VictimInstance victim = host.run("mem_private");
    assertThatExceptionOfType(DeadlineException.class)
        .as("%s is not reached", any)
        .isThrownBy(() -> host.checkpointer().take(victim, entry, Duration.ofNanos(1000)));
    victim.expectOk();
  }
}
