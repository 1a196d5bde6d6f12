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

/**
 * The page tables of all snapshots: radix trees that share what they have in common. They lie in
 * files in memory, so that the next daemon finds them.
 *
 * <pre>
 *  nodes    8 numbers of 32 bits: of nodes of the level below or, in the lowest level, of pages; 0: none
 *  pages    where a page is stored: 64 bits of the store's choice
 *  counts   how many nodes, or tables, have a node; how many pages are below it; how many nodes have
 *           a page
 *  checksums  CRC-32C of a page, 1 in place of 0; 0 if it has not been computed yet
 * </pre>
 *
 * <p>A node that several tables have is never changed: who changes a table copies what it shares on
 * the way down. What a table holds alone goes with it. Only what is reachable from a table that
 * somebody knows of counts, so the counts are made anew when the tables are opened, and whoever
 * dies while he makes or frees a table leaves nothing behind.
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

  private static final String CHECKSUMS = "checksums";

  private static final int SHIFT = 3;
  private static final int ENTRIES = 1 << SHIFT;
  private static final int MASK = ENTRIES - 1;
  private static final int TOP = PAGE_NUMBER_BITS / SHIFT - 1;
  private static final long CAPACITY = 1L << 30;

  private final MappedArray nodes;
  private final MappedArray nodeCounts;
  private final MappedArray nodePages;
  private final MappedArray pages;
  private final MappedArray pageCounts;
  private final MappedArray checksums;
  private final IntArrayList freeNodes = new IntArrayList();
  private final IntArrayList freePages = new IntArrayList();
  private final Stored stored;
  private final LongConsumer freed;
  private int nextNode = 1;
  private int nextPage = 1;
  private long liveNodes;
  private long livePages;

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
    pages = new MappedArray(directory.resolve(PAGES), Long.BYTES, CAPACITY);
    pageCounts = new MappedArray(directory.resolve(PAGE_COUNTS), Integer.BYTES, CAPACITY);
    checksums = new MappedArray(directory.resolve(CHECKSUMS), Integer.BYTES, CAPACITY);
    nodeCounts.clear();
    nodeCounts.allocate(nodes.written() + 1);
    nodePages.clear();
    nodePages.allocate(nodes.written() + 1);
    pageCounts.clear();
    pageCounts.allocate(pages.written() + 1);
  }

  /** Remove the tables of a directory, if there are any. */
  static void delete(final Path directory) throws IOException {
    for (final String name :
        List.of(NODES, NODE_COUNTS, NODE_PAGES, PAGES, PAGE_COUNTS, CHECKSUMS)) {
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
    final int count = nodeCounts.getInt(node, 0);
    nodeCounts.putInt(node, 0, count + 1);
    if (count > 0) {
      return;
    }
    liveNodes++;
    nextNode = Math.max(nextNode, node + 1);
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
    nodes.allocate(nextNode);
    pages.allocate(nextPage);
    checksums.allocate(nextPage);
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
   * Collect pages of a range, as many as there is room for.
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
      } else if (!batch.add(entry, start, pages.getLong(entry), checksums.getInt(entry, 0))) {
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
    if (checksums.getInt(page, 0) != 0) {
      return false;
    }
    checksums.putInt(page, 0, checksum);
    return true;
  }

  /**
   * Find any of some pages in a table.
   *
   * @param root of the table.
   * @param wanted numbers of pages in the tables.
   * @param clean nodes without any; those that are found to be so are added.
   * @return the first one's number in the space; -1 if there is none.
   */
  long findAny(final int root, final IntHashSet wanted, final BitSet clean) {
    return root == 0 ? -1 : findAny(root, TOP, 0, wanted, clean);
  }

  private long findAny(
      final int node,
      final int level,
      final long base,
      final IntHashSet wanted,
      final BitSet clean) {
    if (clean.get(node)) {
      return -1;
    }
    for (int i = 0; i < ENTRIES; i++) {
      final int entry = nodes.getInt(node, i);
      final long start = base + ((long) i << (level * SHIFT));
      if (entry != 0 && level == 0 && wanted.contains(entry)) {
        return start;
      }
      final long found =
          entry != 0 && level > 0 ? findAny(entry, level - 1, start, wanted, clean) : -1;
      if (found >= 0) {
        return found;
      }
    }
    clean.set(node);
    return -1;
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
    // A range touches at most two nodes a level that it does not fill, and fills the others.
    final long newNodes = newPages / (ENTRIES - 1) + 1 + ranges * (2L * TOP + 4);
    final long nodeEnd = nextNode + Math.max(0, newNodes - freeNodes.size());
    final long pageEnd = nextPage + Math.max(0, newPages - freePages.size());
    nodes.allocate(nodeEnd);
    nodeCounts.allocate(nodeEnd);
    nodePages.allocate(nodeEnd);
    pages.allocate(pageEnd);
    pageCounts.allocate(pageEnd);
    checksums.allocate(pageEnd);
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
    final int own = freeNodes.isEmpty() ? nextNode++ : freeNodes.popInt();
    nodes.allocate(own + 1L);
    nodeCounts.allocate(own + 1L);
    nodePages.allocate(own + 1L);
    nodeCounts.putInt(own, 0, 1);
    nodePages.putInt(own, 0, pages(node));
    liveNodes++;
    for (int i = 0; i < ENTRIES; i++) {
      final int entry = node == 0 ? 0 : nodes.getInt(node, i);
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
    for (int i = 0; i < ENTRIES; i++) {
      final int entry = nodes.getInt(node, i);
      if (level > 0) {
        release(entry, level - 1);
      } else {
        releasePage(entry);
      }
    }
    liveNodes--;
    freeNodes.addInt(node);
  }

  private int newPage(final long place) {
    final int page = freePages.isEmpty() ? nextPage++ : freePages.popInt();
    pages.allocate(page + 1L);
    pageCounts.allocate(page + 1L);
    checksums.allocate(page + 1L);
    pages.putLong(page, place);
    checksums.putInt(page, 0, 0);
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
      freePages.addInt(page);
      freed.accept(pages.getLong(page));
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
    return liveNodes * (ENTRIES + 2) * Integer.BYTES + livePages * (Long.BYTES + 2 * Integer.BYTES);
  }

  /** Let go of the files, which stay. */
  @Override
  public void close() {
    nodes.close();
    nodeCounts.close();
    nodePages.close();
    pages.close();
    pageCounts.close();
    checksums.close();
  }
}
