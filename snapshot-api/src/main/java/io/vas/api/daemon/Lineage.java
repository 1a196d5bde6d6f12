package io.vas.api.daemon;

import io.vas.store.Snapshot;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Which snapshot comes after which. A snapshot names its parent for good; here it comes after the
 * nearest ancestor that has not been removed.
 *
 * <p>Of what was removed before the daemon was started nobody knows any more what it came after: a
 * snapshot whose parent is gone then comes after the one of the same instance that is the nearest
 * before it in time.
 */
final class Lineage {
  private static final String NONE = "";

  private final Map<String, String> after = new HashMap<>();
  private final Map<String, Set<String>> next = new HashMap<>();

  /** Of removed ones at which instances stand: what they came after. */
  private final Map<String, String> gone = new HashMap<>();

  /**
   * Starts with what an earlier daemon has left.
   *
   * @param snapshots the oldest first.
   */
  synchronized void recover(final List<Snapshot> snapshots) {
    final Map<String, String> latest = new HashMap<>();
    final Set<String> known = new HashSet<>();
    snapshots.forEach(snapshot -> known.add(snapshot.id()));
    for (final Snapshot snapshot : snapshots) {
      final Optional<String> parent =
          snapshot
              .parent()
              .map(id -> known.contains(id) ? id : latest.getOrDefault(snapshot.instance(), NONE));
      add(snapshot.id(), parent.orElse(NONE));
      latest.put(snapshot.instance(), snapshot.id());
    }
  }

  /**
   * Notes a new snapshot.
   *
   * @param snapshot that is in the store.
   */
  synchronized void add(final Snapshot snapshot) {
    add(snapshot.id(), snapshot.parent().flatMap(this::nearest).orElse(NONE));
  }

  private void add(final String id, final String parent) {
    after.put(id, parent);
    if (!parent.isEmpty()) {
      next.computeIfAbsent(parent, key -> new HashSet<>()).add(id);
    }
  }

  /**
   * Forgets a snapshot: those after it come after the one before it.
   *
   * @param id of the snapshot.
   * @param isPlace whether an instance stands at a snapshot; its next one will name that as parent.
   */
  synchronized void remove(final String id, final Predicate<String> isPlace) {
    final String parent = after.remove(id);
    if (parent == null) {
      return;
    }
    if (!parent.isEmpty()) {
      final Set<String> siblings = next.get(parent);
      siblings.remove(id);
      if (siblings.isEmpty()) {
        next.remove(parent);
      }
    }
    final Set<String> orphans = next.remove(id);
    if (orphans != null) {
      orphans.forEach(orphan -> add(orphan, parent));
    }
    gone.replaceAll((place, before) -> before.equals(id) ? parent : before);
    if (isPlace.test(id)) {
      gone.keySet().removeIf(isPlace.negate());
      gone.put(id, parent);
    }
  }

  /**
   * The place of a snapshot that may be removed by now.
   *
   * @param id of the snapshot.
   * @return itself or the nearest ancestor that is there; empty if there is none.
   */
  synchronized Optional<String> nearest(final String id) {
    final String found = after.containsKey(id) ? id : gone.getOrDefault(id, NONE);
    return Optional.of(found).filter(near -> !near.isEmpty());
  }

  /**
   * What a snapshot comes after.
   *
   * @param id of the snapshot.
   * @return the nearest ancestor that is there; empty if there is none.
   */
  synchronized Optional<String> after(final String id) {
    return Optional.ofNullable(after.get(id)).filter(parent -> !parent.isEmpty());
  }

  /**
   * The trees that snapshots are in.
   *
   * @param ids of some snapshots.
   * @return ids of all that have a common ancestor with one of them.
   */
  synchronized Set<String> trees(final Collection<String> ids) {
    final Set<String> found = new HashSet<>();
    ids.forEach(id -> addTree(root(id), found));
    return found;
  }

  private String root(final String id) {
    String root = id;
    for (String parent = after.getOrDefault(id, NONE);
        !parent.isEmpty();
        parent = after.getOrDefault(parent, NONE)) {
      root = parent;
    }
    return root;
  }

  private void addTree(final String root, final Set<String> found) {
    final Deque<String> open = new ArrayDeque<>();
    open.add(root);
    while (!open.isEmpty()) {
      final String id = open.remove();
      if (after.containsKey(id) && found.add(id)) {
        open.addAll(next.getOrDefault(id, Set.of()));
      }
    }
  }
}
