package io.vas.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.VasException;
import io.vas.core.keeper.FreezeMode;
import io.vas.core.keeper.FreezeStage;
import io.vas.core.keeper.KeeperProtocolDescriptor;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileStatus;
import io.vas.core.memory.Extent;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.memory.PageSource;
import io.vas.core.memory.PageSpace;
import io.vas.core.sandbox.RunSpec;
import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.VictimHost;
import io.vas.core.testing.VictimInstance;
import io.vas.core.testing.VictimSnapshot;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(LeakCheck.class)
class DeltaTest {
  private static final int PAGE = 4096;
  private static final int CHAIN = 40;

  @TempDir Path directory;
  private VictimHost host;
  private final List<VictimSnapshot> chain = new ArrayList<>();

  @BeforeEach
  void start() {
    host = new VictimHost(directory);
  }

  @AfterEach
  void stop() {
    chain.forEach(VictimSnapshot::close);
    host.close();
  }

  @Test
  void shouldShowCountersInAgreementInEverySnapshotOfAChain() {
    final VictimInstance victim = host.run("live_counters");
    add(victim.snapshot());
    for (int i = 0; i < CHAIN; i++) {
      final VictimSnapshot delta = add(victim.snapshot(FreezeMode.LIVE, last()));
      assertThat(delta.checkpoint().isDelta()).as("snapshot %d", i).isTrue();
      expectForkIsOk(delta, i);
    }
    victim.expectOk();
    for (int i = 0; i < CHAIN; i += 8) {
      expectForkIsOk(chain.get(i), i);
    }
  }

  @Test
  void shouldHoldInEverySnapshotOfAChainWhatAVictimThatRemapsHad() {
    final int seed = new Random().nextInt(Integer.MAX_VALUE);
    System.out.println("live_remaps " + seed);
    final VictimInstance victim = host.run("live_remaps", Integer.toString(seed));
    final Random random = new Random(seed);
    add(victim.snapshot());
    for (int i = 0; i < CHAIN; i++) {
      // What happens between leaves tracking as it is, or ends it.
      if (random.nextInt(6) == 0) {
        victim.snapshot(FreezeMode.STOP).close();
      }
      if (random.nextInt(6) == 0) {
        victim.snapshot().close();
      }
      final FreezeMode mode = random.nextInt(6) == 0 ? FreezeMode.STOP : FreezeMode.LIVE;
      expectForkIsOk(add(victim.snapshot(mode, last())), i);
    }
    victim.expectOk();
  }

  @Test
  void shouldHoldTheBytesThatAFullSnapshotHolds() {
    final int seed = new Random().nextInt(Integer.MAX_VALUE);
    System.out.println("live_remaps " + seed + " paused");
    final VictimInstance victim = runWithoutRseq(seed);
    add(victim.snapshot());
    for (int i = 0; i < CHAIN / 4; i++) {
      add(victim.snapshot(FreezeMode.LIVE, last()));
      expectDeltaIsFull(victim, FreezeMode.LIVE);
      assertThat(last().checkpoint().isDelta()).isTrue();
    }
    victim.expectOk();
  }

  @Test
  void shouldNotRelyOnProtectionThatWasLeftWhereMemoryCameBackTo() {
    final VictimInstance victim = host.run("live_moves_back");
    add(victim.snapshot());
    for (int i = 0; i < CHAIN; i++) {
      expectForkIsOk(add(victim.snapshot(FreezeMode.LIVE, last())), 1);
    }
    victim.expectOk();
  }

  @Test
  void shouldNotStoreAgainWhatHasNotChanged() {
    final VictimInstance victim = host.run("mem_private");
    add(victim.snapshot());
    final VictimSnapshot tracked = add(victim.snapshot(FreezeMode.LIVE, last()));
    final VictimSnapshot compared = add(victim.snapshot(FreezeMode.STOP, last()));
    final long all = chain.get(0).checkpoint().pages();
    assertThat(tracked.checkpoint().isDelta()).isTrue();
    assertThat(tracked.checkpoint().pages()).as("pages copied of %d", all).isLessThan(all / 4);
    assertThat(compared.checkpoint().isDelta()).isFalse();
    assertThat(own(tracked)).as("pages stored of %d", all).isLessThan(all / 8);
    assertThat(own(compared)).as("pages stored of %d", all).isLessThan(all / 8);
    expectForkIsOk(tracked, 0);
    expectForkIsOk(compared, 1);
    expectForkIsOk(compared, 0);
    victim.expectOk();
  }

  @Test
  void shouldTakeNoMemoryOfTheSnapshotsFilesForForks() {
    final VictimInstance victim = host.run("live_counters");
    add(victim.snapshot());
    for (int i = 0; i < 3; i++) {
      add(victim.snapshot(FreezeMode.LIVE, last()));
    }
    final long before = allocated();
    // Its pages are in several files, of which each has holes where others have them.
    expectForkIsOk(last(), 0);
    assertThat(allocated()).isEqualTo(before);
    victim.expectOk();
  }

  private long allocated() {
    return chain.stream()
        .flatMap(
            snapshot ->
                snapshot.pages().extents(space(snapshot), 0, PageSpace.END).stream()
                    .map(extent -> snapshot.pages().file(extent.file())))
        .distinct()
        .mapToLong(file -> FileStatus.of(file).allocated())
        .sum();
  }

  @Test
  void shouldStoreOnlyWhatAForkHasChangedSinceItsLatestSnapshot() {
    final VictimInstance victim = host.run("mem_private");
    add(victim.snapshot());
    try (VictimInstance fork = last().fork(MemoryStrategy.MAP)) {
      fork.expectOk();
      final VictimSnapshot first = add(fork.snapshot(FreezeMode.LIVE, last()));
      final VictimSnapshot second = add(fork.snapshot(FreezeMode.LIVE, last()));
      assertThat(own(second)).isLessThan(Math.max(own(first), 32));
      expectForkIsOk(second, 0);
      expectForkIsOk(second, 1);
      fork.expectOk();
    }
  }

  @Test
  void shouldShowCountersInAgreementInEverySnapshotOfAForkThatGoesOn() {
    final VictimInstance victim = host.run("live_counters");
    add(victim.snapshot());
    try (VictimInstance fork = last().fork(MemoryStrategy.MAP)) {
      for (int i = 0; i < CHAIN; i++) {
        final VictimSnapshot snapshot = add(fork.snapshot(FreezeMode.LIVE, last()));
        assertThat(snapshot.checkpoint().roundPages()).as("rounds of %d", i).isNotEmpty();
        assertThat(snapshot.checkpoint().isDelta()).as("snapshot %d", i).isEqualTo(i > 0);
        expectForkIsOk(snapshot, i);
      }
      fork.expectOk();
    }
    victim.expectOk();
  }

  @Test
  void shouldHoldInEverySnapshotOfAForkWhatItRemapped() {
    final int seed = new Random().nextInt(Integer.MAX_VALUE);
    System.out.println("live_remaps " + seed + " goes-on");
    final Random random = new Random(seed);
    final VictimInstance victim = host.run("live_remaps", Integer.toString(seed), "goes-on");
    add(victim.snapshot());
    try (VictimInstance fork = last().fork(MemoryStrategy.MAP)) {
      for (int i = 0; i < CHAIN; i++) {
        final FreezeMode mode = random.nextInt(6) == 0 ? FreezeMode.STOP : FreezeMode.LIVE;
        expectForkIsOk(add(fork.snapshot(mode, last())), i);
        fork.expectOk();
      }
      // A fork of a fork, which goes on, too.
      try (VictimInstance second = last().fork(MemoryStrategy.MAP)) {
        for (int i = 0; i < CHAIN / 4; i++) {
          expectForkIsOk(add(second.snapshot(FreezeMode.LIVE, last())), i);
        }
        second.expectOk();
      }
      fork.expectOk();
    }
    victim.expectOk();
  }

  @Test
  void shouldHoldTheBytesThatAFullSnapshotOfAForkHolds() {
    final int seed = new Random().nextInt(Integer.MAX_VALUE);
    System.out.println("live_remaps " + seed + " goes-on, paused");
    final VictimInstance victim = runWithoutRseq(seed, "goes-on");
    add(victim.snapshot());
    try (VictimInstance fork = last().fork(MemoryStrategy.MAP)) {
      for (int i = 0; i < CHAIN / 4; i++) {
        add(fork.snapshot(FreezeMode.LIVE, last()));
      }
      try (VictimInstance second = last().fork(MemoryStrategy.MAP)) {
        for (int i = 0; i < CHAIN / 4; i++) {
          expectDeltaIsFull(second, i % 2 == 0 ? FreezeMode.LIVE : FreezeMode.STOP);
          expectForkIsOk(last(), i);
        }
        second.expectOk();
      }
      fork.expectOk();
    }
  }

  private void expectDeltaIsFull(final VictimInstance victim, final FreezeMode mode) {
    host.keeper().pause(victim.id());
    final VictimSnapshot delta = add(victim.snapshot(mode, last()));
    try (VictimSnapshot full = victim.snapshot(FreezeMode.STOP)) {
      assertThat(differences(bytes(delta), bytes(full))).isEmpty();
    }
    host.keeper().resume(victim.id());
  }

  /** In an area for rseq the kernel writes whenever a task goes on: also between two snapshots. */
  private VictimInstance runWithoutRseq(final int seed, final String... how) {
    final List<String> command =
        new ArrayList<>(List.of(VictimHost.victim("live_remaps"), Integer.toString(seed)));
    command.addAll(List.of(how));
    final Map<String, String> environment = Map.of("GLIBC_TUNABLES", "glibc.pthread.rseq=0");
    return host.run(new RunSpec("live_remaps", command, environment, "/", Set.of(), false));
  }

  @Test
  void shouldSnapshotAForkThatHasOnlyJustBeenReleased() {
    final VictimInstance victim = host.run("live_counters");
    add(victim.snapshot());
    for (int i = 0; i < CHAIN; i++) {
      try (VictimInstance fork = chain.get(0).fork(MemoryStrategy.MAP);
          VictimSnapshot atOnce = fork.snapshot(i % 2 == 0 ? FreezeMode.STOP : FreezeMode.LIVE)) {
        expectForkIsOk(atOnce, i);
        fork.expectOk();
      }
    }
    victim.expectOk();
  }

  @Test
  void shouldCopyEverythingAfterASnapshotThatFailed() {
    final int seed = new Random().nextInt(Integer.MAX_VALUE);
    System.out.println("live_remaps " + seed + " failing");
    final VictimInstance victim = host.run("live_remaps", Integer.toString(seed));
    for (final FreezeStage stage :
        List.of(FreezeStage.LIVE, FreezeStage.SEIZE, FreezeStage.COPY, FreezeStage.THAW)) {
      add(victim.snapshot());
      host.checkpointer()
          .changing(request -> request.fault(stage, KeeperProtocolDescriptor.FAULT_ERRNO));
      assertThatExceptionOfType(VasException.class)
          .isThrownBy(() -> victim.snapshot(FreezeMode.LIVE, last()));
      host.checkpointer().changing(request -> request);
      final VictimSnapshot next = add(victim.snapshot(FreezeMode.LIVE, last()));
      assertThat(next.checkpoint().isDelta()).as("after a fault at %s", stage).isEqualTo(false);
      expectForkIsOk(next, 0);
    }
    victim.expectOk();
  }

  private VictimSnapshot add(final VictimSnapshot snapshot) {
    chain.add(snapshot);
    return snapshot;
  }

  private VictimSnapshot last() {
    return chain.get(chain.size() - 1);
  }

  private static void expectForkIsOk(final VictimSnapshot snapshot, final int i) {
    final MemoryStrategy strategy = i % 2 == 0 ? MemoryStrategy.MAP : MemoryStrategy.COPY;
    try (VictimInstance fork = snapshot.fork(strategy)) {
      fork.expectOk();
    }
  }

  private static int space(final VictimSnapshot snapshot) {
    return PageSpace.ofProcess(snapshot.image().getProcesses(0).getPid());
  }

  /** How many pages are in files of its own. */
  private static long own(final VictimSnapshot snapshot) {
    final PageSource pages = snapshot.pages();
    return pages.extents(space(snapshot), 0, PageSpace.END).stream()
        .filter(extent -> pages.isOwn(extent.file()))
        .mapToLong(extent -> extent.length() / PAGE)
        .sum();
  }

  /** Where two snapshots are not the same. */
  private static List<String> differences(
      final SortedMap<Long, ByteBuffer> one, final SortedMap<Long, ByteBuffer> other) {
    final ByteBuffer zeros = ByteBuffer.allocate(PAGE);
    final SortedSet<Long> all = new TreeSet<>(one.keySet());
    all.addAll(other.keySet());
    return all.stream()
        .filter(page -> !Objects.equals(one.get(page), other.get(page)))
        .limit(10)
        .map(
            page ->
                Long.toHexString(page)
                    + " at "
                    + one.getOrDefault(page, zeros).mismatch(other.getOrDefault(page, zeros)))
        .toList();
  }

  /** Its pages that are not zero, by address. */
  private static SortedMap<Long, ByteBuffer> bytes(final VictimSnapshot snapshot) {
    final PageSource pages = snapshot.pages();
    final SortedMap<Long, ByteBuffer> result = new TreeMap<>();
    final ByteBuffer zeros = ByteBuffer.allocate(PAGE);
    for (final Extent extent : pages.extents(space(snapshot), 0, PageSpace.END)) {
      for (long at = 0; at < extent.length(); at += PAGE) {
        final ByteBuffer page = ByteBuffer.allocateDirect(PAGE);
        FileIo.pread(pages.file(extent.file()), page, extent.offset() + at);
        if (!page.flip().equals(zeros)) {
          result.put(extent.start() + at, page);
        }
      }
    }
    return result;
  }
}
