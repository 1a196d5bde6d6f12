package io.vas.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import io.vas.core.keeper.FreezeMode;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.VictimHost;
import io.vas.core.testing.VictimInstance;
import io.vas.core.testing.VictimSnapshot;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@ExtendWith(LeakCheck.class)
class LiveSnapshotTest {
  private static final int COUNTER_SNAPSHOTS = 50;
  private static final int REMAP_SNAPSHOTS = 40;

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

  @RepeatedTest(10)
  void shouldShowCountersInAgreementInEverySnapshot() {
    final VictimInstance victim = host.run("live_counters");
    for (int i = 0; i < COUNTER_SNAPSHOTS; i++) {
      try (VictimSnapshot snapshot = victim.snapshot()) {
        assertThat(snapshot.checkpoint().roundPages()).as("rounds of snapshot %d", i).isNotEmpty();
        expectForkIsOk(snapshot, strategy(i));
      }
    }
    victim.expectOk();
  }

  @ParameterizedTest
  @EnumSource
  void shouldHoldWhatAVictimThatRemapsHas(final FreezeMode mode) {
    final int seed = new Random().nextInt(Integer.MAX_VALUE);
    System.out.println("live_remaps " + seed);
    final VictimInstance victim = host.run("live_remaps", Integer.toString(seed));
    for (int i = 0; i < REMAP_SNAPSHOTS; i++) {
      // Whatever tracking the other mode has left behind.
      final FreezeMode other = mode == FreezeMode.LIVE ? FreezeMode.STOP : FreezeMode.LIVE;
      try (VictimSnapshot snapshot = victim.snapshot(i % 8 == 7 ? other : mode)) {
        expectForkIsOk(snapshot, strategy(i));
      }
      if (i % 10 == 0) {
        victim.expectOk();
      }
    }
    victim.expectOk();
  }

  @Test
  void shouldNotTrackTheChildrenOfAVictim() {
    final int seed = new Random().nextInt(Integer.MAX_VALUE);
    System.out.println("live_remaps " + seed + " forks");
    final VictimInstance victim = host.run("live_remaps", Integer.toString(seed), "forks");
    int taken = 0;
    for (int i = 0; i < REMAP_SNAPSHOTS; i++) {
      try (VictimSnapshot snapshot = victim.snapshot()) {
        expectForkIsOk(snapshot, MemoryStrategy.MAP);
        taken++;
      } catch (final UnsupportedException e) {
        assertThat(e).hasMessageContaining("only instances of one process");
      }
      victim.expectOk();
    }
    assertThat(taken).isPositive();
  }

  @Test
  void shouldCopyLittleWhileFrozenWhatHardlyChanges() {
    final VictimInstance victim = host.run("live_remaps", "1");
    try (VictimSnapshot first = victim.snapshot();
        VictimInstance idle = host.run("mem_private");
        VictimSnapshot ofIdle = idle.snapshot();
        VictimSnapshot stopped = idle.snapshot(FreezeMode.STOP)) {
      assertThat(first.checkpoint().roundPages()).hasSizeGreaterThan(1);
      assertThat(stopped.checkpoint().roundPages()).isEmpty();
      assertThat(stopped.checkpoint().frozenPages()).isEqualTo(stopped.checkpoint().pages());
      assertThat(ofIdle.checkpoint().frozenPages()).isLessThan(stopped.checkpoint().frozenPages());
      assertThat(ofIdle.checkpoint().image().getProcesses(0).getMemory().getVmasList())
          .as("what the image shows of its mappings")
          .map(vma -> List.of(vma.getStart(), vma.getEnd(), vma.getFlags()))
          .isEqualTo(
              stopped.image().getProcesses(0).getMemory().getVmasList().stream()
                  .map(vma -> List.of(vma.getStart(), vma.getEnd(), vma.getFlags()))
                  .toList());
    }
  }

  private static MemoryStrategy strategy(final int i) {
    return i % 2 == 0 ? MemoryStrategy.MAP : MemoryStrategy.COPY;
  }

  @Test
  void shouldLetTheParentOfAVforkGoOn() {
    final VictimInstance victim = host.run("call_vfork");
    try (VictimSnapshot snapshot = victim.snapshot();
        VictimInstance fork = snapshot.fork(MemoryStrategy.MAP)) {
      for (final VictimInstance parent : List.of(victim, fork)) {
        parent.expectOk();
        for (int i = 0; i < 3; i++) {
          snapshotBetweenChildren(parent);
        }
        parent.expectOk();
      }
    }
  }

  @Test
  void shouldPauseTheParentOfAVfork() {
    final VictimInstance victim = host.run("call_vfork");
    victim.expectOk();
    for (int i = 0; i < 3; i++) {
      host.keeper().pause(victim.id());
      host.keeper().resume(victim.id());
    }
    victim.expectOk();
  }

  /** Where the executor's own memory lies between guarded ranges. */
  @Test
  void shouldTrackAForkThatHasMemoryBelowTheExecutor() {
    try (VictimSnapshot first = host.run("mem_low").snapshot();
        VictimInstance fork = first.fork(MemoryStrategy.MAP);
        VictimSnapshot second = fork.snapshot()) {
      assertThat(second.checkpoint().roundPages()).isNotEmpty();
      fork.expectOk();
      expectForkIsOk(second, MemoryStrategy.MAP);
    }
  }

  private static void snapshotBetweenChildren(final VictimInstance parent) {
    try {
      parent.snapshot().close();
    } catch (final VasException e) {
      // There is always one.
      assertThat(e).hasMessageContaining("child");
    }
  }

  private static void expectForkIsOk(final VictimSnapshot snapshot, final MemoryStrategy strategy) {
    try (VictimInstance fork = snapshot.fork(strategy)) {
      fork.expectOk();
    }
  }
}
