package io.vas.api.stats;

/**
 * What the daemon counts. Counters only grow, from 0 when the daemon starts (those of the guard:
 * when its keeper was started, which may have been by an earlier daemon); gauges go up and down.
 *
 * <p>Events are counted when they are over. Gauges, and what the guard has done, are brought up to
 * date once a second.
 */
public enum Counter {
  /** Gauge: instances that run, paused ones included. */
  INSTANCES_RUNNING(1, "instances", "running"),

  /** Gauge: snapshots in the store. */
  SNAPSHOTS_HELD(2, "snapshots", "held"),

  /** Snapshots taken, those of recordings included. */
  SNAPSHOTS_TAKEN(3, "snapshots", "taken"),

  /** Snapshots that failed or were refused; the instance went on. */
  SNAPSHOTS_FAILED(4, "snapshots", "failed"),

  /** Snapshots removed by a command or by a recording's policy. */
  SNAPSHOTS_REMOVED(5, "snapshots", "removed"),

  /** Snapshots removed by the store to make room. */
  SNAPSHOTS_EVICTED(6, "snapshots", "evicted"),

  /** Snapshots whose pages were laid out anew. */
  SNAPSHOTS_LAID_OUT(7, "snapshots", "laid_out"),

  /** Pages of 4 KiB copied while the instance ran; those that it wrote again count again. */
  PAGES_COPIED_LIVE(8, "pages", "copied_live"),

  /** Pages of 4 KiB copied while the instance stood still. */
  PAGES_COPIED_FROZEN(9, "pages", "copied_frozen"),

  /** Pages of 4 KiB that snapshots have put in the store. */
  PAGES_STORED(10, "pages", "stored"),

  /** Bytes that snapshots have put in the store: pages, layers, images. */
  BYTES_STORED(11, "pages", "stored_bytes"),

  /** Instances forked, those that were undone because another of the same request failed, too. */
  FORKS_MADE(12, "forks", "made"),

  /** Requests for forks that failed. */
  FORKS_FAILED(13, "forks", "failed"),

  /** Rollbacks in the processes that there were. */
  ROLLBACKS_IN_PLACE(14, "rollbacks", "in_place"),

  /** Rollbacks by a fork that took their place. */
  ROLLBACKS_REPLACED(15, "rollbacks", "replaced"),

  /** Rollbacks that failed or were refused. */
  ROLLBACKS_FAILED(16, "rollbacks", "failed"),

  /** Gauge: recordings that go on. */
  RECORDINGS_RUNNING(17, "recordings", "running"),

  /** Snapshots taken by recordings. */
  RECORDINGS_TAKEN(18, "recordings", "taken"),

  /** Ticks of recordings at which no snapshot was taken, for the one before was not done. */
  RECORDINGS_SKIPPED(19, "recordings", "skipped"),

  /** Gauge: bytes that the store holds. */
  STORE_USED(20, "store", "used_bytes"),

  /** Gauge: bytes set aside for snapshots that are being taken. */
  STORE_RESERVED(21, "store", "reserved_bytes"),

  /** Gauge: bytes that the store may hold. */
  STORE_BUDGET(22, "store", "budget_bytes"),

  /** Page faults of forks that the keeper answered: first touches of what no snapshot holds. */
  GUARD_FAULTS(23, "guard", "faults"),

  /** Ranges that forks have zapped, as by MADV_DONTNEED, and that the keeper filled with zeros. */
  GUARD_ZAPS(24, "guard", "zaps"),

  /** Children of forks whose memory the keeper has come to guard, too. */
  GUARD_CHILDREN(25, "guard", "children"),

  /** Calls of mremap and madvise by forks that waited for the keeper. */
  GUARD_CALLS(26, "guard", "calls");

  private final int typeId;
  private final String group;
  private final String field;

  Counter(final int typeId, final String group, final String field) {
    this.typeId = typeId;
    this.group = group;
    this.field = field;
  }

  /**
   * By which it is found in the file.
   *
   * @return the type id of Agrona's counter.
   */
  public int typeId() {
    return typeId;
  }

  /**
   * What it is about.
   *
   * @return a word in lower case.
   */
  public String group() {
    return group;
  }

  /**
   * What it counts within its group.
   *
   * @return its name in JSON.
   */
  public String field() {
    return field;
  }

  /**
   * The label of Agrona's counter.
   *
   * @return for example "forks.made".
   */
  public String label() {
    return group + "." + field;
  }
}
