package io.vas.core.memory;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.VictimHost;
import io.vas.core.testing.VictimInstance;
import io.vas.core.testing.VictimSnapshot;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A victim does every madvise, mremap, mprotect, brk, mmap, mlock and fork in random order. It is
 * its own oracle: the one that was never restored, a fork by map and a fork by copy, which all
 * start from the same state and the same random numbers, must see the same.
 */
@ExtendWith(LeakCheck.class)
class MemoryOracleTest {
  private static final int ROUNDS = 4;
  private static final int STEPS = 250;

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

  private void compare(final long seed) {
    System.out.println("memory oracle: seed " + seed);
    final VictimInstance original =
        host.run("oracle_memory", Long.toString(seed), Integer.toString(STEPS));
    try (VictimSnapshot snapshot = original.snapshot();
        VictimInstance mapped = snapshot.fork(MemoryStrategy.MAP);
        VictimInstance copied = snapshot.fork(MemoryStrategy.COPY)) {
      for (int round = 1; round <= ROUNDS; round++) {
        final String expected = original.ask();
        assertThat(expected).startsWith("digest " + round);
        assertThat(copied.ask()).as("copy, seed %d", seed).isEqualTo(expected);
        assertThat(mapped.ask()).as("map, seed %d", seed).isEqualTo(expected);
      }
    }
  }

  /** The second has a child grow memory of which a part has guard pages. */
  @ParameterizedTest
  @ValueSource(longs = {42, 3908055847598110314L})
  void shouldBehaveAlikeByMapAndByCopyWithAKnownSeed(final long seed) {
    compare(seed);
  }

  @RepeatedTest(3)
  void shouldBehaveAlikeByMapAndByCopyWithARandomSeed() {
    compare(Long.getLong("oracle.seed", new Random().nextLong() >>> 1));
  }

  @Test
  void shouldBehaveAlikeWhileTheKeeperIsReplaced() throws Exception {
    final AtomicBoolean done = new AtomicBoolean();
    final CompletableFuture<Integer> times =
        CompletableFuture.supplyAsync(
            () -> {
              int count = 0;
              for (; !done.get(); count++) {
                host.keeper().replace();
              }
              return count;
            });
    try {
      compare(new Random().nextLong() >>> 1);
    } finally {
      done.set(true);
    }
    assertThat(times.get(30, TimeUnit.SECONDS)).isGreaterThan(2);
  }

  @Tag("soak")
  @RepeatedTest(200)
  void shouldBehaveAlikeManyTimes() {
    compare(new Random().nextLong() >>> 1);
  }
}
