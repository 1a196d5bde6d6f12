package io.vas.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.StoreFullException;
import io.vas.core.linux.TmpfsMount;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.NavigableMap;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.agrona.collections.IntHashSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(Leaks.class)
class PageTablesTest {
  private static final long MIB = 1 << 20;
  private static final long END = 1L << PageTables.PAGE_NUMBER_BITS;
  private static final int STEPS = 15_000;
  private static final int BROKEN_BITS = 100;
  private static final int ENTRIES = 8;
  private static final int LEVELS = PageTables.PAGE_NUMBER_BITS / 3;

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
    tables.seal();
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
    tables.seal();
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
    tables.seal();
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
    tables.seal();
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
    tables.seal();
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

  // ---- broken memory

  @Test
  void shouldFindWhateverBitIsBrokenWhenItIsOpened() throws IOException {
    breakBits(
        (living, broken) -> {
          tables.close();
          tables = tables();
          living.forEach(one -> tables.adopt(one.root()));
          tables.settle();
          assertThat(tables.hasBroken()).isTrue();
        });
  }

  @Test
  void shouldFindWhateverBitIsBrokenWhileItIsOpen() throws IOException {
    breakBits(
        (living, broken) ->
            broken.forEach(
                one ->
                    assertThatExceptionOfType(BrokenTableException.class)
                        .isThrownBy(() -> read(one.root(), 0, END))));
  }

  /** Who looks whether something is broken. */
  private interface Look {
    void at(List<Modelled> living, Set<Modelled> broken);
  }

  private void breakBits(final Look look) throws IOException {
    final long seed = Long.getLong("vas.seed", System.nanoTime());
    final Random random = new Random(seed);
    for (int round = 0; round < BROKEN_BITS; round++) {
      try {
        breakOneBit(random, look);
      } catch (final RuntimeException | AssertionError e) {
        throw new AssertionError("seed " + seed + ", round " + round, e);
      }
      tables.close();
      PageTables.delete(directory);
      freed.clear();
      tables = tables();
    }
  }

  private void breakOneBit(final Random random, final Look look) throws IOException {
    final List<Modelled> living = new ArrayList<>();
    long place = 0;
    while (living.size() < 8) {
      place = make(random, living, place);
      living.removeIf(one -> one.pages().isEmpty());
    }
    final Modelled victim = living.get(random.nextInt(living.size()));
    final List<Long> numbers = new ArrayList<>(victim.pages().keySet());
    final long number = numbers.get(random.nextInt(numbers.size()));
    final List<Long> path = path(victim.root(), number);
    final int depth = random.nextInt(path.size());
    final Set<Modelled> broken = new HashSet<>();
    for (final Modelled one : living) {
      if (has(one.root(), LEVELS - 1, path.get(depth), depth == LEVELS)) {
        broken.add(one);
      }
    }
    assertThat(broken).contains(victim);
    final long element = path.get(depth);
    if (depth == LEVELS) {
      // Where it is stored, or the seal of that; between them is the checksum of what it holds.
      flip("pages", element * 16 + (random.nextBoolean() ? 0 : 12), Integer.BYTES, random);
    } else if (random.nextBoolean()) {
      flip("nodes", element * ENTRIES * Integer.BYTES, ENTRIES * Integer.BYTES, random);
    } else {
      flip("seals", element * Integer.BYTES, Integer.BYTES, random);
    }

    look.at(living, broken);
    for (final Modelled one : living) {
      assertThat(tables.findAny(one.root(), new IntHashSet(), new BitSet()).isPresent())
          .isEqualTo(broken.contains(one));
    }
    checkIntact(living, broken);
    // Who goes on from it is told, even if he replaces the page that can not be found.
    tables.reserve(1, 2);
    int child = tables.share(0, 0, END, victim.root());
    child = tables.store(child, number, number + 1, place);
    tables.seal();
    assertThat(tables.takeMetBroken() || depth == LEVELS).isTrue();
    tables.release(child);
    // And what goes takes nothing along that others have.
    Collections.shuffle(living, random);
    while (!living.isEmpty()) {
      tables.release(living.remove(0).root());
      checkIntact(living, broken);
    }
  }

  private void checkIntact(final List<Modelled> living, final Set<Modelled> broken) {
    for (final Modelled one : living) {
      if (!broken.contains(one)) {
        assertThat(read(one.root(), 0, END)).isEqualTo(one.pages());
        assertThat(Collections.disjoint(one.pages().values(), freed)).isTrue();
      }
    }
  }

  /** The nodes on the way to a page, the root first, and the page. */
  private List<Long> path(final int root, final long number) throws IOException {
    final List<Long> path = new ArrayList<>(List.of((long) root));
    for (int level = LEVELS - 1; level >= 0; level--) {
      final int entry = (int) (number >>> (3 * level)) & (ENTRIES - 1);
      path.add((long) node(path.get(path.size() - 1)).getInt(entry * Integer.BYTES));
    }
    return path;
  }

  /** Whether a table has a node, or a page. */
  private boolean has(final long node, final int level, final long wanted, final boolean isPage)
      throws IOException {
    if (node == 0 || level < 0) {
      return level < 0 && isPage && node == wanted;
    }
    if (!isPage && node == wanted) {
      return true;
    }
    final ByteBuffer entries = node(node);
    for (int i = 0; i < ENTRIES; i++) {
      if (has(entries.getInt(i * Integer.BYTES), level - 1, wanted, isPage)) {
        return true;
      }
    }
    return false;
  }

  private ByteBuffer node(final long node) throws IOException {
    final ByteBuffer entries =
        ByteBuffer.allocate(ENTRIES * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    try (FileChannel file = FileChannel.open(directory.resolve("nodes"))) {
      assertThat(file.read(entries, node * entries.capacity())).isEqualTo(entries.capacity());
    }
    return entries;
  }

  private void flip(final String array, final long offset, final int bytes, final Random random)
      throws IOException {
    final int bit = random.nextInt(bytes * Byte.SIZE);
    final long at = offset + bit / Byte.SIZE;
    final ByteBuffer one = ByteBuffer.allocate(1);
    try (FileChannel file =
        FileChannel.open(
            directory.resolve(array), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      file.read(one, at);
      one.put(0, (byte) (one.get(0) ^ (1 << (bit % Byte.SIZE)))).rewind();
      file.write(one, at);
    }
  }
}
