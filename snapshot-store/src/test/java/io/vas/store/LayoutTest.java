package io.vas.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.protobuf.BytesValue;
import io.vas.core.ConflictException;
import io.vas.core.DamagedException;
import io.vas.core.StoreFullException;
import io.vas.core.VasException;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.OpenFlags;
import io.vas.core.memory.Extent;
import io.vas.core.memory.PageSpace;
import io.vas.core.memory.RegionKind;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Snapshots whose pages are scattered over many files, and then lie side by side. */
@ExtendWith(Leaks.class)
class LayoutTest {
  private static final long MIB = 1 << 20;
  private static final long HUGE_PAGE = 2 * MIB;
  private static final int PAGE = 4096;
  private static final long BUDGET = 256 * MIB;
  private static final SnapshotFacts FACTS = new SnapshotFacts(1, 2, "map");

  /** A large one, two that touch, one that does not begin at a huge page, an object without any. */
  private static final List<AddressRange> RANGES =
      List.of(
          new AddressRange(1, 0x7f00_0000_0000L, 0x7f00_0000_0000L + 16 * MIB),
          new AddressRange(1, 0x5500_0000_1000L, 0x5500_0000_9000L),
          new AddressRange(1, 0x5500_0000_9000L, 0x5500_0004_0000L),
          new AddressRange(1, 0x6600_0012_3000L, 0x6600_0012_3000L + 6 * MIB));

  private static final int OBJECT = PageSpace.ofObject(3);

  @TempDir private Path directory;
  private final HeldDescriptors held = new HeldDescriptors();
  private final long seed = Long.getLong("vas.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private SnapshotStore store;
  private final PageWriter writer = new PageWriter();

  /** What each page of each snapshot begins with, by space and address. */
  private final Map<String, Map<Integer, NavigableMap<Long, Long>>> model = new HashMap<>();

  @BeforeEach
  void open() {
    open(BUDGET);
  }

  private void open(final long budget) {
    store = SnapshotStore.open(new StoreConfig(directory, budget), held);
  }

  @AfterEach
  void close() {
    store.close();
    assertThat(held.all()).isEmpty();
  }

  private void reopen() {
    store.leave();
    open();
  }

  // ---- snapshots

  private Snapshot publish(final Optional<SnapshotUse> base, final String name, final int runs) {
    final SnapshotRequest request =
        new SnapshotRequest(
            1000,
            "i",
            Optional.ofNullable(name).map(SnapshotName::parse),
            base.map(use -> use.snapshot().id()),
            base,
            0,
            0,
            0);
    final Map<Integer, NavigableMap<Long, Long>> pages = new HashMap<>();
    final Map<RegionKind, Long> cursors = new HashMap<>();
    try (Draft draft = store.draft(request)) {
      base.ifPresent(
          use -> {
            for (final int space : List.of(1, OBJECT)) {
              draft.share(space, 0, PageSpace.END, use, space, 0);
            }
            model
                .get(use.snapshot().id())
                .forEach((space, known) -> pages.put(space, new TreeMap<>(known)));
          });
      for (int i = 0; i < runs; i++) {
        final boolean isObject = random.nextInt(5) == 0;
        final AddressRange range =
            isObject
                ? new AddressRange(OBJECT, 8 * MIB, 9 * MIB)
                : RANGES.get(random.nextInt(RANGES.size()));
        final int most = (int) ((range.end() - range.start()) / PAGE);
        final int count =
            base.isEmpty() && random.nextInt(3) == 0
                ? most
                : 1 + random.nextInt(Math.min(random.nextInt(4) == 0 ? 300 : 3, most));
        writer.write(
            draft,
            range.space(),
            range.start() + (long) random.nextInt(most - count + 1) * PAGE,
            count,
            cursors,
            pages);
      }
      if (random.nextInt(4) == 0) {
        final AddressRange range = RANGES.get(random.nextInt(RANGES.size()));
        draft.drop(1, range.start() + PAGE, 5 * PAGE);
        pages
            .computeIfAbsent(1, space -> new TreeMap<>())
            .subMap(range.start() + PAGE, range.start() + 6 * PAGE)
            .clear();
      }
      final Snapshot made =
          store.publish(
              draft, BytesValue.of(ByteString.copyFromUtf8("image " + writer.last())), FACTS);
      model.put(made.id(), pages);
      return made;
    }
  }

  private String chain(final int length) {
    String last = publish(Optional.empty(), null, 6).id();
    for (int i = 1; i < length; i++) {
      try (SnapshotUse use = store.use(last)) {
        last = publish(Optional.of(use), i == length - 1 ? "last" : null, 20).id();
      }
    }
    return last;
  }

  private void check(final SnapshotUse use) {
    for (final int space : List.of(1, OBJECT)) {
      final NavigableMap<Long, Long> expected =
          model.get(use.snapshot().id()).getOrDefault(space, new TreeMap<>());
      final Set<Long> found = new HashSet<>();
      final ByteBuffer bytes = ByteBuffer.allocateDirect(PAGE);
      for (final Extent extent : use.extents(space, 0, PageSpace.END)) {
        for (long at = 0; at < extent.length(); at += PAGE) {
          bytes.clear();
          FileIo.pread(use.file(extent.file()), bytes, extent.offset() + at);
          final long address = extent.start() + at;
          assertThat(expected).as("seed %d", seed).containsKey(address);
          assertThat(bytes.flip())
              .as("seed %d, page 0x%x", seed, address)
              .isEqualTo(PageWriter.page(expected.get(address)));
          found.add(address);
        }
      }
      assertThat(found).as("seed %d", seed).isEqualTo(expected.keySet());
    }
  }

  private void checkAll() {
    assertThat(store.size()).isEqualTo(model.size());
    for (final String id : model.keySet()) {
      try (SnapshotUse use = store.use(id)) {
        check(use);
      }
    }
    assertThat(store.verify(Optional.empty(), (done, total) -> {}).damaged()).isEmpty();
    assertThat(store.collectGarbage().pageBytes()).as("seed %d", seed).isZero();
  }

  private Layout layout(final SnapshotUse use) {
    return new Layout(store, use, RANGES, () -> true);
  }

  private Optional<Snapshot> layOut(final String id) {
    try (SnapshotUse use = store.use(id)) {
      return layout(use).run();
    }
  }

  // ---- tests

  @RepeatedTest(5)
  void shouldHaveTheSamePagesSideBySide() {
    final String last = chain(12);
    final Snapshot before = store.get(last);
    final byte[] image;
    try (SnapshotUse use = store.use(last)) {
      image = use.image();
    }
    final Snapshot after = layOut(last).orElseThrow();
    assertThat(after)
        .returns(before.id(), Snapshot::id)
        .returns(1000, Snapshot::ownerUid)
        .returns(before.name(), Snapshot::name)
        .returns(before.parent(), Snapshot::parent)
        .returns(before.created(), Snapshot::created)
        .returns(before.facts(), Snapshot::facts);
    for (int i = 0; i < 2; i++) {
      checkAll();
      try (SnapshotUse use = store.use("last")) {
        assertThat(use.image()).isEqualTo(image);
        assertThat(use.isCurrent()).isTrue();
        RANGES.forEach(range -> checkLinear(use, range));
        checkLinear(use, new AddressRange(OBJECT, 0, PageSpace.END));
      }
      // Neither twice nor if nothing is scattered.
      assertThat(layOut(last)).isEmpty();
      assertThat(store.list().get(model.size() - 1).id()).isEqualTo(last);
      reopen();
    }
    model.keySet().forEach(store::remove);
    assertThat(store.usedBytes()).isZero();
  }

  /** One file, one distance, congruent to it if it is huge, and zeros where there are no pages. */
  private void checkLinear(final SnapshotUse use, final AddressRange range) {
    final List<Extent> extents = use.extents(range.space(), range.start(), range.end());
    if (extents.isEmpty()) {
      return;
    }
    final Extent first = extents.get(0);
    assertThat(extents).allMatch(e -> e.file() == first.file() && e.distance() == first.distance());
    if (!use.isOwn(first.file()) || range.end() == PageSpace.END) {
      return;
    }
    if (use.kind(first.file()) == RegionKind.HUGE) {
      assertThat(first.distance() % HUGE_PAGE).isZero();
    }
    final long offset = range.start() - first.distance();
    assertThat(offset).isNotNegative();
    final Set<Long> stored = model.get(use.snapshot().id()).get(range.space()).keySet();
    final Fd file = use.file(first.file());
    assertThat(FileStatus.of(file).size()).isGreaterThanOrEqualTo(range.end() - first.distance());
    final ByteBuffer bytes = ByteBuffer.allocateDirect(PAGE);
    for (long at = range.start(); at < range.end(); at += PAGE) {
      if (!stored.contains(at)) {
        bytes.clear();
        assertThat(FileIo.pread(file, bytes, at - first.distance())).isEqualTo(PAGE);
        assertThat(bytes.flip()).isEqualTo(ByteBuffer.allocate(PAGE));
      }
    }
  }

  @Test
  void shouldTakeNoMoreThanPlannedAndUseHugePages() {
    final String last = chain(6);
    try (SnapshotUse use = store.use(last)) {
      final Layout layout = layout(use);
      final SnapshotSpace space = layout.run().orElseThrow().space();
      assertThat(space.hugeBytes() + space.smallBytes()).isEqualTo(layout.bytes());
      assertThat(space.hugeBytes() % HUGE_PAGE).isZero();
    }
  }

  @Test
  void shouldNotMoveWhatIsInUse() {
    final String last = chain(8);
    try (SnapshotUse old = store.use(last)) {
      final List<Extent> before = old.extents(1, 0, PageSpace.END);
      assertThat(layOut(last)).isPresent();
      assertThat(old.isCurrent()).isFalse();
      assertThat(old.extents(1, 0, PageSpace.END)).isEqualTo(before);
      check(old);
      try (SnapshotUse now = store.use(last)) {
        assertThat(now.layout()).isNotEqualTo(old.layout());
        assertThat(now.extents(1, 0, PageSpace.END)).isNotEqualTo(before);
        check(now);
      }
      assertThat(store.status().entries().get(model.size() - 1))
          .returns(1, StoreStatus.Entry::uses)
          .returns(true, StoreStatus.Entry::laidOut);
      // All that came before may go.
      model.keySet().stream().filter(id -> !id.equals(last)).forEach(store::remove);
      model.keySet().retainAll(Set.of(last));
      check(old);
      store.remove(last);
      check(old);
    }
    assertThat(store.usedBytes()).isZero();
  }

  @Test
  void shouldFreeWhatItAloneHadWhenNobodyUsesIt() {
    final String first = publish(Optional.empty(), null, 8).id();
    final String second;
    try (SnapshotUse use = store.use(first)) {
      second = publish(Optional.of(use), null, 30).id();
    }
    store.remove(first);
    model.remove(first);
    assertThat(layOut(second)).isPresent();
    checkAll();
    final SnapshotSpace space = store.get(second).space();
    // Ranges that lay side by side before have stayed.
    final long pages = model.get(second).values().stream().mapToLong(Map::size).sum();
    assertThat(store.usedBytes()).isLessThan(space.hugeBytes() + pages * PAGE + 30 * MIB);
    store.remove(second);
    assertThat(store.usedBytes()).isZero();
    model.clear();
  }

  @Test
  void shouldGoOnWithTheLayoutThatAnInstanceMapsAfterARestart() {
    final String last = chain(8);
    final SnapshotUse old = store.use(last);
    final List<Extent> before = old.extents(1, 0, PageSpace.END);
    assertThat(layOut(last)).isPresent();
    final SnapshotUse recent = store.use(last);
    final List<Extent> after = recent.extents(1, 0, PageSpace.END);
    final String oldLayout = old.layout();
    final String newLayout = recent.layout();
    for (int i = 0; i < 3; i++) {
      store.leave();
      old.close();
      recent.close();
      open();
      if (i == 1) {
        store.collectGarbage();
      }
      try (SnapshotUse one = store.reuse(last, oldLayout).orElseThrow();
          SnapshotUse two = store.reuse(last, newLayout).orElseThrow()) {
        store.freeUnused();
        assertThat(one.extents(1, 0, PageSpace.END)).isEqualTo(before);
        assertThat(two.extents(1, 0, PageSpace.END)).isEqualTo(after);
        check(one);
        check(two);
        // A fork's snapshot shares what the fork has not written, wherever that lies.
        publish(Optional.of(i == 0 ? one : two), null, 3);
        checkAll();
        store.leave();
      }
      open();
    }
    store.freeUnused();
    assertThat(store.reuse(last, oldLayout)).isEmpty();
    try (SnapshotUse use = store.reuse(last, newLayout).orElseThrow()) {
      check(use);
    }
    checkAll();
  }

  @Test
  void shouldSurviveTheEndOfTheProcessAtEachStep() {
    final String last = chain(6);
    final long used = store.usedBytes();
    for (int step = 0; step < 4; step++) {
      final int stopAt = step;
      final AtomicInteger looks = new AtomicInteger();
      final SnapshotUse use = store.use(last);
      final Layout layout =
          new Layout(store, use, RANGES, () -> stopAt != 1 || looks.incrementAndGet() < 5);
      final Draft draft = layout.draft();
      if (step == 1) {
        assertThatThrownBy(() -> layout.copy(draft)).isInstanceOf(VasException.class);
      } else if (step > 1) {
        layout.copy(draft);
      }
      if (step == 3) {
        store.publish(draft, layout);
      }
      store.leave();
      draft.close();
      use.close();
      open();
      store.freeUnused();
      checkAll();
      if (step < 3) {
        assertThat(store.usedBytes()).as("step %d", step).isEqualTo(used);
      } else {
        try (SnapshotUse after = store.use(last)) {
          RANGES.forEach(range -> checkLinear(after, range));
        }
      }
    }
  }

  @Test
  void shouldLeaveEverythingAsItWasWhenThereIsNoRoom() {
    final String last = chain(4);
    final long used = store.usedBytes();
    store.leave();
    open(used + MIB);
    try (SnapshotUse use = store.use(last)) {
      final Layout layout = layout(use);
      assertThat(layout.bytes()).isGreaterThan(MIB);
      assertThat(store.hasRoomFor(layout.bytes())).isFalse();
      assertThatExceptionOfType(StoreFullException.class).isThrownBy(layout::run);
      store.layOutLater(use, RANGES);
    }
    checkAll();
    assertThat(store.usedBytes()).isEqualTo(used);
    store.leave();
    open();
  }

  @Test
  void shouldGiveUpWhenTheSnapshotIsRemovedMeanwhile() {
    final String last = chain(4);
    final SnapshotUse use = store.use(last);
    final Layout layout = layout(use);
    try (Draft draft = layout.draft()) {
      layout.copy(draft);
      store.remove(last);
      model.remove(last);
      assertThatExceptionOfType(ConflictException.class)
          .isThrownBy(() -> store.publish(draft, layout));
    }
    assertThatThrownBy(layout::run).isInstanceOf(VasException.class);
    use.close();
    checkAll();
  }

  @Test
  void shouldNotCopyWhatIsBroken() {
    final String last = chain(3);
    store.verify(Optional.empty(), (done, total) -> {});
    try (SnapshotUse use = store.use(last)) {
      final Extent extent = use.extents(1, 0, PageSpace.END).get(0);
      final long role = use.kind(extent.file()) == RegionKind.HUGE ? 0 : 2;
      try (Fd mount = held.get(((long) 'M' << 56) | role).dup();
          Fd file =
              Fd.openAt(
                  mount, Integer.toString(PagePlace.number(extent.file())), OpenFlags.O_RDWR, 0)) {
        FileIo.pwrite(file, ByteBuffer.allocateDirect(1).put(0, (byte) 1), extent.offset());
      }
      assertThatExceptionOfType(DamagedException.class)
          .isThrownBy(() -> new Layout(store, use, List.of(), () -> true).run())
          .withMessageContaining("is not what was stored");
      assertThat(use.isCurrent()).isTrue();
    }
  }

  @Test
  void shouldShareWithABaseThatIsLaidOutMeanwhile() {
    final String last = chain(5);
    final List<String> more = new ArrayList<>();
    try (SnapshotUse use = store.use(last)) {
      assertThat(layOut(last)).isPresent();
      more.add(publish(Optional.of(use), null, 10).id());
    }
    try (SnapshotUse use = store.use(last)) {
      more.add(publish(Optional.of(use), null, 10).id());
    }
    store.remove(last);
    model.remove(last);
    checkAll();
    more.forEach(id -> assertThat(layOut(id)).isPresent());
    checkAll();
    reopen();
    checkAll();
  }

  @Test
  void shouldDoItInTheBackgroundAndTell() throws Exception {
    final String last = chain(5);
    final CompletableFuture<Snapshot> told = new CompletableFuture<>();
    store.setOwner(
        new SnapshotOwner() {
          @Override
          public boolean letGo(final Snapshot snapshot) {
            return true;
          }

          @Override
          public void evicted(final Snapshot snapshot) {}

          @Override
          public void laidOut(final Snapshot snapshot) {
            told.complete(snapshot);
          }
        });
    try (SnapshotUse use = store.use(last)) {
      store.layOutLater(use, RANGES);
    }
    assertThat(told.get(20, TimeUnit.SECONDS).id()).isEqualTo(last);
    checkAll();
  }

  @Test
  void shouldNotEvictASnapshotWhoseFormerLayoutIsUsed() {
    store.leave();
    store = SnapshotStore.open(new StoreConfig(directory, BUDGET).whenFull(FullPolicy.EVICT), held);
    final String first = publish(Optional.empty(), null, 8).id();
    final String second;
    try (SnapshotUse use = store.use(first)) {
      second = publish(Optional.of(use), null, 30).id();
    }
    try (SnapshotUse use = store.use(second)) {
      assertThat(layOut(second)).isPresent();
      assertThat(use.isCurrent()).isFalse();
      final SnapshotRequest tooMuch =
          new SnapshotRequest(
              "j", Optional.empty(), Optional.empty(), Optional.empty(), BUDGET - MIB, 0);
      assertThatExceptionOfType(StoreFullException.class).isThrownBy(() -> store.draft(tooMuch));
      assertThat(store.lookUp(second)).isPresent();
      check(use);
    }
  }
}
