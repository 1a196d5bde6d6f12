package io.vas.api.daemon;

import io.vas.api.record.Cadence;
import io.vas.api.v1.RecordingEnd;
import io.vas.core.DeadlineException;
import io.vas.core.NotFoundException;
import io.vas.core.StoreFullException;
import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import io.vas.core.instance.Instance;
import io.vas.store.Snapshot;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes live snapshots of one instance at a fixed cadence, and removes those that are not to be
 * kept, until it is stopped or can't go on. While the instance is paused it takes none.
 */
final class Recorder {
  private static final Logger LOG = LoggerFactory.getLogger(Recorder.class);

  /** What one snapshot may take, the first copy of a large instance included. */
  private static final Duration SNAPSHOT_TIME = Duration.ofMinutes(5);

  /** Removing is done for several snapshots at once when they come quickly. */
  private static final long REMOVE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /** How often the counts are written down. */
  private static final long SAVE_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** That many snapshots in a row may run out of time. */
  private static final int LATE_MAX = 10;

  /** How long the news that an instance has ended may take after a snapshot has failed for it. */
  private static final long END_NEWS_MILLIS = 500;

  /** What it does its work with. */
  interface Work {
    /**
     * Takes a live snapshot.
     *
     * @param instance that runs.
     * @param ownerUid the user that it is to belong to.
     * @param time for it.
     * @return the snapshot, which is in the store.
     */
    Snapshot take(Instance instance, int ownerUid, CallTime time);

    /**
     * Removes a snapshot.
     *
     * @param snapshot its id.
     */
    void remove(String snapshot);

    /**
     * Where an instance stands.
     *
     * @param instance which one.
     * @return id of the snapshot that its next one is based on.
     */
    Optional<String> position(Instance instance);

    /**
     * Notes ticks at which no snapshot was taken, for the one before was not done.
     *
     * @param ticks how many; may be 0.
     */
    void skipped(long ticks);
  }

  private final Instance instance;
  private final Recording recording;
  private final Work work;
  private final RecorderFile file;
  private final long periodNanos;
  private final CompletableFuture<Void> done = new CompletableFuture<>();
  private volatile Thread thread;
  private volatile boolean stopAsked;
  private volatile boolean leaving;
  private int late;
  private long removedNanos;
  private long savedNanos;

  /**
   * A recorder, which does nothing yet.
   *
   * @param instance to be recorded.
   * @param recording what is asked for.
   * @param work takes and removes snapshots.
   */
  Recorder(final Instance instance, final Recording recording, final Work work) {
    this.instance = instance;
    this.recording = recording;
    this.work = work;
    this.file = new RecorderFile(instance);
    this.periodNanos = TimeUnit.MICROSECONDS.toNanos(recording.info().getEveryUs());
  }

  Recording recording() {
    return recording;
  }

  /**
   * Starts with a first snapshot.
   *
   * @param time for it.
   * @throws VasException if it can't be taken; then nothing is recorded.
   */
  void begin(final CallTime time) {
    final Cadence cadence = new Cadence(periodNanos, System.nanoTime());
    try {
      recording.taken(work.take(instance, recording.info().getOwnerUid(), time));
    } catch (final RuntimeException e) {
      done.complete(null);
      throw e;
    }
    skip(cadence);
    start(cadence);
  }

  /** Goes on with what an earlier daemon has begun. */
  void resume() {
    start(new Cadence(periodNanos, System.nanoTime()));
  }

  private void start(final Cadence cadence) {
    save();
    thread = new Thread(() -> run(cadence), "vas-record-" + instance.name());
    thread.setDaemon(true);
    thread.start();
  }

  /**
   * Asks it to stop.
   *
   * @param time how long to wait until it has.
   * @throws DeadlineException if its last snapshot takes longer; it stops when that is done.
   */
  void stop(final CallTime time) {
    stopAsked = true;
    wake();
    try {
      done.get(time.remaining().toNanos(), TimeUnit.NANOSECONDS);
    } catch (final TimeoutException e) {
      throw new DeadlineException(
          "instance " + instance + ": its last snapshot was being taken until time ran out", e);
    } catch (final ExecutionException e) {
      throw new IllegalStateException(e);
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new VasException("interrupted", e);
    }
  }

  /** Lets it end as the end of this process would: the next daemon goes on with it. */
  void leave() {
    leaving = true;
    wake();
  }

  /** Lets it look whether its instance has ended. */
  void wake() {
    LockSupport.unpark(thread);
  }

  private void run(final Cadence cadence) {
    try {
      while (!recording.hasEnded() && !leaving) {
        if (stopAsked) {
          end(RecordingEnd.ASKED_TO_STOP, "stopped");
        } else if (instance.state() != Instance.State.RUNNING) {
          end(RecordingEnd.INSTANCE_ENDED, "the instance has ended");
        } else if (cadence.untilDue(System.nanoTime()) > 0) {
          LockSupport.parkNanos(this, cadence.untilDue(System.nanoTime()));
        } else {
          tick(cadence);
        }
      }
    } catch (final RuntimeException e) {
      LOG.error("recording {}", instance, e);
      end(RecordingEnd.SNAPSHOT_FAILED, "internal error: " + e);
    } finally {
      done.complete(null);
    }
  }

  private void tick(final Cadence cadence) {
    if (instance.isPaused()) {
      // Nothing changes, and nothing is missed.
      final long unused = cadence.advance(System.nanoTime());
      return;
    }
    try {
      recording.taken(
          work.take(
              instance,
              recording.info().getOwnerUid(),
              new CallTime(System.nanoTime(), SNAPSHOT_TIME)));
      late = 0;
    } catch (final VasException e) {
      failed(e);
    }
    final long now = System.nanoTime();
    if (now - removedNanos > REMOVE_NANOS) {
      removedNanos = now;
      final int unused = removeUnwanted();
    }
    if (now - savedNanos > SAVE_NANOS) {
      save();
    }
    skip(cadence);
  }

  private void skip(final Cadence cadence) {
    final long ticks = cadence.advance(System.nanoTime());
    recording.skipped(ticks);
    work.skipped(ticks);
  }

  private void failed(final VasException error) {
    if (leaving || hasInstanceEnded()) {
      return;
    }
    if (error instanceof StoreFullException) {
      if (removeUnwanted() == 0) {
        end(RecordingEnd.RECORDING_STORE_FULL, error.getMessage());
      }
    } else if (error instanceof UnsupportedException) {
      end(RecordingEnd.SNAPSHOT_REFUSED, error.getMessage());
    } else if (error instanceof DeadlineException && ++late < LATE_MAX) {
      recording.failed();
      LOG.info("recording {}: {}", instance, error.getMessage());
    } else {
      end(RecordingEnd.SNAPSHOT_FAILED, error.getMessage());
    }
  }

  private boolean hasInstanceEnded() {
    try {
      return instance.exit().get(END_NEWS_MILLIS, TimeUnit.MILLISECONDS) != null;
    } catch (final TimeoutException e) {
      return false;
    } catch (final ExecutionException e) {
      throw new IllegalStateException(e);
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private void end(final RecordingEnd end, final String reason) {
    if (end == RecordingEnd.ASKED_TO_STOP || end == RecordingEnd.INSTANCE_ENDED) {
      final int unused = removeUnwanted();
    }
    recording.end(end, reason);
    save();
    LOG.info(
        "recording {} ends after {} snapshots: {}", instance, recording.info().getTaken(), reason);
  }

  /** Returns how many were removed. */
  private int removeUnwanted() {
    int removed = 0;
    for (final String id : recording.unwanted(work.position(instance).orElse(""))) {
      try {
        work.remove(id);
        recording.thinned();
        removed++;
      } catch (final NotFoundException e) {
        LOG.debug("snapshot {} was removed by somebody else", id);
      }
      recording.removed(id);
    }
    return removed;
  }

  private void save() {
    savedNanos = System.nanoTime();
    file.write(recording.info());
  }
}
