package io.vas.store;

import io.vas.core.ConflictException;
import io.vas.core.NotFoundException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.agrona.collections.LongHashSet;

/**
 * The snapshots by id and by name, and which ids and names are taken. The store guards it; nothing
 * but {@link #list} and {@link #entries} costs more the more snapshots there are.
 */
final class SnapshotIndex {
  /** The oldest first. */
  private final Map<String, Entry> byId = new LinkedHashMap<>();

  /** Those that have no name, the one that was used the longest time ago first. */
  private final Map<String, Entry> unnamed = new LinkedHashMap<>(16, 0.75f, true);

  private final NavigableSet<String> sortedIds = new TreeSet<>();
  private final Map<SnapshotName, Entry> names = new HashMap<>();
  private final Set<SnapshotName> draftNames = new HashSet<>();

  private Instant latest = Instant.MIN;

  /** Of snapshots, also of those that were removed and are used, and of drafts. */
  private final LongHashSet takenIds = new LongHashSet();

  /** A snapshot, and what it holds. */
  record Entry(Snapshot snapshot, Contents contents) {}

  // ---- what is taken

  /** An id for a draft. It is taken until it is given back. */
  SnapshotId newId() {
    while (true) {
      final SnapshotId id = SnapshotId.random();
      if (takenIds.add(id.value())) {
        return id;
      }
    }
  }

  /**
   * Take an id for the draft of a snapshot that had it.
   *
   * @throws ConflictException if something has it.
   */
  SnapshotId takeId(final String text) {
    final SnapshotId id = SnapshotId.parse(text);
    if (!takenIds.add(id.value())) {
      throw new ConflictException(
          byId.containsKey(text)
              ? "there is a snapshot " + text
              : "snapshot " + text + " was removed, but forks of it need what it holds still");
    }
    return id;
  }

  /** Nothing has this id any more, unless it is a snapshot's that has other contents by now. */
  void giveBack(final SnapshotId id) {
    if (!byId.containsKey(id.toString())) {
      takenIds.remove(id.value());
    }
  }

  /**
   * Take a name for a draft.
   *
   * @param name which there is but once, whoever has it.
   * @param ownerUid who takes it, and is not told others' ids.
   * @throws ConflictException if a snapshot, or another draft, has it.
   */
  void takeName(final SnapshotName name, final int ownerUid) {
    final Entry taken = names.get(name);
    if (taken != null) {
      final boolean known = ownerUid == 0 || ownerUid == taken.snapshot().ownerUid();
      throw new ConflictException(
          "the name "
              + name
              + " is taken"
              + (known ? " by snapshot " + taken.snapshot().id() : " by another user's snapshot"));
    }
    if (!draftNames.add(name)) {
      throw new ConflictException("a snapshot named " + name + " is being taken");
    }
  }

  /** The draft that had a name was given up. */
  void giveBackName(final SnapshotName name) {
    draftNames.remove(name);
  }

  // ---- snapshots

  /** A draft has become a snapshot or its new contents, or a former daemon has left one. */
  void add(final Entry entry) {
    final Snapshot snapshot = entry.snapshot();
    takenIds.add(entry.contents().id().value());
    takenIds.add(entry.contents().snapshot().value());
    final boolean isNew = byId.put(snapshot.id(), entry) == null;
    if (isNew && snapshot.created().isBefore(latest)) {
      sort();
    }
    latest = snapshot.created().isAfter(latest) ? snapshot.created() : latest;
    sortedIds.add(snapshot.id());
    if (snapshot.name().isEmpty()) {
      unnamed.put(snapshot.id(), entry);
    }
    snapshot
        .name()
        .ifPresent(
            name -> {
              draftNames.remove(name);
              names.put(name, entry);
            });
  }

  /** One has come back that is older than others. */
  private void sort() {
    final List<Entry> entries = new ArrayList<>(byId.values());
    entries.sort(Comparator.comparing(entry -> entry.snapshot().created()));
    byId.clear();
    entries.forEach(entry -> byId.put(entry.snapshot().id(), entry));
  }

  /** Its name is free from now on; its id only when that is given back. */
  void remove(final Entry entry) {
    final Snapshot snapshot = entry.snapshot();
    byId.remove(snapshot.id());
    sortedIds.remove(snapshot.id());
    unnamed.remove(snapshot.id());
    snapshot.name().ifPresent(names::remove);
  }

  /** A snapshot that was removed, but is used still. */
  void addRemoved(final Contents contents) {
    takenIds.add(contents.id().value());
  }

  void clear() {
    byId.clear();
    sortedIds.clear();
    unnamed.clear();
    names.clear();
  }

  // ---- finding

  /** A snapshot by its whole id. */
  Optional<Entry> lookUp(final String id) {
    return Optional.ofNullable(byId.get(id));
  }

  /**
   * Find a snapshot among some.
   *
   * @param reference its id, its name, or the first digits of its id.
   * @param among which ones; the others are as if they were not there.
   * @return the snapshot.
   * @throws NotFoundException if there is none.
   * @throws ConflictException if several ids begin like that.
   */
  Entry find(final String reference, final Predicate<Snapshot> among) {
    final Entry known = byId.get(reference);
    if (known != null && among.test(known.snapshot())) {
      return known;
    }
    if (SnapshotName.isValid(reference)) {
      final Entry byName = names.get(SnapshotName.parse(reference));
      if (byName != null && among.test(byName.snapshot())) {
        return byName;
      }
    }
    final List<String> ids =
        reference.isEmpty()
            ? List.of()
            : sortedIds.tailSet(reference).stream()
                .takeWhile(id -> id.startsWith(reference))
                .filter(id -> among.test(byId.get(id).snapshot()))
                .limit(2)
                .toList();
    if (ids.isEmpty()) {
      throw new NotFoundException("there is no snapshot '" + reference + "'");
    }
    if (ids.size() > 1) {
      throw new ConflictException(
          "'" + reference + "' is the beginning of several snapshots' ids: " + ids + ", ...");
    }
    return byId.get(ids.get(0));
  }

  /** The same among all. */
  Entry find(final String reference) {
    return find(reference, snapshot -> true);
  }

  /** A snapshot is being used. */
  void touch(final Entry entry) {
    // Asking for it moves it to the end.
    unnamed.get(entry.snapshot().id());
  }

  /** Those without a name, the one that was used the longest time ago first. */
  List<Entry> leastRecentlyUsed() {
    return List.copyOf(unnamed.values());
  }

  /** How many there are. */
  int size() {
    return byId.size();
  }

  /** All of them, the oldest first. */
  Collection<Entry> entries() {
    return byId.values();
  }

  /** All of them, the oldest first. */
  List<Snapshot> list() {
    return byId.values().stream().map(Entry::snapshot).toList();
  }
}
