package io.vas.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.StoreFullException;
import io.vas.core.linux.TmpfsMount;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.NavigableMap;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(Leaks.class)
class PageTablesTest {
  private static final long MIB = 1 << 20;
  private static final long END = 1L << PageTables.PAGE_NUMBER_BITS;
  private static final int STEPS = 15_000;

  private TmpfsMount mount;
  private Path directory;
  private PageTables tables;
  private final Set<Long> stored = new HashSet<>();
  private final Set<Long> freed = new HashSet<>();

  @BeforeEach
  void open() {
    mount = TmpfsMount.create(64 * MIB, TmpfsMount.HugePages.NEVER);
    directory = Path.of("/proc/self/fd/" + mount.readWriteMount().value());
    tables = tables();
  }

  private PageTables tables() {
    return new PageTables(
        directory,
        (place, count) -> LongStream.range(place, place + count).forEach(stored::add),
        place -> assertThat(freed.add(place)).isTrue());
  }

  @AfterEach
  void close() {
    tables.close();
    mount.close();
  }

  private NavigableMap<Long, Long> read(final int root, final long from, final long to) {
    final NavigableMap<Long, Long> read = new TreeMap<>();
    tables.visit(root, from, to, read::put);
    return read;
  }

  @Test
  void shouldFindWhatIsStored() {
    tables.reserve(1000, 1);
    final int root = tables.store(0, 12_345, 13_345, 77_000);
    assertThat(tables.find(root, 12_344)).isEqualTo(-1);
    assertThat(tables.find(root, 12_345)).isEqualTo(77_000);
    assertThat(tables.find(root, 13_344)).isEqualTo(77_999);
    assertThat(tables.find(root, 13_345)).isEqualTo(-1);
    assertThat(read(root, 0, END)).hasSize(1000);
    assertThat(read(root, 13_000, 13_002)).containsOnlyKeys(13_000L, 13_001L);
    assertThat(tables.pages()).isEqualTo(1000);
    tables.release(root);
    assertThat(freed).hasSize(1000);
    assertThat(tables.nodes()).isZero();
    assertThat(tables.bytes()).isZero();
  }

  @Test
  void shouldShareWhatIsTheSame() {
    tables.reserve(65_536, 1);
    final int base = tables.store(0, 0, 65_536, 0);
    final long nodes = tables.nodes();
    assertThat(nodes).isLessThan(65_536 / 7 + 12);
    tables.reserve(0, 3);
    int child = tables.share(0, 0, END, base);
    assertThat(tables.nodes()).isEqualTo(nodes);
    // Nothing changes by this.
    child = tables.share(child, 100, 5000, base);
    child = tables.share(child, 70_000, 1_000_000, 0);
    assertThat(child).isEqualTo(base);
    tables.reserve(1, 1);
    child = tables.store(child, 100, 101, 1L << 40);
    assertThat(tables.nodes()).isEqualTo(nodes + 12);
    assertThat(tables.find(base, 100)).isEqualTo(100);
    assertThat(tables.find(child, 100)).isEqualTo(1L << 40);
    tables.release(base);
    assertThat(freed).containsExactly(100L);
    tables.release(child);
    assertThat(tables.nodes()).isZero();
  }

  @Test
  void shouldChangeNothingWhenThereIsNoRoom() {
    assertThatExceptionOfType(StoreFullException.class)
        .isThrownBy(() -> tables.reserve(100_000_000, 1))
        .withMessageContaining("no room for tables of pages");
    tables.reserve(10, 1);
    final int root = tables.store(0, 5, 15, 0);
    assertThat(read(root, 0, END)).hasSize(10);
  }

  /** A table and what should be in it. */
  private record Modelled(int root, NavigableMap<Long, Long> pages) {}

  @Test
  void shouldAgreeWithAModelUnderRandomOperations() {
    final long seed = Long.getLong("vas.seed", System.nanoTime());
    final Random random = new Random(seed);
    final List<Modelled> living = new ArrayList<>();
    long nextPlace = 0;
    for (int step = 0; step < STEPS; step++) {
      try {
        final int choice = random.nextInt(100);
        if (choice < 55 || living.isEmpty()) {
          nextPlace = make(random, living, nextPlace);
        } else if (choice < 92 || living.size() > 40) {
          final Modelled gone = living.remove(random.nextInt(living.size()));
          tables.release(gone.root());
        } else if (choice < 97) {
          final Modelled one = living.get(random.nextInt(living.size()));
          final long number = number(random);
          assertThat(tables.find(one.root(), number))
              .isEqualTo(one.pages().getOrDefault(number, -1L));
          final long end = Math.min(END, number + random.nextInt(5000));
          assertThat(read(one.root(), number, end)).isEqualTo(one.pages().subMap(number, end));
        } else {
          reopen(living);
        }
        if (step % 500 == 0) {
          check(living, nextPlace);
        }
      } catch (final RuntimeException | AssertionError e) {
        throw new AssertionError("seed " + seed + ", step " + step, e);
      }
    }
    living.forEach(one -> tables.release(one.root()));
    assertThat(tables.nodes()).as("seed %d", seed).isZero();
    assertThat(tables.pages()).as("seed %d", seed).isZero();
    assertThat((long) freed.size()).as("seed %d", seed).isEqualTo(nextPlace);
  }

  private static long number(final Random random) {
    return random.nextInt(10) == 0
        ? (random.nextLong() & (END - 1)) / 2
        : random.nextInt(3) * 100_000L + random.nextInt(2000);
  }

  private long make(final Random random, final List<Modelled> living, final long firstPlace) {
    long place = firstPlace;
    int root = 0;
    final NavigableMap<Long, Long> pages = new TreeMap<>();
    for (int i = random.nextInt(6); i >= 0; i--) {
      final long from = number(random);
      final long to = from + 1 + random.nextInt(random.nextInt(4) == 0 ? 700 : 5);
      final Modelled other = living.isEmpty() ? null : living.get(random.nextInt(living.size()));
      switch (random.nextInt(other == null ? 2 : 5)) {
        case 0 -> {
          tables.reserve(0, 1);
          root = tables.share(root, from, to, 0);
          pages.subMap(from, to).clear();
        }
        case 1 -> {
          tables.reserve(to - from, 1);
          root = tables.store(root, from, to, place);
          for (long page = from; page < to; page++) {
            pages.put(page, place++);
          }
        }
        case 2 -> {
          tables.reserve(0, 1);
          root = tables.share(root, 0, END, other.root());
          pages.clear();
          pages.putAll(other.pages());
        }
        case 3 -> {
          tables.reserve(0, 1);
          root = tables.share(root, from, to, other.root());
          pages.subMap(from, to).clear();
          pages.putAll(other.pages().subMap(from, to));
        }
        default -> {
          final long otherFrom = number(random);
          tables.reserve(to - from, 1);
          root = tables.move(root, from, to, other.root(), otherFrom);
          pages.subMap(from, to).clear();
          other
              .pages()
              .subMap(otherFrom, otherFrom + (to - from))
              .forEach((at, where) -> pages.put(from + (at - otherFrom), where));
        }
      }
    }
    living.add(new Modelled(root, pages));
    return place;
  }

  private void check(final List<Modelled> living, final long places) {
    final Set<Long> held = new HashSet<>();
    for (final Modelled one : living) {
      assertThat(read(one.root(), 0, END)).isEqualTo(one.pages());
      held.addAll(one.pages().values());
    }
    assertThat(tables.pages()).isEqualTo(held.size());
    // The assertions of collections compare each with each.
    assertThat(Collections.disjoint(held, freed)).isTrue();
    assertThat((long) freed.size()).isEqualTo(places - held.size());
  }

  /** As by another process, after this one died. */
  private void reopen(final List<Modelled> living) {
    final long nodes = tables.nodes();
    final long pages = tables.pages();
    tables.close();
    tables = tables();
    living.forEach(one -> tables.adopt(one.root()));
    stored.clear();
    tables.settle();
    assertThat(tables.nodes()).isEqualTo(nodes);
    assertThat(tables.pages()).isEqualTo(pages);
    assertThat(stored).hasSize((int) pages);
    living.forEach(one -> assertThat(stored.containsAll(one.pages().values())).isTrue());
  }
}
