package io.vas.core.keeper;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.core.memory.MemoryStrategy;
import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.VictimHost;
import io.vas.core.testing.VictimInstance;
import io.vas.core.testing.VictimSnapshot;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(LeakCheck.class)
class GuardCountsTest {
  @TempDir private Path directory;

  private VictimHost host;
  private GuardCounts counts;

  @BeforeEach
  void start() {
    host = new VictimHost(directory);
    counts = GuardCounts.of(host.keeper());
  }

  @AfterEach
  void stop() {
    counts.close();
    host.close();
  }

  private void expectNothing() {
    assertThat(counts.faults()).isZero();
    assertThat(counts.zaps()).isZero();
    assertThat(counts.children()).isZero();
    assertThat(counts.calls()).isZero();
  }

  private void askFork(
      final MemoryStrategy strategy, final String victim, final String... arguments) {
    final VictimInstance original = host.run(victim, arguments);
    try (VictimSnapshot snapshot = original.snapshot();
        VictimInstance fork = snapshot.fork(strategy)) {
      assertThat(fork.ask()).isNotEmpty();
    }
  }

  @Test
  void shouldCountFaultsOfForksByMapOnly() {
    askFork(MemoryStrategy.COPY, "mem_private");
    expectNothing();

    askFork(MemoryStrategy.MAP, "mem_private");

    // One at least for each 2 MiB of the memory that has a page here and there.
    assertThat(counts.faults()).isGreaterThanOrEqualTo(32);
    assertThat(counts.zaps()).isZero();
    assertThat(counts.calls()).isZero();
  }

  @Test
  void shouldCountZapsChildrenAndCalls() {
    askFork(MemoryStrategy.MAP, "oracle_memory", "42", "400");

    assertThat(counts.zaps()).isPositive();
    assertThat(counts.children()).isPositive();
    assertThat(counts.calls()).isPositive();
  }

  @Test
  void shouldTellTheSameWhoeverReadsThem() {
    askFork(MemoryStrategy.MAP, "mem_private");

    try (GuardCounts same = GuardCounts.of(host.keeper())) {
      assertThat(same.faults()).isPositive().isEqualTo(counts.faults());
    }
    assertThat(counts.faults()).isPositive();
  }
}
