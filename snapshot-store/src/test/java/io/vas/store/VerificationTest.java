package io.vas.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.google.protobuf.ByteString;
import com.google.protobuf.BytesValue;
import io.vas.core.DamagedException;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.OpenFlags;
import io.vas.core.memory.Extent;
import io.vas.core.memory.PageSpace;
import io.vas.core.memory.RegionKind;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Pages that are not what was stored any more, and memory that nobody needs. */
@ExtendWith(Leaks.class)
class VerificationTest {
  private static final long MIB = 1 << 20;
  private static final int PAGE = 4096;
  private static final int SPACE = 7;
  private static final long ADDRESS = 0x7f0000000000L;
  private static final SnapshotFacts FACTS = new SnapshotFacts(0, 0, "map");

  @TempDir private Path directory;
  private final HeldDescriptors held = new HeldDescriptors();
  private SnapshotStore store;

  @BeforeEach
  void open() {
    store = SnapshotStore.open(new StoreConfig(directory, 64 * MIB), held);
  }

  @AfterEach
  void close() {
    store.close();
  }

  private Snapshot publish(
      final String name, final Optional<SnapshotUse> base, final RegionKind kind, final int pages) {
    final SnapshotRequest request =
        new SnapshotRequest(
            "i",
            Optional.ofNullable(name).map(SnapshotName::parse),
            base.map(use -> use.snapshot().id()),
            base,
            MIB,
            0);
    try (Draft draft = store.draft(request)) {
      base.ifPresent(use -> draft.share(SPACE, 0, PageSpace.END, use, SPACE, 0));
      FileIo.allocate(draft.region(kind), 0, (long) pages * PAGE);
      draft.store(SPACE, ADDRESS, (long) pages * PAGE, kind, 0);
      return store.publish(draft, BytesValue.of(ByteString.copyFromUtf8("image")), FACTS);
    }
  }

  /** As broken memory would. */
  private void breakPage(final SnapshotUse use, final long address) {
    final Extent extent = use.extents(SPACE, address, address + PAGE).get(0);
    final RegionKind kind = use.kind(extent.file());
    final long role = kind == RegionKind.HUGE ? 0 : 2;
    try (Fd mount = held.get(((long) 'M' << 56) | role).dup();
        Fd file =
            Fd.openAt(
                mount, Integer.toString(PagePlace.number(extent.file())), OpenFlags.O_RDWR, 0)) {
      FileIo.pwrite(file, ByteBuffer.allocateDirect(1).put(0, (byte) 1), extent.offset() + 77);
    }
  }

  private StoreVerification verify() {
    return store.verify(Optional.empty(), (done, total) -> {});
  }

  @Test
  void shouldFindNothingWhereNothingIsBroken() {
    publish("a", Optional.empty(), RegionKind.SMALL, 300);
    publish("b", Optional.empty(), RegionKind.HUGE, 1100);
    try (SnapshotUse use = store.use("a")) {
      publish("c", Optional.of(use), RegionKind.SMALL, 10);
    }
    for (int i = 0; i < 2; i++) {
      final StoreVerification found = verify();
      assertThat(found.damaged()).isEmpty();
      assertThat(found.snapshots()).isEqualTo(3);
      // What two share is read once; of a node in which they differ the rest is read twice.
      assertThat(found.pages()).isBetween(1410L, 1430L);
      if (i > 0) {
        assertThat(found.newChecksums()).isZero();
      }
    }
    store.leave();
    open();
    assertThat(verify()).returns(0L, StoreVerification::newChecksums);
    assertThat(store.verify(Optional.of("c"), (done, total) -> {}))
        .returns(1L, StoreVerification::snapshots)
        .returns(300L, StoreVerification::pages);
  }

  @Test
  void shouldNameWhatIsBrokenAndRefuseThatAlone() {
    final Snapshot first = publish("first", Optional.empty(), RegionKind.SMALL, 100);
    final Snapshot second;
    final Snapshot third;
    try (SnapshotUse use = store.use("first")) {
      // It has a page of its own in place of the one that breaks.
      second = publish("second", Optional.of(use), RegionKind.SMALL, 50);
      third = publish("third", Optional.of(use), RegionKind.SMALL, 2);
      verify();
      breakPage(use, ADDRESS + 20 * PAGE);
    }
    final List<StoreVerification.Damage> damaged = verify().damaged();
    final String what = "page 0x7f0000014000 of process 7 is not what was stored";
    assertThat(damaged)
        .containsExactly(
            new StoreVerification.Damage(first, what), new StoreVerification.Damage(third, what));
    for (int i = 0; i < 2; i++) {
      for (final String name : List.of("first", "third")) {
        try (SnapshotUse use = store.use(name)) {
          assertThatExceptionOfType(DamagedException.class)
              .isThrownBy(use::checkIntact)
              .withMessageContaining(what);
        }
      }
      try (SnapshotUse use = store.use(second.id())) {
        use.checkIntact();
      }
      store.leave();
      open();
    }
    store.collectGarbage();
    store.leave();
    open();
    try (SnapshotUse use = store.use("third")) {
      assertThatExceptionOfType(DamagedException.class).isThrownBy(use::checkIntact);
    }
    store.remove("first");
    assertThat(store.verify(Optional.of(third.id()), (done, total) -> {}).damaged()).hasSize(1);
  }

  @Test
  void shouldNameABrokenPageTableWhenItIsOpenedAndRefuseThatAlone() {
    breakTable(
        () -> {
          store.leave();
          open();
        });
  }

  @Test
  void shouldNameABrokenPageTableWhenItIsVerified() {
    breakTable(() -> assertThat(verify().damaged()).hasSize(2));
  }

  @Test
  void shouldNameABrokenPageTableWhenItIsNeeded() {
    breakTable(
        () -> {
          for (final String name : List.of("first", "third")) {
            try (SnapshotUse use = store.use(name)) {
              assertThatExceptionOfType(DamagedException.class)
                  .isThrownBy(() -> use.extents(SPACE, 0, PageSpace.END))
                  .withMessageContaining("page table");
            }
          }
        });
  }

  private void breakTable(final Runnable look) {
    final Snapshot first = publish("first", Optional.empty(), RegionKind.SMALL, 100);
    final Snapshot second;
    final Snapshot third;
    try (SnapshotUse use = store.use("first")) {
      // It has a node of its own in place of the one that breaks, with some of its pages.
      second = publishShared("second", use, 0, 67);
      third = publishShared("third", use, 40, 60);
      breakTableOf(use, ADDRESS + 64 * PAGE);
    }
    final long used = store.usedBytes();

    look.run();
    final String what =
        "the page table of process 7, from 0x7f0000040000 on, is not what was written";
    assertThat(verify().damaged())
        .containsExactly(
            new StoreVerification.Damage(first, what), new StoreVerification.Damage(third, what));
    for (int i = 0; i < 2; i++) {
      for (final String name : List.of("first", "third")) {
        try (SnapshotUse use = store.use(name)) {
          assertThatExceptionOfType(DamagedException.class)
              .isThrownBy(use::checkIntact)
              .withMessageContaining(what);
          // Nor does anything go on from it as if nothing was there.
          assertThatExceptionOfType(DamagedException.class)
              .isThrownBy(() -> publish("next", Optional.of(use), RegionKind.SMALL, 1))
              .withMessageContaining("is broken");
        }
      }
      try (SnapshotUse use = store.use("second")) {
        use.checkIntact();
        assertThat(use.extents(SPACE, 0, PageSpace.END)).hasSize(1);
      }
      store.leave();
      open();
    }
    // Forks that live may have mapped what only the broken table told of.
    store.remove(second.id());
    assertThat(store.collectGarbage().pageBytes()).isZero();
    assertThat(store.usedBytes()).isEqualTo(used);
    store.remove(first.id());
    store.remove(third.id());
    assertThat(store.collectGarbage()).returns(0L, StoreGarbage::pageBytes);
    assertThat(store.usedBytes()).isZero();
  }

  private Snapshot publishShared(
      final String name, final SnapshotUse base, final int from, final int count) {
    final SnapshotRequest request =
        new SnapshotRequest(
            "i",
            Optional.of(SnapshotName.parse(name)),
            Optional.of(base.snapshot().id()),
            Optional.of(base),
            MIB,
            0);
    try (Draft draft = store.draft(request)) {
      final long start = ADDRESS + (long) from * PAGE;
      draft.share(SPACE, start, (long) count * PAGE, base, SPACE, start);
      return store.publish(draft, BytesValue.of(ByteString.copyFromUtf8("image")), FACTS);
    }
  }

  /** As broken memory would: the lowest node that has a page. */
  private void breakTableOf(final SnapshotUse use, final long address) {
    try (Fd mount = held.get(((long) 'M' << 56) | 6).dup();
        Fd nodes = Fd.openAt(mount, "nodes", OpenFlags.O_RDWR, 0)) {
      final ByteBuffer bytes = ByteBuffer.allocateDirect(Integer.BYTES);
      bytes.order(ByteOrder.LITTLE_ENDIAN);
      long node = use.contents().root(SPACE);
      for (int shift = 33; shift > 0; shift -= 3) {
        final long entry = ((address / PAGE) >>> shift) & 7;
        FileIo.pread(nodes, bytes.clear(), node * 32 + entry * Integer.BYTES);
        node = bytes.getInt(0);
      }
      FileIo.pwrite(nodes, bytes.clear().putInt(0, 0x7fffffff), node * 32 + Integer.BYTES);
    }
  }

  @Test
  void shouldGiveNewPagesTheirChecksumsInTheBackground() {
    publish("a", Optional.empty(), RegionKind.HUGE, 600);
    while (store.verify(Optional.of("a"), (done, total) -> {}).newChecksums() > 0) {
      Thread.onSpinWait();
    }
    try (SnapshotUse use = store.use("a")) {
      breakPage(use, ADDRESS);
    }
    assertThat(verify().damaged()).hasSize(1);
  }

  @Test
  void shouldFreeWhatADaemonThatDiedHasNotComeTo() {
    publish("a", Optional.empty(), RegionKind.SMALL, 100);
    publish("b", Optional.empty(), RegionKind.HUGE, 2000);
    final long before = store.status().usedBytes();
    final long small;
    try (SnapshotUse a = store.use("a");
        SnapshotUse b = store.use("b")) {
      // Pages of their files that no table has.
      extend(a, 0, 2, 60);
      extend(b, 1, 0, 4 * 512);
      small = FileStatus.of(a.file(a.extents(SPACE, 0, PageSpace.END).get(0).file())).allocated();
      assertThat(small).isGreaterThan(100 * PAGE);
    }
    try (Draft draft =
        store.draft(
            new SnapshotRequest(
                "i", Optional.empty(), Optional.empty(), Optional.empty(), MIB, 0))) {
      FileIo.allocate(draft.region(RegionKind.SMALL), 0, MIB);
      // What the draft has is not garbage.
      assertThat(store.collectGarbage().pageBytes()).isEqualTo(2 * MIB + 40 * PAGE);
      assertThat(store.usedBytes()).isEqualTo(before + MIB);
      assertThat(store.collectGarbage().pageBytes()).isZero();
      draft.store(SPACE, ADDRESS, MIB, RegionKind.SMALL, 0);
      store.publish(draft, BytesValue.of(ByteString.copyFromUtf8("image")), FACTS);
    }
    assertThat(verify().damaged()).isEmpty();
    assertThat(before).isPositive();
  }

  @Test
  void shouldFreeWhenItIsOpenedAgainWhatADaemonThatDiedHadLetGoOf() {
    publish("a", Optional.empty(), RegionKind.SMALL, 100);
    publish("b", Optional.empty(), RegionKind.HUGE, 2000);
    final long before = store.usedBytes();
    for (int i = 0; i < 2; i++) {
      try (SnapshotUse use = store.use(i == 0 ? "a" : "b")) {
        extend(use, i, i == 0 ? 2 : 0, i == 0 ? 60 : 4 * 512);
      }
      assertThat(store.usedBytes()).isGreaterThan(before);
      store.leave();
      open();
      store.freeUnused();
      assertThat(store.usedBytes()).isEqualTo(before);
    }
    assertThat(verify().damaged()).isEmpty();
  }

  @Test
  void shouldGiveBackWhatADraftCopiedInVain() {
    final Snapshot first = publish("first", Optional.empty(), RegionKind.HUGE, 2048);
    try (SnapshotUse use = store.use("first");
        Draft draft =
            store.draft(
                new SnapshotRequest(
                    "i", Optional.empty(), Optional.of(first.id()), Optional.empty(), MIB, 0))) {
      for (final RegionKind kind : RegionKind.values()) {
        FileIo.allocate(draft.region(kind), 0, 8 * MIB);
      }
      draft.store(SPACE, ADDRESS, 8 * MIB, RegionKind.HUGE, 0);
      draft.store(SPACE, 0, 8 * MIB, RegionKind.SMALL, 0);
      draft.share(SPACE, ADDRESS, 8 * MIB, use, SPACE, ADDRESS);
      draft.drop(SPACE, 0, 8 * MIB);
      draft.store(SPACE, ADDRESS + 5 * MIB, PAGE, RegionKind.HUGE, 5 * MIB);
      draft.store(SPACE, 5 * MIB, 2 * PAGE, RegionKind.SMALL, 5 * MIB);
      final Snapshot second =
          store.publish(draft, BytesValue.of(ByteString.copyFromUtf8("image")), FACTS);
      assertThat(second.space())
          .returns(2 * MIB, SnapshotSpace::hugeBytes)
          .returns(2L * PAGE, SnapshotSpace::smallBytes);
      assertThat(store.status().usedBytes()).isEqualTo(10 * MIB + 2 * PAGE);
    }
    assertThat(verify().damaged()).isEmpty();
  }

  private void extend(final SnapshotUse use, final int index, final long role, final int fromPage) {
    final Extent extent = use.extents(SPACE, 0, PageSpace.END).get(0);
    try (Fd mount = held.get(((long) 'M' << 56) | role).dup();
        Fd file =
            Fd.openAt(
                mount, Integer.toString(PagePlace.number(extent.file())), OpenFlags.O_RDWR, 0)) {
      FileIo.allocate(file, (long) (fromPage + 200 * (1 - index)) * PAGE, 40 * PAGE);
    }
  }
}
