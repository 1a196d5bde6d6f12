package io.vas.api.daemon;

import io.vas.api.stats.Counter;
import io.vas.api.stats.Counters;
import io.vas.core.keeper.GuardCounts;
import io.vas.store.SnapshotStore;
import java.util.function.LongSupplier;

/**
 * What is there now, and what the guard has done: not counted by the engine, but looked up. The
 * store is asked for sums only, which it has at hand.
 *
 * @param instances how many run.
 * @param recordings how many go on.
 * @param store of snapshots.
 * @param guard of the keeper; closed with this.
 */
record Gauges(
    LongSupplier instances, LongSupplier recordings, SnapshotStore store, GuardCounts guard)
    implements AutoCloseable {
  /**
   * Brings the counters up to date.
   *
   * @param counters where they go.
   */
  void update(final Counters counters) {
    counters.set(Counter.GUARD_FAULTS, guard.faults());
    counters.set(Counter.GUARD_ZAPS, guard.zaps());
    counters.set(Counter.GUARD_CHILDREN, guard.children());
    counters.set(Counter.GUARD_CALLS, guard.calls());
    counters.set(Counter.INSTANCES_RUNNING, instances.getAsLong());
    counters.set(Counter.RECORDINGS_RUNNING, recordings.getAsLong());
    counters.set(Counter.SNAPSHOTS_HELD, store.size());
    counters.set(Counter.STORE_USED, store.usedBytes());
    counters.set(Counter.STORE_RESERVED, store.reservedBytes());
    counters.set(Counter.STORE_BUDGET, store.budgetBytes());
  }

  @Override
  public void close() {
    guard.close();
  }
}
