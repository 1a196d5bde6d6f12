package io.vas.store;

import io.vas.core.VasException;

/** A node of a page table is not what was written. */
final class BrokenTableException extends VasException {
  private static final long serialVersionUID = 1;

  private final int node;
  private final long number;

  /**
   * An exception.
   *
   * @param node which.
   * @param number of the first page in the space that it is for.
   */
  BrokenTableException(final int node, final long number) {
    super("node " + node + " of a page table, for pages from " + number + " on, is broken");
    this.node = node;
    this.number = number;
  }

  int node() {
    return node;
  }

  /** Of the first page that it is for, in the space. */
  long number() {
    return number;
  }
}
