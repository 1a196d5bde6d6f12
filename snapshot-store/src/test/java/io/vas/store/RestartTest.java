package io.vas.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.google.protobuf.ByteString;
import com.google.protobuf.BytesValue;
import io.vas.core.ConflictException;
import io.vas.core.NotFoundException;
import io.vas.core.StoreFullException;
import io.vas.core.linux.Errno;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.LinuxException;
import io.vas.core.memory.Extent;
import io.vas.core.memory.PageSpace;
import io.vas.core.memory.RegionKind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
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
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is left of a store when its process ends without a word. */
@ExtendWith(Leaks.class)
class RestartTest {
  private static final long MIB = 1 << 20;
  private static final int PAGE = 4096;
  private static final SnapshotFacts FACTS = new SnapshotFacts(1500, 2500, "map");
  private static final int STEPS = 10_000;
  private static final int SOAK_STEPS = 50_000;
  private static final long BUDGET = 24 * MIB;

  @TempDir private Path directory;
  private final HeldDescriptors held = new HeldDescriptors();
  private SnapshotStore store;

  private void open(final long budget) {
    store = SnapshotStore.open(new StoreConfig(directory, budget), held);
  }

  private void open(final Model model) {
    store = SnapshotStore.open(new StoreConfig(directory, BUDGET).whenFull(model.whenFull), held);
    store.setOwner(
        new SnapshotOwner() {
          @Override
          public boolean letGo(final Snapshot snapshot) {
            return !snapshot.id().endsWith("0");
          }

          @Override
          public void evicted(final Snapshot snapshot) {
            assertThat(snapshot.name()).isEmpty();
            assertThat(snapshot.id()).doesNotEndWith("0");
            assertThat(model.contents.remove(snapshot.id())).isNotNull();
            model.evicted++;
          }
        });
  }

  @AfterEach
  void closeStore() {
    if (store != null) {
      store.close();
    }
    assertThat(held.all()).isEmpty();
  }

  private static BytesValue image(final String text) {
    return BytesValue.of(ByteString.copyFromUtf8(text));
  }

  private static SnapshotRequest request(final String name, final Optional<SnapshotUse> base) {
    return new SnapshotRequest(
        "instance1",
        Optional.ofNullable(name).map(SnapshotName::parse),
        base.map(use -> use.snapshot().id()),
        base,
        0,
        0);
  }

  private static void fill(final Draft draft, final int pages, final long value) {
    final ByteBuffer page = ByteBuffer.allocateDirect(PAGE);
    page.putLong(0, value);
    draft.store(0, 0, (long) pages * PAGE, RegionKind.SMALL, 0);
    for (int i = 0; i < pages; i++) {
      page.rewind();
      FileIo.pwrite(draft.region(RegionKind.SMALL), page, (long) i * PAGE);
    }
  }

  private static long file(final SnapshotUse use) {
    return use.extents(0, 0, PageSpace.END).get(0).file();
  }

  private static long value(final SnapshotUse use) {
    final ByteBuffer bytes = ByteBuffer.allocateDirect(Long.BYTES);
    FileIo.pread(use.file(file(use)), bytes, 0);
    return bytes.getLong(0);
  }

  private Snapshot publish(
      final String name, final Optional<SnapshotUse> base, final long value, final String file)
      throws IOException {
    try (Draft draft = store.draft(request(name, base))) {
      fill(draft, 2, value);
      if (!file.isEmpty()) {
        Files.writeString(Path.of("/proc/self/fd/" + draft.layer().value(), file), file);
      }
      return store.publish(draft, image("image " + value), FACTS);
    }
  }

  @Test
  void shouldBeWhereTheLastOneWas() throws IOException {
    open(16 * MIB);
    final Snapshot parent = publish("redis:warm", Optional.empty(), 1, "a");
    final Snapshot child;
    try (SnapshotUse use = store.use(parent.id())) {
      child = publish(null, Optional.of(use), 2, "b");
    }
    final StoreStatus before = store.status();
    store.leave();
    open(16 * MIB);

    assertThat(store.list()).containsExactly(parent, child);
    assertThat(store.status()).isEqualTo(before);
    assertThat(store.get("redis:warm")).isEqualTo(parent);
    assertThat(held.count()).isZero();
    try (SnapshotUse use = store.use(child.id())) {
      assertThat(use.image()).isEqualTo(image("image 2").toByteArray());
      assertThat(value(use)).isEqualTo(2);
      assertThat(use.layers()).hasSize(2);
      assertThat(Path.of("/proc/self/fd/" + use.layers().get(0).value(), "b")).hasContent("b");
      assertThat(Path.of("/proc/self/fd/" + use.layers().get(1).value(), "a")).hasContent("a");
      assertThat(held.get(use.held(file(use))).isOpen()).isTrue();
    }
    assertThatExceptionOfType(ConflictException.class)
        .isThrownBy(() -> store.draft(request("redis:warm", Optional.empty())));

    store.remove(parent.id());
    store.leave();
    open(16 * MIB);
    assertThat(store.list()).containsExactly(child);
    try (SnapshotUse use = store.use(child.id())) {
      // Its layers are the child's, too.
      assertThat(Path.of("/proc/self/fd/" + use.layers().get(1).value(), "a")).hasContent("a");
    }
    store.remove(child.id());
    assertThat(store.status().usedBytes()).isZero();
  }

  @Test
  void shouldFreeDraftsThatWereNotAcknowledged() throws IOException {
    open(16 * MIB);
    final Snapshot kept = publish("kept", Optional.empty(), 1, "");
    final long used = store.status().usedBytes();
    final Draft draft = store.draft(request("draft", Optional.empty()));
    fill(draft, 100, 2);
    Files.writeString(Path.of("/proc/self/fd/" + draft.layer().value(), "file"), "text");
    store.leave();
    open(16 * MIB);
    // The former process would have let go of its descriptors, too.
    draft.regions().values().forEach(file -> file.close());
    draft.ownLayer().close();

    assertThat(store.list()).containsExactly(kept);
    assertThat(store.status()).returns(used, StoreStatus::usedBytes);
    publish("draft", Optional.empty(), 3, "");
  }

  @Test
  void shouldKeepWhatWasRemovedAsLongAsForksOfAFormerDaemonNeedIt() throws IOException {
    open(16 * MIB);
    final Snapshot first = publish("first", Optional.empty(), 1, "a");
    final Snapshot second = publish("second", Optional.empty(), 2, "b");
    final SnapshotUse ofFirst = store.use(first.id());
    final SnapshotUse ofSecond = store.use(second.id());
    store.remove("first");
    store.remove("second");
    store.leave();
    ofFirst.close();
    ofSecond.close();
    for (int i = 0; i < 2; i++) {
      open(16 * MIB);
      assertThat(store.list()).isEmpty();
      final SnapshotUse again = store.reuse(first.id(), first.id()).orElseThrow();
      store.freeUnused();
      assertThat(store.reuse(second.id(), second.id())).isEmpty();
      assertThat(value(again)).isEqualTo(1);
      assertThat(Path.of("/proc/self/fd/" + again.layers().get(0).value(), "a")).hasContent("a");
      assertThat(store.status().removedBytes()).isPositive();
      if (i == 0) {
        store.leave();
      }
      again.close();
    }
    assertThat(store.status().usedBytes()).isZero();
    assertThatExceptionOfType(NotFoundException.class).isThrownBy(() -> store.get(first.id()));
  }

  @Test
  void shouldKeepItsBudgetUnlessAnotherIsAskedFor() {
    open(16 * MIB);
    store.leave();
    store = SnapshotStore.open(StoreConfig.ofDefaultBudget(directory), held);
    assertThat(store.status().budgetBytes()).isEqualTo(16 * MIB);
    store.leave();
    open(32 * MIB);
    assertThat(store.status().budgetBytes()).isEqualTo(32 * MIB);
    store.leave();
    store = SnapshotStore.open(StoreConfig.ofDefaultBudget(directory), held);
    assertThat(store.status().budgetBytes()).isEqualTo(32 * MIB);
  }

  @Test
  void shouldBeginAnewWhenItsMountsWereNotAllHeld() throws IOException {
    open(16 * MIB);
    publish("lost", Optional.empty(), 1, "");
    store.leave();
    final long any = held.all().iterator().next();
    held.drop(any);
    open(16 * MIB);
    assertThat(store.list()).isEmpty();
    assertThat(store.status().usedBytes()).isZero();
  }

  /** What the store should have: the values of the pages of each snapshot, by page. */
  private static final class Model {
    private final FullPolicy whenFull;
    private int evicted;
    private final Map<String, NavigableMap<Integer, Long>> contents = new HashMap<>();
    private final Map<String, BytesValue> images = new HashMap<>();
    private byte[] lastImage = new byte[0];
    private final Map<String, String> names = new HashMap<>();
    private final Map<String, NavigableMap<Integer, Long>> used = new HashMap<>();
    private final List<SnapshotUse> uses = new ArrayList<>();
    private long lastValue;

    Model(final FullPolicy whenFull) {
      this.whenFull = whenFull;
    }
  }

  @ParameterizedTest
  @EnumSource
  void shouldAgreeWithAModelUnderRandomOperations(final FullPolicy whenFull) {
    compareWithModel(whenFull, STEPS);
  }

  @ParameterizedTest
  @EnumSource
  @Tag("soak")
  @Timeout(value = 1, unit = TimeUnit.HOURS)
  void shouldAgreeWithAModelUnderVeryManyRandomOperations(final FullPolicy whenFull) {
    compareWithModel(whenFull, SOAK_STEPS);
  }

  private void compareWithModel(final FullPolicy whenFull, final int steps) {
    final long seed = Long.getLong("vas.seed", System.nanoTime());
    final Random random = new Random(seed);
    final Model model = new Model(whenFull);
    open(model);
    int full = 0;
    for (int step = 0; step < steps; step++) {
      try {
        step(random, model);
      } catch (final StoreFullException e) {
        full++;
      } catch (final IOException e) {
        assertThat(e).as("seed %d, step %d", seed, step).hasMessageContaining("No space left");
        full++;
      } catch (final LinuxException e) {
        assertThat(e.errno()).as("seed %d, step %d", seed, step).isEqualTo(Errno.ENOSPC);
        full++;
      } catch (final RuntimeException | AssertionError e) {
        throw new AssertionError("seed " + seed + ", step " + step, e);
      }
    }
    assertThat(full).as("seed %d: full stores met", seed).isPositive();
    assertThat(model.evicted > 0).as("seed %d", seed).isEqualTo(whenFull != FullPolicy.REFUSE);
    model.uses.forEach(SnapshotUse::close);
    store.list().forEach(snapshot -> store.remove(snapshot.id()));
    assertThat(store.status().usedBytes()).as("seed %d", seed).isZero();
    assertThat(held.count()).isZero();
  }

  private void step(final Random random, final Model model) throws IOException {
    final int choice = random.nextInt(1000);
    final List<String> ids = new ArrayList<>(model.contents.keySet());
    final Optional<String> any =
        ids.isEmpty() ? Optional.empty() : Optional.of(ids.get(random.nextInt(ids.size())));
    if (choice < 450) {
      publishOne(random, model, any);
    } else if (choice < 490) {
      any.ifPresent(id -> layOut(id, model));
    } else if (choice < 700) {
      any.ifPresent(
          id -> {
            store.remove(id);
            model.contents.remove(id);
            model.names.values().remove(id);
          });
    } else if (choice < 800) {
      any.ifPresent(
          id -> {
            model.uses.add(store.use(id));
            model.used.put(id, model.contents.get(id));
          });
    } else if (choice < 960) {
      if (!model.uses.isEmpty()) {
        final SnapshotUse use = model.uses.remove(random.nextInt(model.uses.size()));
        assertThat(pages(use)).isEqualTo(model.used.get(use.snapshot().id()));
        use.close();
      }
    } else if (choice < 980) {
      check(model);
    } else if (choice < 984) {
      // Nothing is broken, and nothing was left.
      assertThat(store.verify(Optional.empty(), (done, total) -> {}).damaged()).isEmpty();
    } else if (choice < 990) {
      assertThat(store.collectGarbage().pageBytes()).isZero();
    } else {
      restart(model);
    }
  }

  private void layOut(final String id, final Model model) {
    try (SnapshotUse use = store.use(id)) {
      final List<Extent> before = use.extents(0, 0, PageSpace.END);
      new Layout(store, use, List.of(), () -> true).run();
      assertThat(use.extents(0, 0, PageSpace.END)).isEqualTo(before);
      assertThat(pages(use)).isEqualTo(model.contents.get(id));
    }
    try (SnapshotUse use = store.use(id)) {
      assertThat(
              use.extents(0, 0, PageSpace.END).stream()
                  .map(extent -> List.of(extent.file(), extent.distance()))
                  .distinct())
          .hasSizeLessThan(2);
      assertThat(pages(use)).isEqualTo(model.contents.get(id));
    }
  }

  private void publishOne(final Random random, final Model model, final Optional<String> any)
      throws IOException {
    final String name = random.nextBoolean() ? "n" + random.nextInt(50) + ":t" : null;
    if (name != null && model.names.containsKey(name)) {
      assertThatExceptionOfType(ConflictException.class)
          .isThrownBy(() -> store.draft(request(name, Optional.empty())));
      return;
    }
    final Optional<SnapshotUse> base =
        random.nextInt(4) > 0 ? any.map(store::use) : Optional.empty();
    final SnapshotRequest request =
        new SnapshotRequest(
            "instance1",
            Optional.ofNullable(name).map(SnapshotName::parse),
            base.map(use -> use.snapshot().id()),
            base,
            random.nextInt(4 << 20),
            0);
    try (Draft draft = store.draft(request)) {
      final NavigableMap<Integer, Long> pages = new TreeMap<>();
      if (base.isPresent()) {
        draft.share(0, 0, PageSpace.END, base.get(), 0, 0);
        pages.putAll(model.contents.get(base.get().snapshot().id()));
      }
      for (int i = random.nextInt(5); i >= 0; i--) {
        change(random, model, draft, base, pages);
      }
      if (random.nextInt(3) == 0) {
        Files.writeString(Path.of("/proc/self/fd/" + draft.layer().value(), "f"), "f");
      }
      if (random.nextInt(10) > 0) {
        final BytesValue image = image(random, model);
        final Snapshot made = store.publish(draft, image, FACTS);
        model.images.put(made.id(), image);
        assertThat(made.facts().pages()).isEqualTo(pages.size());
        model.contents.put(made.id(), pages);
        if (name != null) {
          model.names.put(name, made.id());
        }
      }
    } finally {
      base.ifPresent(SnapshotUse::close);
    }
  }

  /** Mostly one that differs little from the last. */
  private static BytesValue image(final Random random, final Model model) {
    if (random.nextInt(20) == 0 || model.lastImage.length == 0) {
      model.lastImage = new byte[1 + random.nextInt(10_000)];
      random.nextBytes(model.lastImage);
    } else {
      model.lastImage = model.lastImage.clone();
      model.lastImage[random.nextInt(model.lastImage.length)]++;
    }
    return BytesValue.of(ByteString.copyFrom(model.lastImage));
  }

  private static void change(
      final Random random,
      final Model model,
      final Draft draft,
      final Optional<SnapshotUse> base,
      final NavigableMap<Integer, Long> pages) {
    final int first = random.nextInt(400);
    final int count = 1 + random.nextInt(random.nextInt(3) == 0 ? 100 : 4);
    final long start = (long) first * PAGE;
    final long length = (long) count * PAGE;
    final int choice = random.nextInt(10);
    pages.subMap(first, first + count).clear();
    if (choice == 0) {
      draft.drop(0, start, length);
    } else if (choice == 1 && base.isPresent()) {
      final int from = random.nextInt(400);
      draft.share(0, start, length, base.get(), 0, (long) from * PAGE);
      model
          .contents
          .get(base.get().snapshot().id())
          .subMap(from, from + count)
          .forEach((page, value) -> pages.put(first + (page - from), value));
    } else {
      final RegionKind kind = random.nextInt(4) == 0 ? RegionKind.HUGE : RegionKind.SMALL;
      draft.store(0, start, length, kind, start);
      final ByteBuffer buffer = ByteBuffer.allocateDirect(PAGE);
      for (int i = 0; i < count; i++) {
        model.lastValue++;
        buffer.clear();
        buffer.putLong(0, model.lastValue);
        FileIo.pwrite(draft.region(kind), buffer, start + (long) i * PAGE);
        pages.put(first + i, model.lastValue);
      }
    }
  }

  private static NavigableMap<Integer, Long> pages(final SnapshotUse use) {
    final NavigableMap<Integer, Long> pages = new TreeMap<>();
    final ByteBuffer bytes = ByteBuffer.allocateDirect(Long.BYTES);
    for (final Extent extent : use.extents(0, 0, PageSpace.END)) {
      for (long at = 0; at < extent.length(); at += PAGE) {
        bytes.clear();
        FileIo.pread(use.file(extent.file()), bytes, extent.offset() + at);
        pages.put((int) ((extent.start() + at) / PAGE), bytes.getLong(0));
      }
    }
    return pages;
  }

  private void check(final Model model) {
    final Set<String> ids = new HashSet<>();
    store.list().forEach(snapshot -> ids.add(snapshot.id()));
    assertThat(ids).isEqualTo(model.contents.keySet());
    model.names.forEach((name, id) -> assertThat(store.get(name).id()).isEqualTo(id));
    model.contents.forEach(
        (id, pages) -> {
          try (SnapshotUse use = store.use(id)) {
            assertThat(pages(use)).isEqualTo(pages);
            assertThat(use.image()).isEqualTo(model.images.get(id).toByteArray());
          }
        });
  }

  private void restart(final Model model) {
    final List<List<String>> used =
        model.uses.stream().map(use -> List.of(use.snapshot().id(), use.layout())).toList();
    store.leave();
    model.uses.forEach(SnapshotUse::close);
    model.uses.clear();
    open(model);
    used.forEach(id -> model.uses.add(store.reuse(id.get(0), id.get(1)).orElseThrow()));
    store.freeUnused();
    check(model);
  }
}
