package io.vas.api.daemon;

import io.vas.api.daemon.CompiledSnapshots.Compiled;
import io.vas.api.v1.Stage;
import io.vas.core.checkpoint.Subject;
import io.vas.core.instance.Instance;
import io.vas.store.SnapshotUse;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The snapshots that running instances map pages of: these stay as long as the instance runs, or
 * until it is another's. Thread-safe.
 */
final class Origins implements AutoCloseable {
  private final Map<Long, Origin> byInstance = new ConcurrentHashMap<>();

  /**
   * Where a fork comes from.
   *
   * @param use of its snapshot.
   * @param release lets go of it.
   * @param forkMicros how long the fork took; 0 if a former daemon made it, or a rollback.
   * @param stages of the fork.
   */
  record Origin(SnapshotUse use, Runnable release, long forkMicros, List<Stage> stages) {}

  /**
   * An instance has been forked from a snapshot.
   *
   * @param instance the fork.
   * @param source its snapshot.
   * @param forkMicros how long that took; 0: it was put in the place of other processes.
   * @param stages of the fork.
   */
  void set(
      final Instance instance,
      final Compiled source,
      final long forkMicros,
      final List<Stage> stages) {
    source.retain();
    set(instance, new Origin(source.use(), source::release, forkMicros, stages));
  }

  /**
   * A former daemon has forked an instance.
   *
   * @param instance the fork.
   * @param use of its snapshot; is closed in the end.
   */
  void recover(final Instance instance, final SnapshotUse use) {
    set(instance, new Origin(use, use::close, 0, List.of()));
  }

  private void set(final Instance instance, final Origin origin) {
    final Origin previous = byInstance.put(instance.id(), origin);
    if (previous != null) {
      previous.release().run();
      return;
    }
    final var unused = instance.exit().whenComplete((code, error) -> release(instance.id()));
  }

  private void release(final long instance) {
    final Origin last = byInstance.remove(instance);
    if (last != null) {
      last.release().run();
    }
  }

  /**
   * Where an instance comes from.
   *
   * @param instance its id.
   * @return empty if it is no fork, or has ended.
   */
  Optional<Origin> get(final long instance) {
    return Optional.ofNullable(byInstance.get(instance));
  }

  /**
   * Where an instance comes from, which it knows itself from then on: one that a former daemon has
   * forked does not.
   *
   * @param instance nobody else has it meanwhile.
   * @return empty if it is no fork, or has ended, or if its snapshot is gone.
   */
  Optional<Origin> tell(final Instance instance) {
    final Optional<Origin> origin = get(instance.id());
    if (instance.origin().isEmpty()) {
      origin
          .map(Origin::use)
          .ifPresent(
              use -> instance.setOrigin(new Subject.Origin(CompiledSnapshots.image(use), use)));
    }
    return origin;
  }

  /** Lets go of all: not every end is heard of. */
  @Override
  public void close() {
    byInstance.keySet().forEach(this::release);
  }
}
