package io.vas.store;

import java.util.List;
import java.util.Optional;

/**
 * How full the store is.
 *
 * @param budgetBytes what it may hold.
 * @param whenFull what is done when a snapshot does not fit.
 * @param usedBytes what it holds.
 * @param reservedBytes what is set aside for snapshots that are being taken.
 * @param removedBytes part of what it holds: of removed snapshots, what instances or other
 *     snapshots still use.
 * @param warmBytes memory that is kept written for the next snapshot, and is given up first: not
 *     part of what it holds.
 * @param metadataBytes what the journal and the tables of pages take besides.
 * @param hugePages whether there are huge pages behind the regions.
 * @param numaPolicy from which NUMA nodes the regions' memory comes, as an option of tmpfs; {@code
 *     default}: from the one where it is written first.
 * @param limitedByKernel whether the kernel enforces the budget, not only the store.
 * @param limitations what this kernel or this user does not allow, one line each.
 * @param entries what each snapshot takes, the oldest first.
 */
public record StoreStatus(
    long budgetBytes,
    FullPolicy whenFull,
    long usedBytes,
    long reservedBytes,
    long removedBytes,
    long warmBytes,
    long metadataBytes,
    boolean hugePages,
    String numaPolicy,
    boolean limitedByKernel,
    List<String> limitations,
    List<Entry> entries) {

  /**
   * One snapshot.
   *
   * @param id its id.
   * @param name its name, if it has one.
   * @param space what it takes.
   * @param uses how many forks and other users it has.
   * @param laidOut whether its pages were laid out anew.
   */
  public record Entry(
      String id, Optional<SnapshotName> name, SnapshotSpace space, int uses, boolean laidOut) {}

  /**
   * What a new snapshot can have.
   *
   * @return bytes, 0 or more.
   */
  public long freeBytes() {
    return Math.max(0, budgetBytes - usedBytes - reservedBytes);
  }
}
