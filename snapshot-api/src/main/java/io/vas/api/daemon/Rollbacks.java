package io.vas.api.daemon;

import io.vas.api.daemon.CompiledSnapshots.Compiled;
import io.vas.api.v1.RollbackInfo;
import io.vas.api.v1.RollbackRequest;
import io.vas.core.ConflictException;
import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import io.vas.core.instance.Instance;
import io.vas.core.instance.Instances;
import io.vas.core.keeper.MendException;
import io.vas.core.keeper.MendReply;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.restore.InPlaceRollback;
import io.vas.core.restore.NotInPlaceException;
import io.vas.store.Snapshot;
import io.vas.store.SnapshotUse;
import java.time.Duration;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts instances back to snapshots: in the processes that there are if that can be done, otherwise
 * by a fork that takes their place. Thread-safe.
 */
final class Rollbacks {
  private static final Logger LOG = LoggerFactory.getLogger(Rollbacks.class);

  private final Instances instances;
  private final Snapshots snapshots;
  private final CompiledSnapshots compiled;
  private final Origins origins;
  private final InPlaceRollback inPlace;

  /**
   * A way back.
   *
   * @param instances that are put back.
   * @param snapshots what they may go back to.
   * @param compiled the same as programs.
   * @param origins which of them they are forks of.
   * @param inPlace how it is done in the processes that there are.
   */
  Rollbacks(
      final Instances instances,
      final Snapshots snapshots,
      final CompiledSnapshots compiled,
      final Origins origins,
      final InPlaceRollback inPlace) {
    this.instances = instances;
    this.snapshots = snapshots;
    this.compiled = compiled;
    this.origins = origins;
    this.inPlace = inPlace;
  }

  /**
   * Puts an instance back.
   *
   * @param request which one, and to which snapshot.
   * @param time what it may take.
   * @return what was done.
   * @throws ConflictException if it has ended.
   * @throws VasException if it can't be done; then it goes on as it was, or has ended and the error
   *     says so.
   */
  RollbackInfo run(final RollbackRequest request, final CallTime time) {
    final Instance instance = instances.find(request.getInstance());
    if (instance.state() != Instance.State.RUNNING) {
      throw new ConflictException("instance " + instance + " has ended");
    }
    final Compiled target =
        compiled.get(snapshots.target(instance, request.getSnapshot()).id(), MemoryStrategy.MAP);
    try {
      return snapshots.exclusively(instance, time, () -> run(instance, target, request, time));
    } catch (final VasException e) {
      throw Named.error("instance " + instance.name(), e);
    } finally {
      target.release();
    }
  }

  private RollbackInfo run(
      final Instance instance,
      final Compiled target,
      final RollbackRequest request,
      final CallTime time) {
    final RollbackInfo.Builder info =
        RollbackInfo.newBuilder()
            .setInstance(instance.reference())
            .setSnapshot(target.use().snapshot().id());
    boolean isCommitted = false;
    if (origins.tell(instance).isEmpty() && instance.snapshot().isPresent()) {
      info.setReason("the snapshot that it was forked from is gone");
    } else {
      isCommitted = runInPlace(instance, target, request, info, time);
    }
    if (!info.getInPlace()) {
      replace(instance, target, request, isCommitted, info, time);
    }
    snapshots.moveTo(instance.id(), info.getSnapshot());
    if (info.getInPlace()) {
      LOG.debug("instance {} is back at snapshot {} in place", instance, info.getSnapshot());
    } else {
      LOG.info(
          "instance {} is back at snapshot {}, replaced: {}",
          instance,
          info.getSnapshot(),
          info.getReason());
    }
    return info.setTotalUs(time.elapsedMicros()).build();
  }

  /** Returns whether it can only go on to the snapshot. If it is not done, the reason is told. */
  private boolean runInPlace(
      final Instance instance,
      final Compiled target,
      final RollbackRequest request,
      final RollbackInfo.Builder info,
      final CallTime time) {
    try {
      final MendReply reply =
          inPlace.run(
              instance,
              target.program().image(),
              pages(instance, target),
              request.getKeepConnections(),
              instance.isPaused(),
              time.remaining());
      info.setInPlace(true).setFrozenUs(reply.frozenNanos() / 1000).setPagesRestored(reply.pages());
    } catch (final NotInPlaceException e) {
      info.setReason(e.getMessage());
    } catch (final MendException e) {
      info.setReason(e.getMessage());
      return e.isCommitted();
    }
    return false;
  }

  /** As the instance maps them, if it is a fork of the same snapshot. */
  private SnapshotUse pages(final Instance instance, final Compiled target) {
    return origins
        .get(instance.id())
        .map(Origins.Origin::use)
        .filter(use -> use.snapshot().id().equals(target.use().snapshot().id()))
        .orElse(target.use());
  }

  private void replace(
      final Instance instance,
      final Compiled target,
      final RollbackRequest request,
      final boolean isCommitted,
      final RollbackInfo.Builder info,
      final CallTime time) {
    if (request.getKeepConnections() && !isCommitted) {
      throw new UnsupportedException(
          "connections can't be kept, for it can't be put back in place: " + info.getReason());
    }
    final Snapshot snapshot = target.use().snapshot();
    try {
      final Instances.Replacement done =
          instances.replace(instance, target.program(), snapshot.id(), time.remaining());
      info.setFrozenUs(done.frozenNanos() / 1000).setPagesRestored(snapshot.facts().pages());
      done.lost().ifPresent(lost -> info.setReason(info.getReason() + "; it has lost " + lost));
    } catch (final VasException e) {
      if (isCommitted) {
        // What it is now is no state that it ever was in.
        final int code = instances.stop(instance, Duration.ZERO);
        LOG.error("instance {} is ended with code {}", instance, code);
      }
      throw e;
    }
    origins.set(instance, target, 0, List.of());
  }
}
