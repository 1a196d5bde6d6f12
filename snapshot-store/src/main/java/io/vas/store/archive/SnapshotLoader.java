package io.vas.store.archive;

import com.google.protobuf.MessageLite;
import io.vas.core.ConflictException;
import io.vas.core.DamagedException;
import io.vas.core.NotFoundException;
import io.vas.core.StoreFullException;
import io.vas.core.UnsupportedException;
import io.vas.core.linux.Errno;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.LinuxException;
import io.vas.core.memory.PageSpace;
import io.vas.core.memory.RegionKind;
import io.vas.store.Draft;
import io.vas.store.FormerSnapshot;
import io.vas.store.LoadedLayer;
import io.vas.store.Snapshot;
import io.vas.store.SnapshotFacts;
import io.vas.store.SnapshotName;
import io.vas.store.SnapshotRequest;
import io.vas.store.SnapshotStore;
import io.vas.store.SnapshotUse;
import io.vas.store.archive.SavedPages.Range;
import io.vas.store.archive.format.Description;
import io.vas.store.archive.format.Manifest;
import io.vas.store.archive.format.SavedLayer;
import io.vas.store.archive.format.SavedSnapshot;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings snapshots that were saved back into a store: all that are asked for, or none. Pages that
 * several of them have are in the store once again.
 */
public final class SnapshotLoader {
  private static final Logger LOG = LoggerFactory.getLogger(SnapshotLoader.class);
  private static final int PAGE_SHIFT = 12;
  private static final long HUGE_BYTES = 2 << 20;

  private final SnapshotStore store;
  private final SnapshotReliance reliance;
  private final Path directory;
  private final ArchiveFiles files;
  private final ArchiveProgress progress;
  private final boolean withNames;

  private Manifest manifest;
  private final Map<Long, SavedSnapshot> saved = new LinkedHashMap<>();
  private final Map<Long, SavedLayer> savedLayers = new HashMap<>();
  private final Map<Long, Description> descriptions = new HashMap<>();

  /** Of snapshots whose pages others share. */
  private final Map<Long, SnapshotUse> uses = new HashMap<>();

  private final Set<Long> absent = new HashSet<>();
  private final LoadedPlaces places = new LoadedPlaces();
  private final Map<Long, LoadedLayer> layers = new LinkedHashMap<>();
  private final Set<Long> filledLayers = new HashSet<>();
  private final List<Snapshot> loaded = new ArrayList<>();
  private long total;
  private long done;

  /** A snapshot that is to be loaded. */
  private record Wanted(Description description, MessageLite image, Optional<SnapshotName> name) {}

  /**
   * A loader, for one call of {@link #load}.
   *
   * @param store to load into, by one caller at a time.
   * @param reliance knows what snapshots rely on.
   * @param directory with what was saved.
   * @param withNames whether they have their names again.
   * @param progress is told how far it is.
   */
  public SnapshotLoader(
      final SnapshotStore store,
      final SnapshotReliance reliance,
      final Path directory,
      final boolean withNames,
      final ArchiveProgress progress) {
    this.store = store;
    this.reliance = reliance;
    this.directory = directory;
    this.files = new ArchiveFiles(directory);
    this.withNames = withNames;
    this.progress = progress;
  }

  /**
   * Load snapshots.
   *
   * @param references ids, beginnings of ids, or names that they were saved with; none: all.
   * @return what was loaded.
   * @throws NotFoundException if one was not saved.
   * @throws ConflictException if a name is taken.
   * @throws StoreFullException if there is no room.
   * @throws UnsupportedException if one relies on what is not here.
   * @throws DamagedException if a file is not what was saved.
   */
  public LoadReport load(final Collection<String> references) {
    boolean isComplete = false;
    try {
      final List<SavedSnapshot> chosen = choose(references);
      final List<Snapshot> present = new ArrayList<>();
      final List<Wanted> wanted = new ArrayList<>();
      for (final SavedSnapshot snapshot : chosen) {
        final Optional<Snapshot> known = store.lookUp(ArchiveFiles.name(snapshot.getId()));
        if (known.isPresent()) {
          present.add(known.get());
        } else {
          wanted.add(named(snapshot, () -> check(snapshot)));
        }
      }
      checkNames(wanted);
      for (final Wanted one : wanted) {
        named(
            saved.get(one.description().getId()),
            () -> {
              load(one);
              return true;
            });
      }
      isComplete = true;
      return new LoadReport(loaded, present, done);
    } catch (final IOException e) {
      throw files.failure(e);
    } finally {
      uses.values().forEach(SnapshotUse::close);
      layers.values().forEach(LoadedLayer::close);
      if (!isComplete) {
        removeLoaded();
      }
    }
  }

  private void removeLoaded() {
    for (int i = loaded.size() - 1; i >= 0; i--) {
      try {
        store.remove(loaded.get(i).id());
      } catch (final NotFoundException e) {
        LOG.debug("snapshot {} was removed by somebody else", loaded.get(i).id());
      }
    }
  }

  private <T> T named(final SavedSnapshot snapshot, final Supplier<T> action) {
    final String label =
        "snapshot "
            + (snapshot.getName().isEmpty()
                ? ArchiveFiles.name(snapshot.getId())
                : snapshot.getName())
            + ": ";
    try {
      return action.get();
    } catch (final DamagedException e) {
      throw new DamagedException(label + e.getMessage());
    } catch (final UnsupportedException e) {
      throw new UnsupportedException(label + e.getMessage());
    }
  }

  // ---- what is to be loaded

  private List<SavedSnapshot> choose(final Collection<String> references) throws IOException {
    manifest = files.manifest();
    manifest.getSnapshotsList().forEach(snapshot -> saved.put(snapshot.getId(), snapshot));
    manifest.getLayersList().forEach(layer -> savedLayers.put(layer.getOwner(), layer));
    if (references.isEmpty()) {
      return manifest.getSnapshotsList();
    }
    final Set<Long> ids = new HashSet<>();
    for (final String reference : references) {
      ids.add(find(reference).getId());
    }
    return manifest.getSnapshotsList().stream()
        .filter(snapshot -> ids.contains(snapshot.getId()))
        .toList();
  }

  private SavedSnapshot find(final String reference) {
    final String name =
        SnapshotName.isValid(reference) ? SnapshotName.parse(reference).toString() : reference;
    final List<SavedSnapshot> found =
        manifest.getSnapshotsList().stream()
            .filter(
                snapshot ->
                    snapshot.getName().equals(name)
                        || ArchiveFiles.name(snapshot.getId()).startsWith(reference))
            .sorted(Comparator.comparing(snapshot -> !snapshot.getName().equals(name)))
            .toList();
    if (found.isEmpty()) {
      throw new NotFoundException("there is no snapshot '" + reference + "' in " + directory);
    }
    if (found.size() > 1 && !found.get(0).getName().equals(name)) {
      throw new ConflictException(
          "'" + reference + "' is the beginning of several ids of snapshots in " + directory);
    }
    return found.get(0);
  }

  private Wanted check(final SavedSnapshot snapshot) {
    final Description description = description(snapshot.getId());
    total += snapshot.getOwnPages() << PAGE_SHIFT;
    return new Wanted(
        description,
        reliance.accept(
            description.getImage().toByteArray(),
            description.getReliance().toByteArray(),
            manifest.getHost().toByteArray()),
        Optional.of(description.getName())
            .filter(name -> withNames && !name.isEmpty())
            .map(SnapshotName::parse));
  }

  private Description description(final long id) {
    final Description known = descriptions.get(id);
    if (known != null) {
      return known;
    }
    final SavedSnapshot snapshot = saved.get(id);
    if (snapshot == null) {
      throw new DamagedException(
          "it needs snapshot " + ArchiveFiles.name(id) + ", which is not in " + directory);
    }
    try {
      final Description read =
          files.read(ArchiveFiles.description(id), snapshot.getDescription(), Description.parser());
      descriptions.put(id, read);
      return read;
    } catch (final IOException e) {
      throw files.failure(e);
    }
  }

  private void checkNames(final List<Wanted> wanted) {
    final Map<SnapshotName, Snapshot> taken = new HashMap<>();
    store.list().forEach(snapshot -> snapshot.name().ifPresent(name -> taken.put(name, snapshot)));
    for (final Wanted one : wanted) {
      final Snapshot other = one.name().map(taken::get).orElse(null);
      if (other != null) {
        throw new ConflictException(
            "snapshot "
                + ArchiveFiles.name(one.description().getId())
                + ": the name "
                + one.name().get()
                + " is taken by snapshot "
                + other.id()
                + "; --no-names loads snapshots without their names");
      }
    }
  }

  // ---- loading

  /** What a snapshot is made of. */
  private record Steps(
      Optional<SnapshotUse> base,
      List<Range> holes,
      List<LoadedPlaces.Part> shared,
      List<Range> read) {}

  private void load(final Wanted wanted) {
    final Description description = wanted.description();
    final Steps steps = steps(description);
    final RegionPlan plan = new RegionPlan(steps.read());
    final List<LoadedLayer> own =
        description.getLayersList().stream()
            .map(
                owner ->
                    layers.computeIfAbsent(owner, key -> store.loadLayer(ArchiveFiles.name(key))))
            .toList();
    try (Draft draft = store.draft(request(wanted, plan.bytes(), own))) {
      try {
        fill(draft, steps, plan);
        fillLayers(description);
      } catch (final LinuxException e) {
        throw e.errno() == Errno.ENOSPC ? draft.full(e) : e;
      } catch (final IOException e) {
        throw files.failure(e);
      }
      final Snapshot snapshot = store.publish(draft, wanted.image(), facts(description));
      loaded.add(snapshot);
      if (snapshot.facts().pages() != description.getPages()) {
        throw new DamagedException(
            "it has "
                + snapshot.facts().pages()
                + " pages, and was saved with "
                + description.getPages());
      }
      final SnapshotUse use = store.use(snapshot.id());
      uses.put(description.getId(), use);
      steps.read().forEach(range -> places.add(use, range));
    }
  }

  private static SnapshotFacts facts(final Description description) {
    return new SnapshotFacts(
        description.getFrozenMicros(),
        description.getTotalMicros(),
        description.getPages(),
        description.getPagesCopied(),
        description.getMemoryStrategy());
  }

  private SnapshotRequest request(
      final Wanted wanted, final long memoryBytes, final List<LoadedLayer> own) {
    final Description description = wanted.description();
    long layerBytes = 0;
    for (final long owner : description.getLayersList()) {
      layerBytes += isToBeFilled(owner) ? savedLayer(owner).getBytes() : 0;
    }
    final boolean hasOwn =
        description.getLayersCount() > 0 && description.getLayers(0) == description.getId();
    return new SnapshotRequest(
        description.getOwnerUid(),
        description.getInstance(),
        wanted.name(),
        Optional.of(description.getParent()).filter(parent -> !parent.isEmpty()),
        memoryBytes,
        layerBytes,
        new FormerSnapshot(
            ArchiveFiles.name(description.getId()),
            Instant.EPOCH.plusNanos(description.getCreatedNanos()),
            facts(description),
            own,
            hasOwn ? savedLayer(description.getId()).getBytes() : 0));
  }

  private Steps steps(final Description description) {
    final Optional<SnapshotUse> base =
        description.getBase() == 0 ? Optional.empty() : use(description.getBase());
    final Steps steps = new Steps(base, new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
    final List<Range> ranges =
        base.isPresent() || description.getBase() == 0
            ? SavedPages.changes(description)
            : SavedPages.all(chain(description));
    for (final Range range : ranges) {
      if (range.isHole()) {
        steps.holes().add(range);
        continue;
      }
      final var unused = use(range.owner());
      for (final LoadedPlaces.Part part : places.parts(range)) {
        if (part.use().isPresent()) {
          steps.shared().add(part);
        } else {
          steps.read().add(part.range());
        }
      }
    }
    return steps;
  }

  /** The snapshot and those that it is described by, the oldest first. */
  private List<Description> chain(final Description description) {
    final Deque<Description> chain = new ArrayDeque<>();
    final Set<Long> seen = new HashSet<>();
    long id = description.getId();
    while (id != 0 && seen.add(id)) {
      chain.addFirst(description(id));
      id = chain.getFirst().getBase();
    }
    return List.copyOf(chain);
  }

  /** A snapshot of the archive that is in the store, too, if it is. */
  private Optional<SnapshotUse> use(final long id) {
    final SnapshotUse known = uses.get(id);
    if (known != null || absent.contains(id)) {
      return Optional.ofNullable(known);
    }
    final SnapshotUse use;
    try {
      use = store.use(ArchiveFiles.name(id));
    } catch (final NotFoundException e) {
      absent.add(id);
      return Optional.empty();
    }
    uses.put(id, use);
    for (final Range range : SavedPages.changes(description(id))) {
      if (range.owner() == id) {
        places.add(use, range);
      }
    }
    return Optional.of(use);
  }

  private void fill(final Draft draft, final Steps steps, final RegionPlan plan)
      throws IOException {
    steps
        .base()
        .ifPresent(
            base ->
                base.spaces()
                    .forEach(space -> draft.share(space, 0, PageSpace.END, base, space, 0)));
    steps.holes().forEach(hole -> draft.drop(hole.space(), hole.start(), hole.length()));
    for (final LoadedPlaces.Part part : steps.shared()) {
      draft.share(
          part.range().space(),
          part.range().start(),
          part.range().length(),
          part.use().orElseThrow(),
          part.space(),
          part.start());
    }
    for (final RegionKind kind : RegionKind.values()) {
      FileIo.truncate(draft.region(kind), plan.size(kind));
    }
    final List<Range> inOrder = new ArrayList<>(steps.read());
    inOrder.sort(Comparator.comparingLong(Range::owner).thenComparingLong(Range::position));
    for (int i = 0; i < inOrder.size(); ) {
      final long owner = inOrder.get(i).owner();
      try (FrameReader in =
          new FrameReader(
              files.path(ArchiveFiles.pages(owner)), description(owner).getFramesList())) {
        for (; i < inOrder.size() && inOrder.get(i).owner() == owner; i++) {
          read(draft, inOrder.get(i), plan, in);
        }
      }
    }
  }

  private void read(
      final Draft draft, final Range range, final RegionPlan plan, final FrameReader in)
      throws IOException {
    final RegionKind kind = range.huge() ? RegionKind.HUGE : RegionKind.SMALL;
    final long offset = plan.offset(range);
    if (range.huge()) {
      // What is written in pieces would get smaller pages.
      final long first = offset / HUGE_BYTES * HUGE_BYTES;
      final long end = (offset + range.length() + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
      FileIo.allocate(draft.region(kind), first, end - first);
    }
    in.seek(range.position() << PAGE_SHIFT);
    for (long at = 0; at < range.length(); ) {
      final ByteBuffer bytes = in.next(range.length() - at);
      final int count = bytes.remaining();
      if (count == 0) {
        throw new DamagedException(
            files.path(ArchiveFiles.pages(range.owner())) + " has fewer pages than were saved");
      }
      FileIo.pwrite(draft.region(kind), bytes, offset + at);
      at += count;
      add(count);
    }
    draft.store(range.space(), range.start(), range.length(), kind, offset);
  }

  private boolean isToBeFilled(final long owner) {
    return layers.get(owner).directory().isPresent() && !filledLayers.contains(owner);
  }

  private void fillLayers(final Description description) throws IOException {
    for (final long owner : description.getLayersList()) {
      if (isToBeFilled(owner)) {
        try (FrameReader in =
            new FrameReader(
                files.path(ArchiveFiles.layer(owner)), savedLayer(owner).getFramesList())) {
          new LayerReader(in, this::add).read(layers.get(owner).directory().orElseThrow());
        }
        filledLayers.add(owner);
      }
    }
  }

  private SavedLayer savedLayer(final long owner) {
    final SavedLayer layer = savedLayers.get(owner);
    if (layer == null) {
      throw new DamagedException(
          "its files in the layer of snapshot "
              + ArchiveFiles.name(owner)
              + " are not in "
              + directory);
    }
    return layer;
  }

  private void add(final long bytes) {
    done += bytes;
    progress.bytes(done, Math.max(done, total));
  }
}
