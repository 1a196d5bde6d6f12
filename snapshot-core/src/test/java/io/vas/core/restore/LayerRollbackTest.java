package io.vas.core.restore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.keeper.MendException;
import io.vas.core.keeper.MendReply;
import io.vas.core.keeper.MendStage;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.sandbox.RunSpec;
import io.vas.core.testing.VictimHost;
import io.vas.core.testing.VictimInstance;
import io.vas.core.testing.VictimSnapshot;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Victims change files, are put back in the processes that they are, and find all as it was. */
class LayerRollbackTest extends InPlaceTest {
  private static final int ROUNDS = 30;
  private static final String VICTIM = "rollback_files";

  /** What a victim does to its files. */
  static Stream<String> changes() {
    return Stream.of(
        "rewrite",
        "through",
        "extend",
        "delete",
        "rename",
        "exchange",
        "create",
        "unseen",
        "remove",
        "opaque",
        "types",
        "attributes",
        "set-id",
        "host",
        "descriptors",
        "cwd",
        "remove-cwd",
        "renew-cwd",
        "map",
        "all");
  }

  /** Which a fork that maps them is not put back in place after. */
  static Stream<String> changesOfMappedFiles() {
    return Stream.of("mapped", "truncate", "lone");
  }

  private static void change(final VictimInstance victim) {
    victim.signal(SIGUSR2);
    victim.awaitLine("changed");
    assertThat(victim.ask()).startsWith("FAILED: ");
  }

  private static boolean changedFiles(final MendReply reply) {
    return reply.stageNanos().get(MendStage.FILES) > 0;
  }

  private void undoTwice(final VictimInstance victim, final VictimSnapshot snapshot) {
    final int pid = victim.pid();
    victim.expectOk();
    for (int i = 0; i < 2; i++) {
      change(victim);
      assertThat(changedFiles(rollBack(victim, snapshot))).isTrue();
      victim.expectOk();
      // What was changed back is in its layer still, but shows what it was.
      assertThat(changedFiles(rollBack(victim, snapshot))).isFalse();
      victim.expectOk();
    }
    assertThat(victim.pid()).isEqualTo(pid);
  }

  @ParameterizedTest
  @MethodSource({"changes", "changesOfMappedFiles"})
  void shouldPutFilesBackThatAVictimHasChanged(final String what) {
    try (VictimInstance victim = host.run(VICTIM, what);
        VictimSnapshot snapshot = victim.snapshot()) {
      undoTwice(victim, snapshot);
      try (VictimSnapshot afterwards = victim.snapshot();
          VictimInstance fork = afterwards.fork(MemoryStrategy.MAP)) {
        fork.expectOk();
        undoTwice(victim, afterwards);
        undoTwice(victim, snapshot);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("changes")
  void shouldPutFilesBackThatAForkHasChanged(final String what) {
    try (VictimInstance victim = host.run(VICTIM, what);
        VictimSnapshot snapshot = victim.snapshot()) {
      for (final MemoryStrategy strategy : MemoryStrategy.values()) {
        try (VictimInstance fork = snapshot.fork(strategy)) {
          undoTwice(fork, snapshot);
          try (VictimSnapshot own = fork.snapshot();
              VictimInstance forkOfFork = own.fork(strategy)) {
            forkOfFork.expectOk();
            undoTwice(fork, own);
            undoTwice(fork, snapshot);
            undoTwice(forkOfFork, own);
          }
        }
      }
      victim.expectOk();
    }
  }

  /** Who changes the same files each time is found as the time before. */
  @ParameterizedTest
  @ValueSource(strings = {"rewrite", "extend", "attributes", "host"})
  void shouldNotWorkOutAgainWhichFilesAreToBePutBack(final String what) {
    try (VictimInstance victim = host.run(VICTIM, what);
        VictimSnapshot snapshot = victim.snapshot()) {
      for (int i = 0; i < 10; i++) {
        change(victim);
        assertThat(changedFiles(rollBack(victim, snapshot))).isTrue();
        victim.expectOk();
      }
      assertThat(rollback.repeats()).isBetween(5L, 9L);
      // What it has changed the last time it has not this time.
      assertThat(changedFiles(rollBack(victim, snapshot))).isFalse();
      victim.expectOk();
    }
  }

  @Test
  void shouldGoBackToOlderSnapshotsAndForwardToYoungerOnes() throws Exception {
    try (VictimInstance victim = host.run(VICTIM, "create")) {
      final Path root = Path.of("/proc/" + victim.pid() + "/root/files");
      try (VictimSnapshot first = victim.snapshot()) {
        change(victim);
        Files.writeString(root.resolve("plain"), "second");
        try (VictimSnapshot second = victim.snapshot()) {
          Files.writeString(root.resolve("third"), "third");
          Files.delete(root.resolve("plain"));
          try (VictimSnapshot third = victim.snapshot()) {
            for (int i = 0; i < 3; i++) {
              assertThat(changedFiles(rollBack(victim, first))).isTrue();
              victim.expectOk();
              assertThat(changedFiles(rollBack(victim, third))).isTrue();
              assertThat(root.resolve("third")).hasContent("third");
              assertThat(root.resolve("plain")).doesNotExist();
              assertThat(changedFiles(rollBack(victim, second))).isTrue();
              assertThat(root.resolve("plain")).hasContent("second");
              assertThat(root.resolve("third")).doesNotExist();
            }
          }
        }
      }
    }
  }

  @Test
  void shouldLeaveNothingBehindHoweverOftenItIsDone() {
    try (VictimInstance first = host.run(VICTIM, "all");
        VictimSnapshot snapshot = first.snapshot();
        VictimInstance victim = snapshot.fork(MemoryStrategy.MAP)) {
      change(victim);
      rollBack(victim, snapshot);
      final List<Long> before = settled(victim);
      for (int i = 0; i < ROUNDS; i++) {
        change(victim);
        rollBack(victim, snapshot);
        victim.expectOk();
      }
      assertThat(settled(victim)).isEqualTo(before);
    }
  }

  /** The keeper closes what came with a request when it has answered. */
  private List<Long> settled(final VictimInstance victim) {
    List<Long> last = List.of();
    List<Long> now = had(victim);
    while (!now.equals(last)) {
      LockSupport.parkNanos(50_000_000);
      last = now;
      now = had(victim);
    }
    return now;
  }

  /** Descriptors and mounts of the victim and of its keeper. */
  private List<Long> had(final VictimInstance victim) {
    return Stream.of(victim.pid(), host.keeper().pid())
        .flatMap(pid -> Stream.of("fd", "mountinfo").map(name -> "/proc/" + pid + "/" + name))
        .map(name -> count(Path.of(name)))
        .toList();
  }

  private static long count(final Path path) {
    try (Stream<?> list = Files.isDirectory(path) ? Files.list(path) : Files.lines(path)) {
      return list.count();
    } catch (final java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  // ---- what goes by a fork

  @ParameterizedTest
  @CsvSource({
    "link, one has several names",
    "relink, one has several names",
    "much, so much that a fork is quicker",
    "many, so much that a fork is quicker",
    "watched, inotify",
    "reopen, is another now",
  })
  void shouldLeaveAVictimAsItIsWhoseFilesCanNotBePutBackInPlace(
      final String what, final String why) {
    try (VictimInstance victim = host.run(VICTIM, what)) {
      expectRefusal(victim, why);
    }
  }

  @ParameterizedTest
  @CsvSource({"flags, chattr", "mount, something is mounted there"})
  void shouldLeaveAPrivilegedVictimAsItIsWhoseFilesCanNotBePutBackInPlace(
      final String what, final String why) {
    final RunSpec spec =
        new RunSpec(
            VICTIM, List.of(VictimHost.victim(VICTIM), what), Map.of(), "/", Set.of(), true);
    try (VictimInstance victim = host.run(spec)) {
      expectRefusal(victim, why);
    }
  }

  @ParameterizedTest
  @MethodSource("changesOfMappedFiles")
  void shouldLeaveAForkAsItIsThatHasChangedAFileWhichItMaps(final String what) {
    try (VictimInstance victim = host.run(VICTIM, what);
        VictimSnapshot snapshot = victim.snapshot();
        VictimInstance fork = snapshot.fork(MemoryStrategy.MAP)) {
      expectRefusal(fork, snapshot, "is mapped in a fork");
    }
  }

  private void expectRefusal(final VictimInstance victim, final String why) {
    try (VictimSnapshot snapshot = victim.snapshot()) {
      expectRefusal(victim, snapshot, why);
      try (VictimInstance fork = snapshot.fork(MemoryStrategy.MAP)) {
        fork.expectOk();
      }
    }
  }

  /** A fork binds its sockets anew, and so its directories have other times. */
  @Test
  void shouldNotMakeASocketsFileThatLeadsToNoSocket() {
    try (VictimInstance victim = host.run(VICTIM, "socket");
        VictimSnapshot snapshot = victim.snapshot()) {
      expectRefusal(victim, snapshot, "a socket's was removed");
    }
  }

  private void expectRefusal(
      final VictimInstance victim, final VictimSnapshot snapshot, final String why) {
    change(victim);
    final String changed = victim.ask();
    assertThatExceptionOfType(NotInPlaceException.class)
        .isThrownBy(() -> rollBack(victim, snapshot))
        .withMessageContaining("files were changed")
        .withMessageContaining(why);
    assertThat(victim.ask()).isEqualTo(changed);
  }

  @Test
  void shouldStandStillWhenItFailsAmongTheFiles() {
    try (VictimInstance victim = host.run(VICTIM, "all");
        VictimSnapshot snapshot = victim.snapshot()) {
      change(victim);
      rollback.failingAt(MendStage.FILES);
      assertThatExceptionOfType(MendException.class)
          .isThrownBy(() -> rollBack(victim, snapshot))
          .satisfies(e -> assertThat(e.isCommitted()).isTrue());
      assertThat(host.keeper().list()).allMatch(listed -> listed.paused() && listed.broken());
    }
  }
}
