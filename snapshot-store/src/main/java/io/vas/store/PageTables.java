package io.vas.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.agrona.collections.IntArrayList;
import org.agrona.collections.IntHashSet;
import org.agrona.collections.LongArrayList;

/**
 * The page tables of all snapshots: radix trees that share what they have in common. They lie in
 * files in memory, so that the next daemon finds them.
 *
 * <pre>
 *  nodes    8 numbers of 32 bits: of nodes of the level below or, in the lowest level, of pages; 0: none
 *  pages    where a page is stored: 64 bits of the store's choice; then, of 32 bits each, the CRC-32C
 *           of the page, 1 in place of 0, or 0 if it has not been computed yet; and the seal of where
 *           it is stored
 *  counts   how many nodes, or tables, have a node; how many pages are below it; how many nodes have
 *           a page
 *  seals    checksum of a node that is complete: of its level and its entries; 0 if it is not
 * </pre>
 *
 * <p>A node that several tables have is never changed: who changes a table copies what it shares on
 * the way down. What a table holds alone goes with it. Only what is reachable from a table that
 * somebody knows of counts, so the counts are made anew when the tables are opened, and whoever
 * dies while he makes or frees a table leaves nothing behind.
 *
 * <p>What is reached through a node counts only if its seal says that it is what was written: it is
 * looked at by who opens the tables, verifies, lists, copies or frees, and so is that of a page but
 * by who copies. So a broken node is never followed to pages that are somebody else's, and who has
 * it is {@linkplain #hasBroken found}. A look-up of a single page does without.
 *
 * <p>Tables that are complete may be read by any number of threads, while one at a time makes or
 * frees others.
 */
final class PageTables implements AutoCloseable {
  /** Numbers of pages in a space: 48 bits of addresses. */
  static final int PAGE_NUMBER_BITS = 36;

  private static final String NODES = "nodes";
  private static final String NODE_COUNTS = "node-counts";
  private static final String NODE_PAGES = "node-pages";
  private static final String PAGES = "pages";
  private static final String PAGE_COUNTS = "page-counts";

  private static final String SEALS = "seals";

  /** The fractional part of the golden ratio, odd: no bit of a factor is lost. */
  private static final long MIX = 0x9e3779b97f4a7c15L;

  private static final int SHIFT = 3;
  private static final int ENTRIES = 1 << SHIFT;
  private static final int MASK = ENTRIES - 1;
  private static final int TOP = PAGE_NUMBER_BITS / SHIFT - 1;
  private static final long CAPACITY = 1L << 30;

  /** Of an element of pages. */
  private static final int PAGE_LENGTH = 16;

  /** Which of its numbers of 32 bits. */
  private static final int CHECKSUM = 2;

  private static final int PAGE_SEAL = 3;

  /** In all arrays. */
  private static final long NODE_BYTES = (ENTRIES + 3) * Integer.BYTES;

  private static final long PAGE_BYTES = PAGE_LENGTH + Integer.BYTES;

  private final MappedArray nodes;
  private final MappedArray nodeCounts;
  private final MappedArray nodePages;
  private final MappedArray pages;
  private final MappedArray pageCounts;
  private final MappedArray seals;
  private final IntArrayList freeNodes = new IntArrayList();
  private final IntArrayList freePages = new IntArrayList();

  /** Nodes that were made and not sealed: their numbers, and in the lowest 8 bits their levels. */
  private final LongArrayList unsealed = new LongArrayList();

  /** Nodes that are not what was written, as far as that is known, and that tables still have. */
  private final IntHashSet broken = new IntHashSet();

  private final Stored stored;
  private final LongConsumer freed;
  private int nextNode = 1;
  private int nextPage = 1;
  private long liveNodes;
  private long livePages;
  private volatile boolean hasBroken;

  /** Whether a table that is being made would have had something of a broken node. */
  private boolean metBroken;

  /**
   * The tables of a directory.
   *
   * @param directory on a file system in memory.
   * @param stored is told where pages are stored that are new in a table.
   * @param freed is told where a page was stored that no table has any more.
   */
  PageTables(final Path directory, final Stored stored, final LongConsumer freed) {
    this.stored = stored;
    this.freed = freed;
    nodes = new MappedArray(directory.resolve(NODES), ENTRIES * Integer.BYTES, CAPACITY);
    nodeCounts = new MappedArray(directory.resolve(NODE_COUNTS), Integer.BYTES, CAPACITY);
    nodePages = new MappedArray(directory.resolve(NODE_PAGES), Integer.BYTES, CAPACITY);
    pages = new MappedArray(directory.resolve(PAGES), PAGE_LENGTH, CAPACITY);
    pageCounts = new MappedArray(directory.resolve(PAGE_COUNTS), Integer.BYTES, CAPACITY);
    seals = new MappedArray(directory.resolve(SEALS), Integer.BYTES, CAPACITY);
    nodes.allocate(nodes.written());
    pages.allocate(pages.written());
    seals.allocate(nodes.written());
    nodeCounts.clear();
    nodeCounts.allocate(nodes.written() + 1);
    nodePages.clear();
    nodePages.allocate(nodes.written() + 1);
    pageCounts.clear();
    pageCounts.allocate(pages.written() + 1);
  }

  /** Remove the tables of a directory, if there are any. */
  static void delete(final Path directory) throws IOException {
    for (final String name : List.of(NODES, NODE_COUNTS, NODE_PAGES, PAGES, PAGE_COUNTS, SEALS)) {
      Files.deleteIfExists(directory.resolve(name));
    }
  }

  /** Who is told where pages are stored that are new. */
  @FunctionalInterface
  interface Stored {
    /** So many pages from a place on. */
    void pages(long place, long count);
  }

  /** Who is told of stored pages. */
  @FunctionalInterface
  interface Visitor {
    /** A page, by its number in the space, and where it is stored. */
    void page(long number, long place);
  }

  // ---- opening ----

  /** A table that somebody knows of; to be called for all before anything else is done. */
  void adopt(final int root) {
    adopt(root, TOP);
  }

  private void adopt(final int node, final int level) {
    if (node == 0) {
      return;
    }
    takeRoom(node + 1L);
    final int count = nodeCounts.getInt(node, 0);
    nodeCounts.putInt(node, 0, count + 1);
    if (count > 0) {
      return;
    }
    liveNodes++;
    nextNode = Math.max(nextNode, node + 1);
    if (!isIntact(node, level) || (level == 0 && !areNewPagesIntact(node))) {
      cut(node);
    }
    int below = 0;
    for (int i = 0; i < ENTRIES; i++) {
      final int entry = nodes.getInt(node, i);
      if (level > 0) {
        adopt(entry, level - 1);
        below += pages(entry);
      } else if (entry != 0) {
        below++;
        final int pageCount = pageCounts.getInt(entry, 0);
        pageCounts.putInt(entry, 0, pageCount + 1);
        livePages += pageCount == 0 ? 1 : 0;
        nextPage = Math.max(nextPage, entry + 1);
      }
    }
    nodePages.putInt(node, 0, below);
  }

  /** Of a node of the lowest level; its other pages were looked at when they were adopted. */
  private boolean areNewPagesIntact(final int node) {
    for (int i = 0; i < ENTRIES; i++) {
      final int page = nodes.getInt(node, i);
      if (page != 0
          && (!pages.has(page) || (pageCounts.getInt(page, 0) == 0 && !isPageIntact(page)))) {
        return false;
      }
    }
    return true;
  }

  /** For the first so many nodes. */
  private void takeRoom(final long count) {
    nodes.allocate(count);
    nodeCounts.allocate(count);
    nodePages.allocate(count);
    seals.allocate(count);
  }

  /** Nobody knows what it had. Its seal stays, so whoever opens the tables next finds it, too. */
  private void cut(final int node) {
    setBroken(node);
    for (int i = 0; i < ENTRIES; i++) {
      nodes.putInt(node, i, 0);
    }
  }

  /** All tables have been adopted: tell where their pages are stored. */
  void settle() {
    for (int node = nextNode - 1; node > 0; node--) {
      if (nodeCounts.getInt(node, 0) == 0) {
        freeNodes.addInt(node);
      }
    }
    for (int page = nextPage - 1; page > 0; page--) {
      if (pageCounts.getInt(page, 0) == 0) {
        freePages.addInt(page);
      } else {
        stored.pages(pages.getLong(page), 1);
      }
    }
  }

  // ---- whether they are what was written ----

  /** What is to be found at a node: as good as all bits depend on all of what it seals. */
  private int sealOf(final int node, final int level) {
    long mixed = (level + 1) * MIX;
    for (int i = 0; i < ENTRIES / 2; i++) {
      mixed = mix(mixed, nodes.getLong(node, i));
    }
    final int seal = (int) mixed;
    return seal == 0 ? 1 : seal;
  }

  private static int sealOfPage(final int page, final long place) {
    return (int) mix(page * MIX, place);
  }

  /** Two results differ if just one of the arguments does. */
  private static long mix(final long mixed, final long word) {
    final long product = (mixed ^ word) * MIX;
    return product ^ (product >>> Integer.SIZE);
  }

  private boolean isIntact(final int node, final int level) {
    return seals.getInt(node, 0) == sealOf(node, level);
  }

  private boolean isPageIntact(final int page) {
    return pages.getInt(page, PAGE_SEAL) == sealOfPage(page, pages.getLong(page));
  }

  /** Whether a node and, in the lowest level, where its pages are stored is what was written. */
  private boolean isWhole(final int node, final int level) {
    boolean isWhole = isIntact(node, level);
    for (int i = 0; i < ENTRIES && isWhole && level == 0; i++) {
      final int page = nodes.getInt(node, i);
      isWhole = page == 0 || (pages.has(page) && isPageIntact(page));
    }
    return isWhole;
  }

  /** The same of a node of a table that may be in the making. */
  private boolean isIntactSoFar(final int node, final int level) {
    return seals.getInt(node, 0) == 0 || isIntact(node, level);
  }

  /** The tables that were made are complete: seal what is new in them. */
  void seal() {
    for (int i = 0; i < unsealed.size(); i++) {
      final long made = unsealed.getLong(i);
      final int node = (int) (made >>> Byte.SIZE);
      // If it was freed and taken again, the last time counts.
      seals.putInt(node, 0, sealOf(node, (int) (made & 0xff)));
    }
    unsealed.clear();
  }

  /** A node is not what was written. */
  void setBroken(final int node) {
    broken.add(node);
    hasBroken = true;
  }

  /**
   * Whether it is known that a table has a broken node. What was below it may be pages that other
   * tables have, or had, without being counted; for any thread.
   */
  boolean hasBroken() {
    return hasBroken;
  }

  /** Whether one was met in making tables since the last call: they lack what it had. */
  boolean takeMetBroken() {
    final boolean met = metBroken;
    metBroken = false;
    return met;
  }

  // ---- reading ----

  /**
   * Look a page up.
   *
   * @param root of the table.
   * @param number of the page.
   * @return where it is stored; -1: nowhere.
   */
  long find(final int root, final long number) {
    int node = root;
    for (int level = TOP; level >= 0 && node != 0; level--) {
      node = nodes.getInt(node, (int) (number >>> (level * SHIFT)) & MASK);
    }
    return node == 0 ? -1 : pages.getLong(node);
  }

  /**
   * How many pages a table has.
   *
   * @param root of the table; 0: an empty one.
   * @return the number, known without looking at them.
   */
  int pages(final int root) {
    return root == 0 ? 0 : nodePages.getInt(root, 0);
  }

  /**
   * Visit the stored pages of a range.
   *
   * @param root of the table.
   * @param from first page.
   * @param to the page behind the last.
   * @param visitor is told each, by number.
   * @throws BrokenTableException if a node on the way is not what was written.
   */
  void visit(final int root, final long from, final long to, final Visitor visitor) {
    if (root != 0 && from < to) {
      visit(root, TOP, 0, from, to, visitor);
    }
  }

  private void visit(
      final int node,
      final int level,
      final long base,
      final long from,
      final long to,
      final Visitor visitor) {
    if (!isWhole(node, level)) {
      throw new BrokenTableException(node, base);
    }
    final int shift = level * SHIFT;
    final int last = (int) Math.min(MASK, (to - 1 - base) >>> shift);
    for (int i = from <= base ? 0 : (int) ((from - base) >>> shift); i <= last; i++) {
      final int entry = nodes.getInt(node, i);
      final long start = base + ((long) i << shift);
      if (entry != 0 && level == 0) {
        visitor.page(start, pages.getLong(entry));
      } else if (entry != 0) {
        visit(entry, level - 1, start, from, to, visitor);
      }
    }
  }

  /**
   * Collect pages of a range, as many as there is room for. Broken nodes are noted and left out.
   *
   * @param root of the table.
   * @param from first page.
   * @param to the page behind the last.
   * @param seen nodes that are left out; those that are done are added.
   * @param batch takes them.
   * @return the page to go on with; -1 if these were all.
   */
  long collect(
      final int root,
      final long from,
      final long to,
      final Optional<BitSet> seen,
      final PageBatch batch) {
    return root == 0 || from >= to ? -1 : collect(root, TOP, 0, from, to, seen, batch);
  }

  private long collect(
      final int node,
      final int level,
      final long base,
      final long from,
      final long to,
      final Optional<BitSet> seen,
      final PageBatch batch) {
    if (seen.isPresent() && seen.get().get(node)) {
      return -1;
    }
    if (!isWhole(node, level)) {
      setBroken(node);
      return -1;
    }
    final int shift = level * SHIFT;
    final int last = (int) Math.min(MASK, (to - 1 - base) >>> shift);
    for (int i = from <= base ? 0 : (int) ((from - base) >>> shift); i <= last; i++) {
      final int entry = nodes.getInt(node, i);
      final long start = base + ((long) i << shift);
      if (entry == 0) {
        continue;
      }
      if (level > 0) {
        final long next = collect(entry, level - 1, start, from, to, seen, batch);
        if (next >= 0) {
          return next;
        }
      } else if (!batch.add(entry, start, pages.getLong(entry), pages.getInt(entry, CHECKSUM))) {
        return start;
      }
    }
    // What was left out at the beginning was done by an earlier call.
    if (seen.isPresent() && last == MASK) {
      seen.get().set(node);
    }
    return -1;
  }

  /** Note the checksum of a page that has none; whether it had none. */
  boolean addChecksum(final int page, final int checksum) {
    if (pages.getInt(page, CHECKSUM) != 0) {
      return false;
    }
    pages.putInt(page, CHECKSUM, checksum);
    return true;
  }

  /**
   * What is broken of a table.
   *
   * @param number of a page in the space: the first one.
   * @param isNode whether a node is, of which this is the first page, and not the page.
   */
  record Damage(long number, boolean isNode) {}

  /**
   * Find any of some pages, or any broken node, in a table.
   *
   * @param root of the table.
   * @param wanted numbers of pages in the tables.
   * @param clean nodes without any; those that are found to be so are added.
   * @return the first one; empty if there is none.
   */
  Optional<Damage> findAny(final int root, final IntHashSet wanted, final BitSet clean) {
    return root == 0 ? Optional.empty() : findAny(root, TOP, 0, wanted, clean);
  }

  private Optional<Damage> findAny(
      final int node,
      final int level,
      final long base,
      final IntHashSet wanted,
      final BitSet clean) {
    if (clean.get(node)) {
      return Optional.empty();
    }
    if (!isWhole(node, level)) {
      setBroken(node);
      return Optional.of(new Damage(base, true));
    }
    for (int i = 0; i < ENTRIES; i++) {
      final int entry = nodes.getInt(node, i);
      final long start = base + ((long) i << (level * SHIFT));
      if (entry != 0 && level == 0 && wanted.contains(entry)) {
        return Optional.of(new Damage(start, false));
      }
      final Optional<Damage> found =
          entry != 0 && level > 0
              ? findAny(entry, level - 1, start, wanted, clean)
              : Optional.empty();
      if (found.isPresent()) {
        return found;
      }
    }
    clean.set(node);
    return Optional.empty();
  }

  /** Tell where all pages are stored that tables have. */
  void forEachPlace(final LongConsumer consumer) {
    for (int page = 1; page < nextPage; page++) {
      if (pageCounts.getInt(page, 0) > 0) {
        consumer.accept(pages.getLong(page));
      }
    }
  }

  // ---- making ----

  /**
   * Take memory for what is to be made, so that nothing fails on the way.
   *
   * @param newPages pages to be stored at most.
   * @param ranges in which they are, and ranges to be shared or dropped.
   * @throws io.vas.core.StoreFullException if there is not enough.
   */
  void reserve(final long newPages, final long ranges) {
    final long newNodes = newNodes(newPages, ranges);
    final long nodeEnd = nextNode + Math.max(0, newNodes - freeNodes.size());
    final long pageEnd = nextPage + Math.max(0, newPages - freePages.size());
    takeRoom(nodeEnd);
    pages.allocate(pageEnd);
    pageCounts.allocate(pageEnd);
  }

  /** A range touches at most two nodes a level that it does not fill, and fills the others. */
  private static long newNodes(final long newPages, final long ranges) {
    return newPages / (ENTRIES - 1) + 1 + ranges * (2L * TOP + 4);
  }

  /**
   * What {@link #reserve} takes if there are no tables yet.
   *
   * @param newPages pages to be stored at most.
   * @param ranges in which they are, and ranges to be shared or dropped.
   * @return bytes.
   */
  static long bytes(final long newPages, final long ranges) {
    return newNodes(newPages, ranges) * NODE_BYTES + newPages * PAGE_BYTES;
  }

  /**
   * Store pages in a table, in place of what it has there.
   *
   * @param root of the table, which is the caller's alone; 0: an empty one.
   * @param from first page.
   * @param to the page behind the last.
   * @param place where the first one is stored; the others lie behind it.
   * @return the table's root by now.
   */
  int store(final int root, final long from, final long to, final long place) {
    if (from >= to) {
      return root;
    }
    stored.pages(place, to - from);
    return store(root, TOP, 0, from, to, place);
  }

  private int store(
      final int node,
      final int level,
      final long base,
      final long from,
      final long to,
      final long place) {
    final int own = own(node, level);
    final int shift = level * SHIFT;
    final int last = (int) Math.min(MASK, (to - 1 - base) >>> shift);
    for (int i = from <= base ? 0 : (int) ((from - base) >>> shift); i <= last; i++) {
      final long start = base + ((long) i << shift);
      final int before = nodes.getInt(own, i);
      final int pagesBefore = pages(before, level);
      if (level > 0) {
        putEntry(own, i, store(before, level - 1, start, from, to, place), level, pagesBefore);
      } else {
        putEntry(own, i, newPage(place + (start - from)), level, pagesBefore);
        releasePage(before);
      }
    }
    return own;
  }

  /**
   * Have a table share a range with another one, holes included.
   *
   * @param root of the table, which is the caller's alone; 0: an empty one.
   * @param from first page.
   * @param to the page behind the last.
   * @param other root of the other one; 0: all holes.
   * @return the table's root by now.
   */
  int share(final int root, final long from, final long to, final int other) {
    return from < to ? share(root, TOP, 0, from, to, other) : root;
  }

  private int share(
      final int node,
      final int level,
      final long base,
      final long from,
      final long to,
      final int other) {
    if (node == other) {
      return node;
    }
    final long span = 1L << ((level + 1) * SHIFT);
    if (from <= base && base + span <= to) {
      retain(other);
      release(node, level);
      return other;
    }
    if (other != 0 && !isIntact(other, level)) {
      setBroken(other);
      metBroken = true;
      return node;
    }
    if (!differs(node, level, base, from, to, other)) {
      return node;
    }
    final int own = own(node, level);
    final int shift = level * SHIFT;
    final int last = (int) Math.min(MASK, (to - 1 - base) >>> shift);
    for (int i = from <= base ? 0 : (int) ((from - base) >>> shift); i <= last; i++) {
      final int before = nodes.getInt(own, i);
      final int pagesBefore = pages(before, level);
      final int wanted = other == 0 ? 0 : nodes.getInt(other, i);
      if (level > 0) {
        final long start = base + ((long) i << shift);
        putEntry(own, i, share(before, level - 1, start, from, to, wanted), level, pagesBefore);
      } else if (before != wanted) {
        retainPage(wanted);
        putEntry(own, i, wanted, level, pagesBefore);
        releasePage(before);
      }
    }
    return own;
  }

  private boolean differs(
      final int node,
      final int level,
      final long base,
      final long from,
      final long to,
      final int other) {
    if (node == other) {
      return false;
    }
    if (!nodes.has(node) || !nodes.has(other)) {
      // One of them is broken, as share() will find.
      return true;
    }
    final int shift = level * SHIFT;
    final int last = (int) Math.min(MASK, (to - 1 - base) >>> shift);
    for (int i = from <= base ? 0 : (int) ((from - base) >>> shift); i <= last; i++) {
      final int one = node == 0 ? 0 : nodes.getInt(node, i);
      final int two = other == 0 ? 0 : nodes.getInt(other, i);
      final long start = base + ((long) i << shift);
      final boolean isWhole = from <= start && start + (1L << shift) <= to;
      if ((level == 0 || isWhole) ? one != two : differs(one, level - 1, start, from, to, two)) {
        return true;
      }
    }
    return false;
  }

  /**
   * Have a table share pages with another one at other addresses.
   *
   * @param root of the table, which is the caller's alone; 0: an empty one.
   * @param from first page.
   * @param to the page behind the last.
   * @param other root of the other one.
   * @param otherFrom first page there.
   * @return the table's root by now.
   */
  int move(final int root, final long from, final long to, final int other, final long otherFrom) {
    final int[] result = {share(root, from, to, 0)};
    visitNumbers(
        other,
        TOP,
        0,
        otherFrom,
        otherFrom + (to - from),
        (number, page) -> {
          final long target = from + (number - otherFrom);
          result[0] = put(result[0], TOP, target, (int) page);
        });
    return result[0];
  }

  private void visitNumbers(
      final int node,
      final int level,
      final long base,
      final long from,
      final long to,
      final Visitor visitor) {
    if (node == 0 || from >= to) {
      return;
    }
    if (!isIntact(node, level)) {
      setBroken(node);
      metBroken = true;
      return;
    }
    final int shift = level * SHIFT;
    final int last = (int) Math.min(MASK, (to - 1 - base) >>> shift);
    for (int i = from <= base ? 0 : (int) ((from - base) >>> shift); i <= last; i++) {
      final int entry = nodes.getInt(node, i);
      final long start = base + ((long) i << shift);
      if (level > 0) {
        visitNumbers(entry, level - 1, start, from, to, visitor);
      } else if (entry != 0) {
        visitor.page(start, entry);
      }
    }
  }

  private int put(final int node, final int level, final long number, final int page) {
    final int own = own(node, level);
    final int i = (int) (number >>> (level * SHIFT)) & MASK;
    final int before = nodes.getInt(own, i);
    final int pagesBefore = pages(before, level);
    if (level > 0) {
      putEntry(own, i, put(before, level - 1, number, page), level, pagesBefore);
    } else {
      retainPage(page);
      putEntry(own, i, page, level, pagesBefore);
      releasePage(before);
    }
    return own;
  }

  /** Let go of a table. What no other has goes, too. */
  void release(final int root) {
    release(root, TOP);
  }

  // ---- nodes and pages ----

  /** A node that can be changed, in place of one that the caller has a reference to. */
  private int own(final int node, final int level) {
    if (node != 0 && nodeCounts.getInt(node, 0) == 1) {
      return node;
    }
    final boolean isBroken = node != 0 && !isIntactSoFar(node, level);
    if (isBroken) {
      setBroken(node);
      metBroken = true;
    }
    final int own = freeNodes.isEmpty() ? nextNode++ : freeNodes.popInt();
    takeRoom(own + 1L);
    seals.putInt(own, 0, 0);
    unsealed.addLong(((long) own << Byte.SIZE) | level);
    nodeCounts.putInt(own, 0, 1);
    nodePages.putInt(own, 0, isBroken ? 0 : pages(node));
    liveNodes++;
    for (int i = 0; i < ENTRIES; i++) {
      final int entry = node == 0 || isBroken ? 0 : nodes.getInt(node, i);
      nodes.putInt(own, i, entry);
      if (level > 0) {
        retain(entry);
      } else {
        retainPage(entry);
      }
    }
    release(node, level);
    return own;
  }

  /** An entry of a node that is the caller's alone, in place of one with so many pages below. */
  private void putEntry(
      final int node, final int i, final int entry, final int level, final int pagesBefore) {
    nodes.putInt(node, i, entry);
    final int change = pages(entry, level) - pagesBefore;
    if (change != 0) {
      nodePages.putInt(node, 0, nodePages.getInt(node, 0) + change);
    }
  }

  /** How many pages there are in an entry of a node of a level. */
  private int pages(final int entry, final int level) {
    return level > 0 ? pages(entry) : Integer.signum(entry);
  }

  private void retain(final int node) {
    if (node != 0) {
      nodeCounts.putInt(node, 0, nodeCounts.getInt(node, 0) + 1);
    }
  }

  private void release(final int node, final int level) {
    if (node == 0) {
      return;
    }
    final int count = nodeCounts.getInt(node, 0) - 1;
    nodeCounts.putInt(node, 0, count);
    if (count > 0) {
      return;
    }
    // What a broken one had nobody knows: that stays until the tables are opened again.
    final boolean isIntact = isIntactSoFar(node, level);
    for (int i = 0; i < ENTRIES && isIntact; i++) {
      final int entry = nodes.getInt(node, i);
      if (level > 0) {
        release(entry, level - 1);
      } else {
        releasePage(entry);
      }
    }
    if (broken.remove(node)) {
      hasBroken = !broken.isEmpty();
    }
    liveNodes--;
    freeNodes.addInt(node);
  }

  private int newPage(final long place) {
    final int page = freePages.isEmpty() ? nextPage++ : freePages.popInt();
    pages.allocate(page + 1L);
    pageCounts.allocate(page + 1L);
    pages.putLong(page, place);
    pages.putInt(page, CHECKSUM, 0);
    pages.putInt(page, PAGE_SEAL, sealOfPage(page, place));
    pageCounts.putInt(page, 0, 1);
    livePages++;
    return page;
  }

  private void retainPage(final int page) {
    if (page != 0) {
      pageCounts.putInt(page, 0, pageCounts.getInt(page, 0) + 1);
    }
  }

  private void releasePage(final int page) {
    if (page == 0) {
      return;
    }
    final int count = pageCounts.getInt(page, 0) - 1;
    pageCounts.putInt(page, 0, count);
    if (count == 0) {
      livePages--;
      // Otherwise it stays where it is until the tables are opened again, wherever that may be.
      if (isPageIntact(page)) {
        freePages.addInt(page);
        freed.accept(pages.getLong(page));
      }
    }
  }

  /** Nodes that tables have. */
  long nodes() {
    return liveNodes;
  }

  /** Pages that tables have. */
  long pages() {
    return livePages;
  }

  /** What the tables take, without what is free to be taken again. */
  long bytes() {
    return liveNodes * NODE_BYTES + livePages * PAGE_BYTES;
  }

  /** Let go of the files, which stay. */
  @Override
  public void close() {
    nodes.close();
    nodeCounts.close();
    nodePages.close();
    pages.close();
    pageCounts.close();
    seals.close();
  }
}
