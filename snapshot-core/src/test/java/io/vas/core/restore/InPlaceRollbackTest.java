package io.vas.core.restore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.checkpoint.WantedFiles;
import io.vas.core.keeper.FreezeMode;
import io.vas.core.keeper.Keeper;
import io.vas.core.keeper.MendException;
import io.vas.core.keeper.MendStage;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.sandbox.RunSpec;
import io.vas.core.testing.VictimHost;
import io.vas.core.testing.VictimInstance;
import io.vas.core.testing.VictimSnapshot;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Victims change, are put back in the processes that they are, and find nothing changed. */
class InPlaceRollbackTest extends InPlaceTest {
  /** Longer than a keeper that opened a file for each would get on with. */
  private static final int CHAIN = 60;

  private static final int ROUNDS = 30;

  private static final String VICTIM = "rollback_changes";

  private static void change(final VictimInstance victim) {
    victim.signal(SIGUSR2);
    victim.awaitLine("changed");
    assertThat(victim.ask()).startsWith("FAILED: ");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "pages",
        "map",
        "unmap",
        "move",
        "protection",
        "heap",
        "heap-less",
        "zap",
        "position",
        "pipe",
        "signals",
        "open",
        "open-others",
        "close",
        "close-pipes",
        "close-sockets",
        "dup",
        "swap",
        "reuse",
        "cloexec",
        "thread-start",
        "threads",
        "fork",
        "forks",
        "fork-in-thread",
        "fork-blocked",
        "fork-ignored",
        "files"
      })
  void shouldUndoInPlaceWhatAVictimHasChanged(final String what) {
    try (VictimInstance victim = host.run(VICTIM, what)) {
      victim.expectOk();
      try (VictimSnapshot snapshot = victim.snapshot()) {
        undoTwice(victim, snapshot);
        for (final MemoryStrategy strategy : MemoryStrategy.values()) {
          try (VictimInstance fork = snapshot.fork(strategy)) {
            undoTwice(fork, snapshot);
            try (VictimSnapshot own = fork.snapshot()) {
              undoTwice(fork, own);
              undoTwice(fork, snapshot);
            }
          }
        }
        victim.expectOk();
      }
    }
  }

  private void undoTwice(final VictimInstance victim, final VictimSnapshot snapshot) {
    final int pid = victim.pid();
    victim.expectOk();
    final List<Integer> had = had(pid);
    for (int i = 0; i < 2; i++) {
      change(victim);
      assertThat(rollBack(victim, snapshot).frozenNanos()).isPositive();
      victim.expectOk();
      rollBack(victim, snapshot);
      victim.expectOk();
    }
    assertThat(victim.pid()).isEqualTo(pid);
    assertThat(had(pid)).isEqualTo(had);
  }

  /** How many descriptors and threads a process has. */
  private static List<Integer> had(final int pid) {
    return Stream.of("fd", "task").map(name -> count(Path.of("/proc/" + pid, name))).toList();
  }

  private static int count(final Path directory) {
    try (Stream<Path> list = Files.list(directory)) {
      return (int) list.count();
    } catch (final IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * The keeper has descriptors for children that were forked of guarded memory. Some fork while it
   * stops their parents; they took longer to be forked, and were met there, once writes were
   * tracked.
   */
  @ParameterizedTest
  @ValueSource(
      strings = {"open-others", "close-pipes", "close-sockets", "reuse", "threads", "forks"})
  void shouldLeaveNothingBehindHoweverOftenItIsDone(final String what) {
    try (VictimInstance first = host.run(VICTIM, what);
        VictimSnapshot snapshot = first.snapshot();
        VictimInstance victim = snapshot.fork(MemoryStrategy.MAP);
        VictimSnapshot own = victim.snapshot()) {
      final List<Integer> before = hadWithKeeper(victim.pid(), List.of());
      for (int i = 0; i < ROUNDS; i++) {
        change(victim);
        rollBack(victim, i % 2 == 0 ? snapshot : own);
        victim.expectOk();
      }
      assertThat(hadWithKeeper(victim.pid(), before)).isEqualTo(before);
    }
  }

  /** The keeper closes what came with a request when it has answered. */
  private List<Integer> hadWithKeeper(final int pid, final List<Integer> expected) {
    List<Integer> last = List.of();
    for (int i = 0; i < 100; i++) {
      final List<Integer> now = new ArrayList<>(had(pid));
      now.addAll(had(host.keeper().pid()));
      if (now.equals(expected) || (expected.isEmpty() && now.equals(last))) {
        return now;
      }
      last = now;
      LockSupport.parkNanos(10_000_000);
    }
    return last;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"close-pipe", "close-writer", "close-socket", "open-locked", "thread-end"})
  void shouldLeaveAVictimAsItIsThatCanNotBePutBackInPlace(final String what) {
    try (VictimInstance victim = host.run(VICTIM, what);
        VictimSnapshot snapshot = victim.snapshot()) {
      rollBack(victim, snapshot);
      rollBack(victim, snapshot);
      change(victim);
      final String changed = victim.ask();
      assertThatExceptionOfType(NotInPlaceException.class)
          .isThrownBy(() -> rollBack(victim, snapshot));
      assertThat(victim.ask()).isEqualTo(changed);
    }
  }

  @Test
  void shouldNotWorkOutAgainWhatIsToBeMended() {
    try (VictimInstance victim = host.run(VICTIM, "pages");
        VictimSnapshot snapshot = victim.snapshot();
        VictimSnapshot later = victim.snapshot()) {
      for (int i = 0; i < 10; i++) {
        change(victim);
        rollBack(victim, snapshot);
        victim.expectOk();
      }
      // The first ones are worked out: its stack grows once, and what was mended is seen once.
      assertThat(rollback.repeats()).isBetween(5L, 9L);
      rollBack(victim, later);
      assertThat(rollback.repeats()).isLessThan(10);
      victim.expectOk();
    }
  }

  private VictimInstance runPrivileged(final String what) {
    return host.run(
        new RunSpec(
            VICTIM, List.of(VictimHost.victim(VICTIM), what), Map.of(), "/", Set.of(), true));
  }

  /** Paths would mean other files. */
  @Test
  void shouldNotGoBackToAnotherRootDirectory() {
    try (VictimInstance victim = runPrivileged("chroot");
        VictimSnapshot snapshot = victim.snapshot()) {
      change(victim);
      assertThatExceptionOfType(NotInPlaceException.class)
          .isThrownBy(() -> rollBack(victim, snapshot))
          .withMessageContaining("root directory");
    }
  }

  /** Of which nothing is recorded while it stands still. */
  @Test
  void shouldSeeANewNamespaceForChildren() {
    try (VictimInstance victim = runPrivileged("namespace");
        VictimSnapshot snapshot = victim.snapshot()) {
      while (rollback.repeats() == 0) {
        rollBack(victim, snapshot);
      }
      victim.signal(SIGUSR2);
      victim.awaitLine("changed");
      assertThatExceptionOfType(NotInPlaceException.class)
          .isThrownBy(() -> rollBack(victim, snapshot))
          .withMessageContaining("a new one for its children");
      victim.expectOk();
    }
  }

  @Test
  void shouldWriteOnlyPagesThatDiffer() {
    try (VictimInstance victim = host.run(VICTIM, "pages");
        VictimSnapshot snapshot = victim.snapshot()) {
      victim.expectOk();
      change(victim);
      // 103 pages of the area, 8 of global variables, 4 of the heap, 2 of the holes, and a few that
      // it
      // writes while it runs.
      assertThat(rollBack(victim, snapshot).pages()).isBetween(117L, 160L);
      assertThat(rollBack(victim, snapshot).pages()).isLessThan(40);
      victim.expectOk();
    }
  }

  private static void step(final VictimInstance victim, final int expected) {
    victim.signal(SIGUSR2);
    victim.awaitLine(Integer.toString(expected));
  }

  @ParameterizedTest
  @EnumSource(MemoryStrategy.class)
  void shouldGoBackToAnySnapshotOfAChain(final MemoryStrategy strategy) {
    final List<VictimSnapshot> chain = new ArrayList<>();
    try (VictimInstance first = host.run("rollback_counter")) {
      chain.add(first.snapshot());
      try (VictimInstance victim = chain.get(0).fork(strategy)) {
        for (int i = 1; i <= CHAIN; i++) {
          step(victim, i);
          chain.add(victim.snapshot(FreezeMode.LIVE, chain.get(i - 1)));
        }
        for (final int wanted : List.of(CHAIN, CHAIN / 2, 1, CHAIN - 1)) {
          rollBack(victim, chain.get(wanted));
          assertThat(victim.ask()).isEqualTo(Integer.toString(wanted));
          step(victim, wanted + 1);
          step(victim, wanted + 2);
        }
      }
    } finally {
      chain.forEach(VictimSnapshot::close);
    }
  }

  /** Whether it is worked out what is to be mended, or known from the time before. */
  private void makeKnown(
      final VictimInstance victim, final VictimSnapshot snapshot, final boolean isKnown) {
    while (isKnown && rollback.repeats() == 0) {
      change(victim);
      rollBack(victim, snapshot);
    }
    change(victim);
    // What has been changed is known, too, but for numbers that go on.
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void shouldGoOnAsItWasWhenItFailsBeforeTheCommitPoint(final boolean isKnown) {
    try (VictimInstance victim = host.run(VICTIM, "pages");
        VictimSnapshot snapshot = victim.snapshot()) {
      makeKnown(victim, snapshot, isKnown);
      final String changed = victim.ask();
      rollback.failingAt(MendStage.CHECK);
      assertThatExceptionOfType(MendException.class)
          .isThrownBy(() -> rollBack(victim, snapshot))
          .satisfies(e -> assertThat(e.isCommitted()).isFalse());
      assertThat(victim.ask()).isEqualTo(changed);
      rollback.failingAt(null);
      rollBack(victim, snapshot);
      victim.expectOk();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "PROGRAM, false",
    "PROGRAM, true",
    "PAGES, false",
    "PAGES, true",
    "TASKS, false",
    "TASKS, true"
  })
  void shouldStandStillWhenItFailsBehindTheCommitPoint(
      final MendStage stage, final boolean isKnown) {
    try (VictimInstance victim = host.run(VICTIM, "pages");
        VictimSnapshot snapshot = victim.snapshot()) {
      makeKnown(victim, snapshot, isKnown);
      rollback.failingAt(stage);
      assertThatExceptionOfType(MendException.class)
          .isThrownBy(() -> rollBack(victim, snapshot))
          .satisfies(e -> assertThat(e.isCommitted()).isTrue());
      assertThat(host.keeper().list()).allMatch(listed -> listed.paused() && listed.broken());
    }
  }

  @Test
  void shouldBeLetGoWhenTheDaemonGoesInItsMidst() throws Exception {
    final VictimInstance victim = host.run(VICTIM, "pages");
    host.checkpointer()
        .inspect(
            victim,
            new WantedFiles(Optional.empty(), Optional.empty(), List.of()),
            VictimHost.DEADLINE)
        .close();
    final Path status = Path.of("/proc", Integer.toString(victim.pid()), "status");
    assertThat(status).content().contains("State:\tt");
    host.keeper().close();
    final Keeper keeper = Keeper.connect(directory.resolve(Keeper.SOCKET));
    try {
      assertThat(keeper.list()).noneMatch(listed -> listed.paused());
      for (int i = 0; i < 1000 && Files.readString(status).contains("State:\tt"); i++) {
        Thread.sleep(1);
      }
      assertThat(status).content().doesNotContain("State:\tt");
    } finally {
      keeper.shutdown();
    }
  }
}
