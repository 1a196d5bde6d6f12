package io.vas.store;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.BytesValue;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.MappedMemory;
import io.vas.core.memory.PageSpace;
import io.vas.core.memory.RegionKind;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(Leaks.class)
class WarmSpaceTest {
  private static final long MIB = 1 << 20;
  private static final int PAGE = 4096;
  private static final int SPACE = 1;
  private static final byte SECRET = 0x5e;
  private static final SnapshotFacts FACTS = new SnapshotFacts(0, 0, "map");

  @TempDir private Path directory;
  private final HeldDescriptors held = new HeldDescriptors();
  private SnapshotStore store;

  private void open(final long budget, final FullPolicy whenFull) {
    store =
        SnapshotStore.open(
            new StoreConfig(directory, budget).whenFull(whenFull),
            held,
            StorePlaces.open(directory, held));
  }

  @AfterEach
  void closeStore() {
    store.close();
    assertThat(held.all()).isEmpty();
  }

  private static SnapshotRequest request(final String name, final long bytes) {
    return new SnapshotRequest(
        "instance1",
        Optional.ofNullable(name).map(SnapshotName::parse),
        Optional.empty(),
        Optional.empty(),
        bytes,
        0);
  }

  private Snapshot publish(final String name, final long bytes, final byte value) {
    try (Draft draft = store.draft(request(name, bytes))) {
      draft.clear();
      write(draft, bytes, PAGE, value);
      return store.publish(draft, BytesValue.getDefaultInstance(), FACTS);
    }
  }

  /** Stores a page every so many bytes. */
  private static void write(
      final Draft draft, final long bytes, final int distance, final byte value) {
    final Fd region = draft.region(RegionKind.HUGE);
    FileIo.truncate(region, bytes);
    FileIo.allocate(region, 0, bytes);
    try (MappedMemory memory = MappedMemory.mapShared(region, 0, bytes)) {
      final UnsafeBuffer buffer = memory.buffer();
      for (int at = 0; at < bytes; at += distance) {
        buffer.setMemory(at, PAGE, value);
        draft.store(SPACE, at, PAGE, RegionKind.HUGE, at);
      }
    }
  }

  private static Fd file(final SnapshotUse use) {
    return use.file(use.extents(SPACE, 0, PageSpace.END).get(0).file());
  }

  private void awaitWarm(final long bytes) throws InterruptedException {
    final long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (store.status().warmBytes() != bytes) {
      assertThat(System.nanoTime()).isLessThan(deadline);
      TimeUnit.MILLISECONDS.sleep(5);
    }
  }

  /** All bytes of a file but those of pages at a distance. */
  private static void checkZeroBetween(final Fd file, final int distance, final byte value) {
    final long size = FileStatus.of(file).size();
    try (MappedMemory memory = MappedMemory.mapReadOnly(file, 0, size)) {
      final UnsafeBuffer buffer = memory.buffer();
      for (int at = 0; at < size; at += Long.BYTES) {
        final long word = buffer.getLong(at);
        final boolean isStored = at / PAGE * PAGE % distance == 0;
        final long expected = isStored ? 0x0101010101010101L * value : 0;
        if (word != expected) {
          throw new AssertionError(String.format("0x%x at 0x%x of 0x%x", word, at, size));
        }
      }
    }
  }

  @Test
  void shouldHaveMemoryForTheNextSnapshotWithNothingOfTheRemovedOneInIt() throws Exception {
    open(1024 * MIB, FullPolicy.REFUSE);
    store.remove(publish(null, 64 * MIB, SECRET).id());
    awaitWarm(64 * MIB);
    assertThat(store.status())
        .returns(0L, StoreStatus::usedBytes)
        .returns(1024 * MIB, StoreStatus::freeBytes);

    final int distance = 3 * PAGE;
    final Snapshot next;
    try (Draft draft = store.draft(request(null, 64 * MIB))) {
      assertThat(store.status().warmBytes()).isZero();
      final Fd region = draft.region(RegionKind.HUGE);
      assertThat(FileStatus.of(region).allocated()).isEqualTo(64 * MIB);
      checkZeroBetween(region, Integer.MAX_VALUE, (byte) 0);
      draft.clear();
      assertThat(FileStatus.of(region).allocated()).isEqualTo(64 * MIB);
      write(draft, 36 * MIB, distance, (byte) 7);
      next = store.publish(draft, BytesValue.getDefaultInstance(), FACTS);
    }
    try (SnapshotUse use = store.use(next.id())) {
      checkZeroBetween(file(use), distance, (byte) 7);
      // What it does not need is given back.
      assertThat(FileStatus.of(file(use)).allocated()).isEqualTo(36 * MIB);
      assertThat(next.space().hugeBytes()).isEqualTo(36 * MIB);
      assertThat(store.status().usedBytes()).isEqualTo(36 * MIB);
    }
  }

  @Test
  void shouldForgetWhatAnAttemptHasWritten() throws Exception {
    open(1024 * MIB, FullPolicy.REFUSE);
    try (Draft draft = store.draft(request(null, 64 * MIB))) {
      draft.clear();
      write(draft, 32 * MIB, PAGE, SECRET);
      draft.clear();
      assertThat(FileStatus.of(draft.region(RegionKind.HUGE)).allocated()).isZero();
    }
    assertThat(store.status()).returns(0L, StoreStatus::usedBytes);
  }

  @Test
  void shouldNotTouchWhatSomebodyUsesStill() throws Exception {
    open(1024 * MIB, FullPolicy.REFUSE);
    final Snapshot removed = publish(null, 64 * MIB, SECRET);
    try (SnapshotUse use = store.use(removed.id());
        MappedMemory mapped = MappedMemory.mapReadOnly(file(use), 0, 64 * MIB)) {
      store.remove(removed.id());
      publish(null, 64 * MIB, (byte) 1);
      assertThat(store.status())
          .returns(0L, StoreStatus::warmBytes)
          .returns(128 * MIB, StoreStatus::usedBytes);
      for (int at = 0; at < 64 * MIB; at += PAGE) {
        assertThat(mapped.buffer().getByte(at)).isEqualTo(SECRET);
      }
    }
  }

  @Test
  void shouldGiveItUpBeforeAnythingIsRefusedOrEvicted() throws Exception {
    open(256 * MIB, FullPolicy.EVICT);
    final Snapshot stays = publish(null, 64 * MIB, (byte) 1);
    store.remove(publish(null, 64 * MIB, SECRET).id());
    awaitWarm(32 * MIB);
    try (Draft draft = store.draft(request(null, 192 * MIB))) {
      assertThat(store.status().warmBytes()).isZero();
      write(draft, 192 * MIB, PAGE, (byte) 2);
      store.publish(draft, BytesValue.getDefaultInstance(), FACTS);
    }
    assertThat(store.list()).contains(stays).hasSize(2);
    assertThat(store.status()).returns(256 * MIB, StoreStatus::usedBytes);
  }

  @Test
  void shouldGiveItBackWhenGarbageIsCollectedAndLeaveNothingToTheNextStore() throws Exception {
    open(1024 * MIB, FullPolicy.REFUSE);
    store.remove(publish(null, 64 * MIB, SECRET).id());
    awaitWarm(64 * MIB);
    assertThat(store.collectGarbage())
        .returns(64 * MIB, StoreGarbage::warmBytes)
        .returns(0L, StoreGarbage::pageBytes);
    assertThat(store.status().warmBytes()).isZero();

    store.remove(publish(null, 64 * MIB, SECRET).id());
    awaitWarm(64 * MIB);
    store.leave();
    open(1024 * MIB, FullPolicy.REFUSE);
    assertThat(store.status())
        .returns(0L, StoreStatus::warmBytes)
        .returns(0L, StoreStatus::usedBytes);
  }

  @Test
  void shouldNotKeepItForSmallSnapshots() throws Exception {
    open(1024 * MIB, FullPolicy.REFUSE);
    store.remove(publish(null, 64 * MIB, SECRET).id());
    awaitWarm(64 * MIB);
    final Snapshot small = publish(null, 4 * MIB, (byte) 1);
    assertThat(small.space().hugeBytes()).isEqualTo(4 * MIB);
    assertThat(store.status().warmBytes()).isEqualTo(64 * MIB);
  }
}
