package io.vas.api.daemon;

import io.vas.api.stats.Counter;
import io.vas.api.stats.Counters;
import io.vas.api.stats.Latency;
import io.vas.api.v1.RollbackInfo;
import io.vas.api.v1.SnapshotReport;
import io.vas.store.Snapshot;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the engine has done, in the file of counters. Each kind of work is counted by one method,
 * when it is over.
 */
final class WorkCounters implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(WorkCounters.class);

  private static final long UPDATE_MILLIS = 1000;

  private final Counters counters;
  private final ScheduledExecutorService timer =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            final Thread thread = new Thread(task, "vas-gauges");
            thread.setDaemon(true);
            return thread;
          });

  /** Null before there are any, and after the last update. */
  private Gauges gauges;

  WorkCounters(final Path file) {
    counters = Counters.create(file);
  }

  /**
   * Brings gauges up to date from now on, once a second.
   *
   * @param watched closed by {@link #unwatch()}.
   */
  void watch(final Gauges watched) {
    synchronized (this) {
      gauges = watched;
    }
    final var unused =
        timer.scheduleAtFixedRate(this::update, 0, UPDATE_MILLIS, TimeUnit.MILLISECONDS);
  }

  /** Reads no gauges any more; returns when the last update is done. */
  void unwatch() {
    timer.shutdown();
    synchronized (this) {
      if (gauges != null) {
        gauges.close();
        gauges = null;
      }
    }
  }

  private synchronized void update() {
    if (gauges == null) {
      return;
    }
    try {
      gauges.update(counters);
      counters.updated();
    } catch (final RuntimeException e) {
      LOG.warn("the gauges are not up to date: {}", e.toString());
    }
  }

  /**
   * A snapshot is in the store.
   *
   * @param snapshot which one.
   * @param report of how it was taken; empty if it was removed at once.
   */
  void taken(final Snapshot snapshot, final Optional<SnapshotReport> report) {
    counters.increment(Counter.SNAPSHOTS_TAKEN);
    counters.add(Counter.PAGES_STORED, snapshot.facts().pagesCopied());
    counters.add(Counter.BYTES_STORED, snapshot.space().bytes());
    counters.record(Latency.FROZEN, snapshot.facts().frozenMicros());
    counters.record(Latency.SNAPSHOT, snapshot.facts().totalMicros());
    report.ifPresent(
        how -> {
          counters.add(Counter.PAGES_COPIED_LIVE, sum(how.getRoundPagesList()));
          counters.add(Counter.PAGES_COPIED_FROZEN, how.getFrozenPages());
        });
  }

  private static long sum(final Iterable<Long> numbers) {
    long sum = 0;
    for (final long number : numbers) {
      sum += number;
    }
    return sum;
  }

  void snapshotFailed() {
    counters.increment(Counter.SNAPSHOTS_FAILED);
  }

  void removed() {
    counters.increment(Counter.SNAPSHOTS_REMOVED);
  }

  void evicted() {
    counters.increment(Counter.SNAPSHOTS_EVICTED);
  }

  void laidOut() {
    counters.increment(Counter.SNAPSHOTS_LAID_OUT);
  }

  /**
   * An instance was forked.
   *
   * @param micros from the request's arrival until its tasks were released.
   */
  void forked(final long micros) {
    counters.increment(Counter.FORKS_MADE);
    counters.record(Latency.FORK, micros);
  }

  void forkFailed() {
    counters.increment(Counter.FORKS_FAILED);
  }

  /**
   * An instance was put back.
   *
   * @param info how.
   */
  void putBack(final RollbackInfo info) {
    counters.increment(info.getInPlace() ? Counter.ROLLBACKS_IN_PLACE : Counter.ROLLBACKS_REPLACED);
    counters.record(Latency.ROLLBACK_FROZEN, info.getFrozenUs());
  }

  void rollbackFailed() {
    counters.increment(Counter.ROLLBACKS_FAILED);
  }

  /** A recording has taken a snapshot, which is counted as any other, too. */
  void recorded() {
    counters.increment(Counter.RECORDINGS_TAKEN);
  }

  void skipped(final long ticks) {
    counters.add(Counter.RECORDINGS_SKIPPED, ticks);
  }

  /** Marks the file as that of a daemon that has ended, and removes it. */
  @Override
  public void close() {
    unwatch();
    counters.close();
  }
}
