package io.vas.store;

import java.util.Optional;

/**
 * A step in making the tables of a snapshot.
 *
 * @param space which.
 * @param start address of the first byte.
 * @param length bytes.
 * @param place where the pages are stored; -1 if they are not.
 * @param from the snapshot that they are shared with; empty: they are stored, or holes.
 * @param fromSpace which of its spaces.
 * @param fromStart address of the first byte there.
 */
record PageChange(
    int space,
    long start,
    long length,
    long place,
    Optional<Contents> from,
    int fromSpace,
    long fromStart) {
  /** Pages that are stored from a place on. */
  PageChange(final int space, final long start, final long length, final long place) {
    this(space, start, length, place, Optional.empty(), 0, 0);
  }

  /** Pages that are another snapshot's. */
  PageChange(
      final int space,
      final long start,
      final long length,
      final Contents from,
      final int fromSpace,
      final long fromStart) {
    this(space, start, length, -1, Optional.of(from), fromSpace, fromStart);
  }

  /** Holes. */
  PageChange(final int space, final long start, final long length) {
    this(space, start, length, -1, Optional.empty(), 0, 0);
  }

  /** Page numbers. */
  long first() {
    return start >>> PagePlace.PAGE_SHIFT;
  }

  /** The page behind the last. */
  long end() {
    return (start + length) >>> PagePlace.PAGE_SHIFT;
  }

  /** Whether they are shared with pages at other addresses. */
  boolean isMoved() {
    return from.isPresent() && fromStart != start;
  }

  /**
   * Take the step.
   *
   * @param tables that have room for it.
   * @param root of the space's table so far.
   * @return its root by now.
   */
  int applyTo(final PageTables tables, final int root) {
    if (isStored()) {
      return tables.store(root, first(), end(), place);
    }
    final int other = from.map(contents -> contents.root(fromSpace)).orElse(0);
    return isMoved()
        ? tables.move(root, first(), end(), other, fromStart >>> PagePlace.PAGE_SHIFT)
        : tables.share(root, first(), end(), other);
  }

  boolean isStored() {
    return place >= 0;
  }
}
