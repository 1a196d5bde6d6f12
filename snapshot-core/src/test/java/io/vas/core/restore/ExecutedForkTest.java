package io.vas.core.restore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.keeper.FreezeMode;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.testing.VictimInstance;
import io.vas.core.testing.VictimSnapshot;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Of what the executor has left in a fork nothing is there any more when it executes a program. */
class ExecutedForkTest extends InPlaceTest {

  private static void execute(final VictimInstance victim, final int number) {
    victim.signal(SIGUSR2);
    victim.awaitLine("executed " + number);
    victim.awaitLine("ready");
    victim.expectOk();
  }

  @ParameterizedTest
  @CsvSource({"MAP, STOP", "MAP, LIVE", "COPY, STOP", "COPY, LIVE"})
  void shouldBeSnapshotted(final MemoryStrategy strategy, final FreezeMode mode) {
    try (VictimInstance victim = host.run("task_executes");
        VictimSnapshot snapshot = victim.snapshot();
        VictimInstance fork = snapshot.fork(strategy)) {
      execute(fork, 1);
      try (VictimSnapshot first = fork.snapshot(mode, snapshot);
          VictimInstance again = first.fork(strategy)) {
        fork.expectOk();
        again.expectOk();
        execute(again, 2);
        execute(fork, 2);
        try (VictimSnapshot second = again.snapshot(mode, first);
            VictimInstance last = second.fork(strategy)) {
          again.expectOk();
          last.expectOk();
        }
      }
      fork.expectOk();
    }
  }

  @ParameterizedTest
  @EnumSource(MemoryStrategy.class)
  void shouldBeSnapshottedWhatHadOneBefore(final MemoryStrategy strategy) {
    try (VictimInstance victim = host.run("task_executes");
        VictimSnapshot snapshot = victim.snapshot();
        VictimInstance fork = snapshot.fork(strategy);
        VictimSnapshot before = fork.snapshot(FreezeMode.LIVE, snapshot)) {
      fork.expectOk();
      execute(fork, 1);
      try (VictimSnapshot after = fork.snapshot(FreezeMode.LIVE, before);
          VictimInstance again = after.fork(strategy)) {
        fork.expectOk();
        again.expectOk();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(MemoryStrategy.class)
  void shouldBePutBackInPlaceAsLongAsItExecutesNothing(final MemoryStrategy strategy) {
    try (VictimInstance victim = host.run("task_executes");
        VictimSnapshot snapshot = victim.snapshot();
        VictimInstance fork = snapshot.fork(strategy)) {
      execute(fork, 1);
      try (VictimSnapshot own = fork.snapshot()) {
        for (int i = 0; i < 4; i++) {
          assertThat(rollBack(fork, own).frozenNanos()).isPositive();
          fork.expectOk();
        }
        assertThatExceptionOfType(NotInPlaceException.class)
            .isThrownBy(() -> rollBack(fork, snapshot));
        fork.expectOk();
        execute(fork, 2);
        assertThatExceptionOfType(NotInPlaceException.class).isThrownBy(() -> rollBack(fork, own));
        fork.expectOk();
      }
    }
  }
}
