package io.vas.store.archive;

import com.google.protobuf.ByteString;
import io.vas.core.DamagedException;
import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import io.vas.core.linux.Fd;
import io.vas.core.memory.Extent;
import io.vas.core.memory.PageSpace;
import io.vas.core.memory.RegionKind;
import io.vas.store.Snapshot;
import io.vas.store.SnapshotName;
import io.vas.store.SnapshotStore;
import io.vas.store.SnapshotUse;
import io.vas.store.StoredPages;
import io.vas.store.archive.SavedPlaces.Part;
import io.vas.store.archive.format.Description;
import io.vas.store.archive.format.Frame;
import io.vas.store.archive.format.Manifest;
import io.vas.store.archive.format.Run;
import io.vas.store.archive.format.SavedLayer;
import io.vas.store.archive.format.SavedSnapshot;
import io.vas.store.archive.format.SpaceChanges;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;

/** Saves snapshots of a store to a directory: all that are asked for, or nothing. */
public final class SnapshotSaver {
  private static final int PAGE_SHIFT = 12;
  private static final int HEXADECIMAL = 16;

  private final SnapshotStore store;
  private final SnapshotReliance reliance;
  private final ArchiveFiles files;
  private final ArchiveProgress progress;
  private final SavedPlaces places = new SavedPlaces();

  /** The oldest first. */
  private final Map<String, Plan> plans = new LinkedHashMap<>();

  private final Map<String, Plan> latestOfInstances = new HashMap<>();
  private long total;
  private long done;
  private long fileBytes;

  /** What is to be written of a snapshot. */
  private static final class Plan {
    private final SnapshotUse use;
    private final Description.Builder description = Description.newBuilder();

    /** Pages that no older snapshot has, by space and address. */
    private final List<OwnRun> own = new ArrayList<>();

    private long ownPages;

    Plan(final SnapshotUse use) {
      this.use = use;
    }
  }

  private record OwnRun(int space, long start, long end) {}

  /**
   * A saver, for one call of {@link #save}.
   *
   * @param store has the snapshots.
   * @param reliance knows what they rely on.
   * @param directory that is empty, or not there yet.
   * @param progress is told how far it is.
   */
  public SnapshotSaver(
      final SnapshotStore store,
      final SnapshotReliance reliance,
      final Path directory,
      final ArchiveProgress progress) {
    this.store = store;
    this.reliance = reliance;
    this.files = new ArchiveFiles(directory);
    this.progress = progress;
  }

  /**
   * Save snapshots.
   *
   * @param ids of the snapshots; each counts once.
   * @return what was saved.
   * @throws io.vas.core.NotFoundException if one is not there.
   * @throws io.vas.core.ConflictException if the directory holds something.
   * @throws DamagedException if a snapshot is damaged.
   * @throws VasException if it can not be written, or a snapshot could not be forked any more;
   *     nothing is left then.
   */
  public SaveReport save(final Collection<String> ids) {
    final List<SnapshotUse> uses = new ArrayList<>();
    try {
      ids.stream().distinct().forEach(id -> uses.add(store.use(id)));
      uses.sort(Comparator.comparing(use -> use.snapshot().created()));
      for (final SnapshotUse use : uses) {
        named(use.snapshot(), () -> plan(use));
      }
      return write();
    } finally {
      uses.forEach(SnapshotUse::close);
    }
  }

  private static void named(final Snapshot snapshot, final Runnable action) {
    try {
      action.run();
    } catch (final DamagedException e) {
      throw new DamagedException("snapshot " + snapshot.label() + ": " + e.getMessage());
    } catch (final UnsupportedException e) {
      throw new UnsupportedException("snapshot " + snapshot.label() + ": " + e.getMessage());
    }
  }

  // ---- what is to be written

  private void plan(final SnapshotUse use) {
    use.checkIntact();
    final Snapshot snapshot = use.snapshot();
    final Plan plan = new Plan(use);
    final byte[] image = use.image();
    final Optional<Plan> base =
        snapshot
            .parent()
            .map(plans::get)
            .or(() -> Optional.ofNullable(latestOfInstances.get(snapshot.instance())));
    plan.description
        .setId(id(snapshot.id()))
        .setName(snapshot.name().map(SnapshotName::toString).orElse(""))
        .setOwnerUid(snapshot.ownerUid())
        .setInstance(snapshot.instance())
        .setParent(snapshot.parent().orElse(""))
        .setCreatedNanos(ChronoUnit.NANOS.between(Instant.EPOCH, snapshot.created()))
        .setFrozenMicros(snapshot.facts().frozenMicros())
        .setTotalMicros(snapshot.facts().totalMicros())
        .setPages(snapshot.facts().pages())
        .setPagesCopied(snapshot.facts().pagesCopied())
        .setMemoryStrategy(snapshot.facts().memoryStrategy())
        .setImage(ByteString.copyFrom(image))
        .setReliance(ByteString.copyFrom(reliance.of(image)))
        .setBase(base.map(older -> older.description.getId()).orElse(0L));
    use.layerOwners().forEach(owner -> plan.description.addLayers(id(owner)));
    final SortedSet<Integer> spaces = new TreeSet<>(use.spaces());
    base.ifPresent(older -> spaces.addAll(older.use.spaces()));
    for (final int space : spaces) {
      planSpace(plan, base, space);
    }
    total += (plan.ownPages << PAGE_SHIFT) + snapshot.space().layerBytes();
    plans.put(snapshot.id(), plan);
    latestOfInstances.put(snapshot.instance(), plan);
  }

  private void planSpace(final Plan plan, final Optional<Plan> base, final int space) {
    final List<Extent> before =
        base.map(older -> older.use.extents(space, 0, PageSpace.END)).orElse(List.of());
    final SpaceChanges.Builder changes = SpaceChanges.newBuilder().setSpace(space);
    long last = 0;
    for (final PageDiff.Change change :
        PageDiff.of(before, plan.use.extents(space, 0, PageSpace.END))) {
      if (change.stored().isEmpty()) {
        changes.addRuns(run(change.start(), change.length(), last));
        last = change.start() + change.length();
      } else {
        for (final Part part : places.parts(change.stored().get())) {
          final Part saved = part.isSaved() ? part : add(plan, space, part, change.stored().get());
          changes.addRuns(
              run(saved.start(), saved.length(), last)
                  .setOwner(saved.owner())
                  .setPosition(saved.position())
                  .setFile(change.stored().get().file())
                  .setPlace(saved.offset() >>> PAGE_SHIFT)
                  .setHuge(plan.use.kind(change.stored().get().file()) == RegionKind.HUGE));
          last = saved.start() + saved.length();
        }
      }
    }
    if (changes.getRunsCount() > 0) {
      plan.description.addSpaces(changes);
    }
  }

  private static Run.Builder run(final long start, final long length, final long last) {
    return Run.newBuilder()
        .setSkipped((start - last) >>> PAGE_SHIFT)
        .setCount(length >>> PAGE_SHIFT);
  }

  /** These pages are the snapshot's own. */
  private Part add(final Plan plan, final int space, final Part part, final Extent extent) {
    final Part saved =
        new Part(
            part.start(), part.length(), part.offset(), plan.description.getId(), plan.ownPages);
    plan.own.add(new OwnRun(space, part.start(), part.start() + part.length()));
    plan.ownPages += part.length() >>> PAGE_SHIFT;
    places.add(extent.file(), saved);
    return saved;
  }

  private static long id(final String text) {
    return Long.parseLong(text, HEXADECIMAL);
  }

  // ---- writing it

  private SaveReport write() {
    boolean isComplete = false;
    try {
      files.begin();
      final Manifest.Builder manifest =
          Manifest.newBuilder()
              .setHost(ByteString.copyFrom(reliance.host()))
              .setSavedNanos(ChronoUnit.NANOS.between(Instant.EPOCH, Instant.now()));
      for (final Plan plan : plans.values()) {
        manifest.addSnapshots(write(plan));
      }
      for (final SavedLayer layer : writeLayers()) {
        manifest.addLayers(layer);
      }
      files.complete(manifest.build());
      isComplete = true;
      return new SaveReport(
          plans.values().stream().map(plan -> plan.use.snapshot()).toList(), done, fileBytes);
    } catch (final UncheckedIOException e) {
      throw files.failure(e.getCause());
    } catch (final IOException e) {
      throw files.failure(e);
    } finally {
      if (!isComplete) {
        files.removeAll();
      }
    }
  }

  private SavedSnapshot write(final Plan plan) throws IOException {
    final Snapshot snapshot = plan.use.snapshot();
    final long id = plan.description.getId();
    if (plan.ownPages > 0) {
      try (FrameWriter out = new FrameWriter(files.create(ArchiveFiles.pages(id)));
          StoredPages pages = new StoredPages(store)) {
        named(snapshot, () -> writePages(plan, pages, out));
        final List<Frame> frames = out.complete();
        plan.description.addAllFrames(frames);
        count(frames);
      }
    }
    return SavedSnapshot.newBuilder()
        .setId(id)
        .setName(plan.description.getName())
        .setPages(plan.description.getPages())
        .setOwnPages(plan.ownPages)
        .setDescription(files.write(ArchiveFiles.description(id), plan.description.build()))
        .build();
  }

  private void writePages(final Plan plan, final StoredPages pages, final FrameWriter out) {
    for (final OwnRun run : plan.own) {
      pages.read(
          plan.use,
          run.space(),
          run.start(),
          run.end(),
          bytes -> {
            final int count = bytes.remaining();
            try {
              out.write(bytes);
            } catch (final IOException e) {
              throw new UncheckedIOException(e);
            }
            add(count);
          });
    }
  }

  private List<SavedLayer> writeLayers() throws IOException {
    final Map<Long, SavedLayer> layers = new LinkedHashMap<>();
    for (final Plan plan : plans.values()) {
      final List<Fd> directories = plan.use.layers();
      for (int i = 0; i < directories.size(); i++) {
        final long owner = plan.description.getLayers(i);
        if (!layers.containsKey(owner)) {
          layers.put(owner, writeLayer(owner, directories.get(i)));
        }
      }
    }
    return List.copyOf(layers.values());
  }

  private SavedLayer writeLayer(final long owner, final Fd directory) throws IOException {
    try (FrameWriter out = new FrameWriter(files.create(ArchiveFiles.layer(owner)))) {
      final long bytes = new LayerWriter(out, this::add).write(directory);
      final List<Frame> frames = out.complete();
      count(frames);
      return SavedLayer.newBuilder().setOwner(owner).setBytes(bytes).addAllFrames(frames).build();
    }
  }

  private void add(final long bytes) {
    done += bytes;
    progress.bytes(done, Math.max(done, total));
  }

  private void count(final List<Frame> frames) {
    frames.forEach(frame -> fileBytes += frame.getCompressedLength());
  }
}
