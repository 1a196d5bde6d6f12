package io.vas.core.restore;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.core.memory.MemoryStrategy;
import io.vas.core.sandbox.RunSpec;
import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.VictimHost;
import io.vas.core.testing.VictimInstance;
import io.vas.core.testing.VictimSnapshot;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(LeakCheck.class)
class MemoryVictimsTest {
  private static final int KILLS = 100;

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

  @ParameterizedTest
  @ValueSource(
      strings = {
        "mem_private",
        "mem_files",
        "mem_advice",
        "mem_stack",
        "mem_guards",
        "mem_low",
        "mem_forgotten",
        "mem_sealed"
      })
  void shouldFindMemoryAsItWas(final String victim) {
    host.run(victim).expectToSurvive();
  }

  @Test
  void shouldLookThroughToFilesThatAreMappedFromRegion() {
    final VictimInstance victim = host.run("mem_relocated");
    victim.expectToSurvive();
    try (VictimSnapshot snapshot = victim.snapshot()) {
      assertThat(snapshot.program().memoryPlan().mappedFiles()).hasSizeGreaterThan(9);
    }
  }

  /** Also where the keeper makes a thread do what another one's call asks for. */
  @Test
  void shouldEndWheneverItIsKilled() {
    try (VictimSnapshot snapshot = host.run("mem_reallocs").snapshot()) {
      for (int i = 0; i < KILLS; i++) {
        try (VictimInstance fork = snapshot.fork(MemoryStrategy.MAP)) {
          fork.expectOk();
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"thread_registers", "call_interrupted"})
  void shouldGoOnWhereItWas(final String victim) {
    host.run(victim).expectToSurvive();
  }

  @Test
  void shouldLetTimeoutsEndHoweverOftenItIsStopped() {
    final VictimInstance victim = host.run("call_timeouts");
    victim.expectOk();
    snapshotOftenAndAsk(victim, 200);
    try (VictimSnapshot snapshot = victim.snapshot();
        VictimInstance fork = snapshot.fork(MemoryStrategy.MAP)) {
      // Since the original was asked the fork has not been there all the time.
      fork.ask();
      snapshotOftenAndAsk(fork, 50);
    }
  }

  private static void snapshotOftenAndAsk(final VictimInstance victim, final int times) {
    for (int i = 0; i < times; i++) {
      victim.snapshot().close();
    }
    victim.expectOk();
  }

  @ParameterizedTest
  @EnumSource
  void shouldWipeOnForkOnly(final MemoryStrategy strategy) {
    final VictimInstance victim = host.run("mem_wipe");
    try (VictimSnapshot snapshot = victim.snapshot();
        VictimInstance fork = snapshot.fork(strategy)) {
      assertThat(victim.ask()).isEqualTo("kept");
      assertThat(fork.ask()).isEqualTo("zero");
    }
  }

  @Test
  void shouldMapLargeMemoryAndCopyLittle() {
    final VictimInstance victim = host.run("mem_private");
    try (VictimSnapshot snapshot = victim.snapshot();
        VictimInstance fork = snapshot.fork(MemoryStrategy.MAP)) {
      assertThat(snapshot.program().memoryPlan().entries())
          .anyMatch(
              entry -> entry.strategy() == MemoryStrategy.MAP && entry.runs().bytes() >= 8 << 20)
          .anyMatch(
              entry ->
                  entry.strategy() == MemoryStrategy.COPY && entry.reason().equals("few pages"));
      fork.expectOk();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "libjemalloc.so.2"})
  void shouldGiveZerosToAnAllocatorThatTrustsFreedMemory(final String preloaded) {
    final RunSpec spec =
        new RunSpec(
            "allocator",
            List.of(VictimHost.victim("mem_allocator")),
            Map.of("LD_PRELOAD", preloaded, "MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0"),
            "/",
            Set.of(),
            false);
    host.run(spec).expectToSurvive();
  }
}
