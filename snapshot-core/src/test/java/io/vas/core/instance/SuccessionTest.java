package io.vas.core.instance;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.core.checkpoint.Checkpointer;
import io.vas.core.keeper.FreezeMode;
import io.vas.core.keeper.Keeper;
import io.vas.core.keeper.Listed;
import io.vas.core.linux.Pidfd;
import io.vas.core.linux.Signals;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.memory.RegionKind;
import io.vas.core.restore.ForkCompiler;
import io.vas.core.restore.ForkProgram;
import io.vas.core.sandbox.RunSpec;
import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.TestStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A fork is to take an instance's place, and stands still until it does: nobody else may see to it.
 */
@ExtendWith(LeakCheck.class)
class SuccessionTest {
  private static final Duration DEADLINE = Duration.ofSeconds(20);

  @TempDir Path state;
  private Keeper keeper;
  private TestStore store;
  private Checkpointer checkpointer;
  private ForkProgram program;
  private Instance predecessor;
  private Instance heir;

  @BeforeEach
  void start() {
    keeper = Keeper.start(state);
    store = new TestStore(keeper);
    checkpointer = new Checkpointer(store.device(RegionKind.HUGE), store.device(RegionKind.SMALL));
    final Instances instances = new Instances(state, keeper);
    predecessor = instances.run(RunSpec.of("sleep", "1000"), DEADLINE);
    final TestStore.Entry entry = store.newEntry();
    final var taken = checkpointer.take(predecessor, entry, DEADLINE, FreezeMode.STOP);
    entry.publish(List.of());
    program = ForkCompiler.compile(taken.image(), entry, MemoryStrategy.MAP);
    heir = instances.fork(program, "s", 0, "", Instances.Start.PAUSED, DEADLINE).instance();
  }

  @AfterEach
  void stop() {
    keeper.shutdown();
  }

  private boolean standsStill() throws IOException {
    return Files.readString(Path.of("/proc", Integer.toString(heir.pid()), "status"))
        .contains("State:\tt");
  }

  private void endPredecessor() {
    try (Pidfd process = Pidfd.open(predecessor.pid())) {
      process.signal(Signals.SIGKILL);
      assertThat(process.awaitExit((int) DEADLINE.toMillis())).isTrue();
    }
  }

  private void losesItsDaemon() {
    program.close();
    store.close();
    checkpointer.close();
    keeper.close();
  }

  private void findsAnother() {
    keeper = Keeper.connect(state.resolve(Keeper.SOCKET));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void shouldGoOnWithoutADaemonWhenItsPredecessorHasEnded(final boolean endsFirst)
      throws Exception {
    keeper.succeed(heir.id(), predecessor.id());
    if (endsFirst) {
      endPredecessor();
      predecessor.exit().get();
      assertThat(standsStill()).isTrue();
    }

    losesItsDaemon();
    if (!endsFirst) {
      endPredecessor();
    }

    for (int i = 0; i < 5000 && standsStill(); i++) {
      Thread.sleep(1);
    }
    assertThat(standsStill()).isFalse();
    findsAnother();
    assertThat(keeper.list()).hasSize(1).noneMatch(Listed::paused);
  }

  @Test
  void shouldStandStillIfItIsNotToSucceedAnyMore() throws Exception {
    keeper.succeed(heir.id(), predecessor.id());
    keeper.succeed(heir.id(), 0);
    endPredecessor();
    predecessor.exit().get();

    losesItsDaemon();
    findsAnother();

    assertThat(keeper.list()).hasSize(1).allMatch(Listed::paused);
    assertThat(standsStill()).isTrue();
  }

  @Test
  void shouldStandStillAsLongAsItsPredecessorLives() throws Exception {
    keeper.succeed(heir.id(), predecessor.id());

    losesItsDaemon();
    findsAnother();

    assertThat(keeper.list()).hasSize(2).filteredOn(Listed::paused).hasSize(1);
    assertThat(standsStill()).isTrue();
  }
}
