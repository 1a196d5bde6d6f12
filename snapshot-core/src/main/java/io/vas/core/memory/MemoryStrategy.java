package io.vas.core.memory;

/** How memory that was anonymous comes back in a fork. */
public enum MemoryStrategy {
  /**
   * A private mapping of the region: nothing is read at the fork, clean pages are shared by all
   * forks, and a guard (userfaultfd, served by the keeper) sees to it that the memory still behaves
   * as anonymous memory does.
   */
  MAP,
  /** Anonymous memory, filled from the region: exact by construction, needs no guard. */
  COPY
}
