package io.vas.api.daemon;

import io.vas.api.v1.TimelineEntry;
import io.vas.api.v1.TimelinePlace;
import io.vas.api.v1.TimelineReply;
import io.vas.core.ConflictException;
import io.vas.core.NotFoundException;
import io.vas.core.instance.Instance;
import io.vas.core.instance.Instances;
import io.vas.store.Snapshot;
import io.vas.store.SnapshotStore;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The trees of snapshots, and where instances stand in them. */
final class Timelines {
  private final SnapshotStore store;
  private final Instances instances;
  private final Function<Instance, Optional<String>> position;
  private final Lineage lineage = new Lineage();

  /**
   * The timelines.
   *
   * @param store of the snapshots.
   * @param instances all of them.
   * @param position id of the snapshot that an instance's next one names as its parent.
   */
  Timelines(
      final SnapshotStore store,
      final Instances instances,
      final Function<Instance, Optional<String>> position) {
    this.store = store;
    this.instances = instances;
    this.position = position;
  }

  /** Finds out what an earlier daemon has left. */
  void recover() {
    lineage.recover(store.list());
  }

  /**
   * Notes a new snapshot.
   *
   * @param snapshot that is in the store.
   */
  void add(final Snapshot snapshot) {
    lineage.add(snapshot);
  }

  /**
   * The trees that snapshots are in.
   *
   * @param ids of some snapshots.
   * @return ids of all that have a common ancestor with one of them.
   */
  Set<String> trees(final Set<String> ids) {
    return lineage.trees(ids);
  }

  /**
   * Forgets a snapshot that was removed.
   *
   * @param snapshot its id.
   */
  void remove(final String snapshot) {
    lineage.remove(snapshot, this::isPlace);
  }

  private boolean isPlace(final String snapshot) {
    return instances.list().stream()
        .anyMatch(instance -> position.apply(instance).equals(Optional.of(snapshot)));
  }

  /**
   * The trees that an instance's snapshots are in, and its place. What is not the caller's is left
   * out, as what was removed is.
   *
   * @param reference of an instance; one that was removed has its id only.
   * @param caller who asks.
   * @return the snapshots, and who stands where.
   * @throws NotFoundException if there is neither such an instance nor a snapshot of one.
   */
  TimelineReply of(final String reference, final Caller caller) {
    final List<Snapshot> all =
        store.list().stream().filter(snapshot -> caller.owns(snapshot.ownerUid())).toList();
    final Set<String> known = all.stream().map(Snapshot::id).collect(Collectors.toSet());
    final List<Instance> seen =
        instances.list().stream().filter(instance -> caller.owns(instance.ownerUid())).toList();
    final String id =
        instances
            .lookUp(reference, seen::contains)
            .map(Instance::reference)
            .orElseGet(() -> removedInstance(reference, all));
    final Map<String, String> names = new HashMap<>();
    final Map<Instance, String> places = new HashMap<>();
    final Set<String> own = new HashSet<>();
    for (final Instance instance : seen) {
      names.put(instance.reference(), instance.name());
      final Optional<String> place =
          position
              .apply(instance)
              .flatMap(lineage::nearest)
              .flatMap(near -> known.contains(near) ? Optional.of(near) : before(near, known));
      if (place.isPresent() && instance.state() == Instance.State.RUNNING) {
        places.put(instance, place.get());
        if (instance.reference().equals(id)) {
          own.add(place.get());
        }
      }
    }
    all.stream().filter(s -> s.instance().equals(id)).map(Snapshot::id).forEach(own::add);
    final Set<String> shown = lineage.trees(own);
    final TimelineReply.Builder reply = TimelineReply.newBuilder().setInstance(id);
    for (final Snapshot snapshot : all) {
      if (shown.contains(snapshot.id())) {
        reply.addSnapshots(
            TimelineEntry.newBuilder()
                .setSnapshot(Views.info(snapshot))
                .setAfter(before(snapshot.id(), known).orElse(""))
                .setInstanceName(names.getOrDefault(snapshot.instance(), "")));
      }
    }
    for (final Instance instance : seen) {
      final String place = places.get(instance);
      if (place != null && shown.contains(place)) {
        reply.addPlaces(
            TimelinePlace.newBuilder()
                .setInstance(instance.reference())
                .setName(instance.name())
                .setSnapshot(place));
      }
    }
    return reply.build();
  }

  /** The nearest of the known ones that a snapshot comes after. */
  private Optional<String> before(final String snapshot, final Set<String> known) {
    Optional<String> at = lineage.after(snapshot);
    while (at.isPresent() && !known.contains(at.get())) {
      at = lineage.after(at.get());
    }
    return at;
  }

  private static String removedInstance(final String reference, final List<Snapshot> snapshots) {
    final List<String> ids =
        snapshots.stream()
            .map(Snapshot::instance)
            .filter(id -> !reference.isEmpty() && id.startsWith(reference))
            .distinct()
            .toList();
    if (ids.size() > 1) {
      throw new ConflictException(
          "'" + reference + "' is the beginning of several instances' ids: " + ids);
    }
    return ids.stream()
        .findFirst()
        .orElseThrow(() -> new NotFoundException("there is no instance " + reference));
  }
}
