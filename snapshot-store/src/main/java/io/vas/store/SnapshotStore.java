package io.vas.store;

import com.google.protobuf.MessageLite;
import io.vas.core.ConflictException;
import io.vas.core.NotFoundException;
import io.vas.core.StoreFullException;
import io.vas.core.VasException;
import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.Errno;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.MappedMemory;
import io.vas.core.linux.TmpfsMount.RegionFile;
import io.vas.core.memory.RegionKind;
import io.vas.store.Budget.Pool;
import io.vas.store.Budget.Reservation;
import io.vas.store.Layers.Layer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import org.agrona.io.DirectBufferOutputStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The snapshots of this machine, in memory, under one budget. All methods may be called by any
 * thread.
 *
 * <p>To take a snapshot: {@link #draft} (which fails if it does not fit or its name is taken),
 * freeze the instance and fill the draft, {@link #publish}. To fork one: {@link #use}.
 */
public final class SnapshotStore implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SnapshotStore.class);

  /** Room set aside for an image, whose size is not known before the freeze. */
  private static final long IMAGE_ESTIMATE = 256 * ByteCount.KIB;

  private final DescriptorHolder holder;
  private final RegionMounts mounts;
  private final Layers layers;
  private final Budget budget;

  /** Guards what follows, and the counts of holders of contents and layers. */
  private final Object lock = new Object();

  private final SortedMap<String, Entry> index = new TreeMap<>();
  private final Map<SnapshotName, Entry> names = new HashMap<>();
  private final Set<SnapshotName> draftNames = new HashSet<>();
  private final Set<Draft> drafts = new HashSet<>();
  private final Set<Contents> living = new HashSet<>();
  private boolean closed;

  private SnapshotStore(
      final StoreConfig config,
      final DescriptorHolder holder,
      final RegionMounts mounts,
      final Layers layers) {
    this.holder = holder;
    this.mounts = mounts;
    this.layers = layers;
    this.budget =
        new Budget(
            config.budgetBytes(),
            List.of(
                pool(
                    () -> mounts.usedBytes(RegionKind.HUGE),
                    limit -> mounts.limit(RegionKind.HUGE, limit)),
                pool(
                    () -> mounts.usedBytes(RegionKind.SMALL),
                    limit -> mounts.limit(RegionKind.SMALL, limit)),
                pool(layers::usedBytes, layers::limit)));
  }

  private static Pool pool(final LongSupplier used, final LongConsumer limit) {
    return new Pool() {
      @Override
      public long usedBytes() {
        return used.getAsLong();
      }

      @Override
      public void limit(final long bytes) {
        limit.accept(bytes);
      }
    };
  }

  private record Entry(Snapshot snapshot, Contents contents) {}

  /**
   * An empty store.
   *
   * @param config how it is set up.
   * @param holder who keeps the descriptors that forks are given.
   * @return the store.
   * @throws LinuxException if there can be none.
   */
  public static SnapshotStore open(final StoreConfig config, final DescriptorHolder holder) {
    return open(config, holder, RegionMounts.create());
  }

  static SnapshotStore open(
      final StoreConfig config, final DescriptorHolder holder, final RegionMounts mounts) {
    try {
      final Layers layers = Layers.create(config.stateDirectory().resolve("layers"));
      try {
        return new SnapshotStore(config, holder, mounts, layers);
      } catch (final RuntimeException e) {
        layers.close();
        throw e;
      }
    } catch (final RuntimeException e) {
      mounts.close();
      throw e;
    }
  }

  // ---- taking snapshots ----

  /**
   * Begin a snapshot: everything that can be refused is refused here, before the instance is
   * frozen.
   *
   * @param request what it is about.
   * @return where its pages and files go, to be closed.
   * @throws ConflictException if there is a snapshot of that name, or one is being taken.
   * @throws StoreFullException if there is not enough room.
   */
  public Draft draft(final SnapshotRequest request) {
    final SnapshotId id;
    final List<SharedLayer> baseLayers;
    synchronized (lock) {
      checkOpen();
      request.name().ifPresent(this::checkNameIsFree);
      baseLayers = request.base().map(SnapshotStore::layersOf).orElse(List.of());
      id = newId();
      baseLayers.forEach(SharedLayer::retain);
      request.name().ifPresent(draftNames::add);
    }
    final Map<RegionKind, RegionFile> regions = new EnumMap<>(RegionKind.class);
    final Map<RegionKind, DeviceNumber> devices = new EnumMap<>(RegionKind.class);
    Reservation reservation = null;
    try {
      for (final RegionKind kind : RegionKind.values()) {
        regions.put(kind, mounts.createFile(kind, "vas-" + kind + "-" + id));
        devices.put(kind, mounts.device(kind));
      }
      reservation =
          budget.reserve(
              "the snapshot of " + request.instance(),
              request.memoryBytes() + request.layerBytes() + IMAGE_ESTIMATE,
              () -> Draft.usedBytes(regions));
      final Layer layer = layers.add(id.toString());
      final Draft draft =
          new Draft(this, id, request, regions, devices, reservation, layer, baseLayers);
      synchronized (lock) {
        drafts.add(draft);
      }
      return draft;
    } catch (final RuntimeException e) {
      discard(request, Optional.ofNullable(reservation), regions, baseLayers);
      throw full(e, request);
    }
  }

  private RuntimeException full(final RuntimeException e, final SnapshotRequest request) {
    if (e instanceof LinuxException linux && linux.errno() == Errno.ENOSPC) {
      return new StoreFullException(
          "the store is full: no room for the snapshot of " + request.instance(), e);
    }
    return e;
  }

  private void checkNameIsFree(final SnapshotName name) {
    final Entry taken = names.get(name);
    if (taken != null) {
      throw new ConflictException(
          "the name " + name + " is taken by snapshot " + taken.snapshot().id());
    }
    if (draftNames.contains(name)) {
      throw new ConflictException("a snapshot named " + name + " is being taken");
    }
  }

  private static List<SharedLayer> layersOf(final SnapshotUse base) {
    if (!base.isOpen()) {
      throw new IllegalStateException("the use of snapshot " + base.snapshot().id() + " is closed");
    }
    return base.contents().sharedLayers();
  }

  private SnapshotId newId() {
    while (true) {
      final SnapshotId id = SnapshotId.random();
      if (!index.containsKey(id.toString())
          && living.stream().noneMatch(contents -> contents.id().equals(id))
          && drafts.stream().noneMatch(draft -> draft.snapshotId().equals(id))) {
        return id;
      }
    }
  }

  /**
   * Make a draft a snapshot. Nobody writes to its files any more, nor maps them writable.
   *
   * @param draft the draft; if this fails, all that is left to do is to close it.
   * @param image everything about the instance but its pages and files.
   * @param facts what the checkpoint tells.
   * @return the snapshot.
   * @throws StoreFullException if the image does not fit.
   */
  public Snapshot publish(final Draft draft, final MessageLite image, final SnapshotFacts facts) {
    draft.beginPublishing();
    boolean published = false;
    try {
      final Snapshot snapshot = store(draft, image, facts);
      published = true;
      return snapshot;
    } finally {
      draft.endPublishing(published);
    }
  }

  private Snapshot store(final Draft draft, final MessageLite image, final SnapshotFacts facts) {
    final List<Long> held = new ArrayList<>();
    final String what = "the snapshot of " + draft.request().instance();
    budget.check(what);
    final RegionFile imageFile = writeImage(draft, image);
    final Snapshot snapshot;
    try {
      budget.check(what);
      draft.regions().values().forEach(mounts::seal);
      mounts.seal(imageFile);
      final boolean ownLayer = !layers.isEmpty(draft.ownLayer());
      final Contents contents = contentsOf(draft, imageFile, ownLayer);
      for (final RegionKind kind : RegionKind.values()) {
        hold(held, contents.held(kind), contents.region(kind));
      }
      if (ownLayer) {
        hold(held, draft.snapshotId().heldLayer(), draft.ownLayer().readOnly());
      }
      // From here on its files count as used, and from add() on anybody may remove it.
      draft.reservation().close();
      if (ownLayer) {
        draft.ownLayer().readWrite().close();
      } else {
        removeLayer(draft.ownLayer());
      }
      snapshot = add(draft, contents, facts);
    } catch (final RuntimeException e) {
      held.forEach(this::drop);
      imageFile.close();
      throw e;
    }
    setLimits();
    return snapshot;
  }

  private Contents contentsOf(
      final Draft draft, final RegionFile imageFile, final boolean ownLayer) {
    final List<SharedLayer> stack = new ArrayList<>(draft.baseLayers());
    if (ownLayer) {
      stack.add(0, new SharedLayer(draft.snapshotId(), draft.ownLayer()));
    }
    return new Contents(
        draft.snapshotId(),
        draft.regions(),
        stack,
        imageFile,
        new SnapshotSpace(
            allocated(draft.regions().get(RegionKind.HUGE)),
            allocated(draft.regions().get(RegionKind.SMALL)),
            ownLayer ? layers.bytes(draft.ownLayer()) : 0,
            allocated(imageFile)));
  }

  private Snapshot add(final Draft draft, final Contents contents, final SnapshotFacts facts) {
    final SnapshotRequest request = draft.request();
    final Snapshot snapshot =
        new Snapshot(
            draft.id(),
            request.name(),
            request.instance(),
            request.parent(),
            Instant.now(),
            facts,
            contents.space());
    final Entry entry = new Entry(snapshot, contents);
    synchronized (lock) {
      checkOpen();
      drafts.remove(draft);
      living.add(contents);
      index.put(snapshot.id(), entry);
      request
          .name()
          .ifPresent(
              name -> {
                draftNames.remove(name);
                names.put(name, entry);
              });
    }
    return snapshot;
  }

  private RegionFile writeImage(final Draft draft, final MessageLite image) {
    final int size = image.getSerializedSize();
    draft.reservation().add("the image of the snapshot", Math.max(0, size - IMAGE_ESTIMATE));
    final RegionFile file = mounts.createFile(RegionKind.SMALL, "vas-image-" + draft.id());
    try {
      // An empty message is no bytes at all, which can not be mapped.
      final int length = Math.max(size, 1);
      FileIo.allocate(file.readWrite(), 0, length);
      try (MappedMemory memory = MappedMemory.mapShared(file.readWrite(), 0, length);
          OutputStream out = new DirectBufferOutputStream(memory.buffer())) {
        image.writeTo(out);
      }
      FileIo.truncate(file.readWrite(), length);
      return file;
    } catch (final IOException e) {
      file.close();
      throw new UncheckedIOException(e);
    } catch (final RuntimeException e) {
      file.close();
      throw full(e, draft.request());
    }
  }

  private static long allocated(final RegionFile file) {
    return FileStatus.of(file.readOnly()).allocated();
  }

  private void hold(final List<Long> held, final long id, final Fd descriptor) {
    holder.hold(id, descriptor);
    held.add(id);
  }

  private void drop(final long id) {
    try {
      holder.drop(id);
    } catch (final VasException e) {
      // A keeper that is gone has closed all it held.
      LOG.warn("descriptor {} is not dropped: {}", Long.toHexString(id), e.getMessage());
    }
  }

  void discard(final Draft draft) {
    synchronized (lock) {
      drafts.remove(draft);
    }
    removeLayer(draft.ownLayer());
    discard(draft.request(), Optional.of(draft.reservation()), draft.regions(), draft.baseLayers());
  }

  private void discard(
      final SnapshotRequest request,
      final Optional<Reservation> reservation,
      final Map<RegionKind, RegionFile> regions,
      final List<SharedLayer> baseLayers) {
    final List<SharedLayer> unused;
    synchronized (lock) {
      request.name().ifPresent(draftNames::remove);
      unused = baseLayers.stream().filter(SharedLayer::release).toList();
    }
    // Its files tell what was spent of it, so they are closed after it.
    reservation.ifPresent(Reservation::close);
    regions.values().forEach(RegionFile::close);
    unused.forEach(this::free);
    setLimits();
  }

  // ---- finding them ----

  /**
   * Find a snapshot.
   *
   * @param reference its id, its name ({@code name:tag}, or {@code name} for {@code name:latest}),
   *     or the first digits of its id.
   * @return the snapshot.
   * @throws NotFoundException if there is none.
   * @throws ConflictException if several ids begin like that.
   */
  public Snapshot get(final String reference) {
    synchronized (lock) {
      return find(reference).snapshot();
    }
  }

  private Entry find(final String reference) {
    final Entry byId = index.get(reference);
    if (byId != null) {
      return byId;
    }
    if (SnapshotName.isValid(reference)) {
      final Entry byName = names.get(SnapshotName.parse(reference));
      if (byName != null) {
        return byName;
      }
    }
    final List<String> ids =
        reference.isEmpty()
            ? List.of()
            : index.tailMap(reference).keySet().stream()
                .takeWhile(id -> id.startsWith(reference))
                .limit(2)
                .toList();
    if (ids.isEmpty()) {
      throw new NotFoundException("there is no snapshot '" + reference + "'");
    }
    if (ids.size() > 1) {
      throw new ConflictException(
          "'" + reference + "' is the beginning of several snapshots' ids: " + ids + ", ...");
    }
    return index.get(ids.get(0));
  }

  /**
   * All snapshots.
   *
   * @return the oldest first.
   */
  public List<Snapshot> list() {
    synchronized (lock) {
      return sorted().stream().map(Entry::snapshot).toList();
    }
  }

  private List<Entry> sorted() {
    return index.values().stream()
        .sorted(Comparator.comparing(entry -> entry.snapshot().created()))
        .toList();
  }

  /**
   * Use a snapshot's contents.
   *
   * @param reference as in {@link #get}.
   * @return the use, to be closed.
   * @throws NotFoundException if there is no such snapshot.
   * @throws ConflictException if several ids begin like that.
   */
  public SnapshotUse use(final String reference) {
    synchronized (lock) {
      final Entry entry = find(reference);
      entry.contents().retain();
      return new SnapshotUse(this, entry.snapshot(), entry.contents());
    }
  }

  // ---- letting them go ----

  /**
   * Remove a snapshot. Its id and name mean nothing from now on. What it holds goes with the last
   * of its uses; pages that an instance maps stay as long as they are mapped, and count as used.
   *
   * @param reference as in {@link #get}.
   * @return what was removed.
   * @throws NotFoundException if there is no such snapshot.
   * @throws ConflictException if several ids begin like that.
   */
  public Snapshot remove(final String reference) {
    final Entry entry;
    synchronized (lock) {
      entry = find(reference);
      index.remove(entry.snapshot().id());
      entry.snapshot().name().ifPresent(names::remove);
    }
    release(entry.contents());
    return entry.snapshot();
  }

  void release(final Contents contents) {
    final List<SharedLayer> unused;
    synchronized (lock) {
      if (!contents.release() || !living.remove(contents)) {
        return;
      }
      unused = contents.sharedLayers().stream().filter(SharedLayer::release).toList();
    }
    free(contents);
    unused.forEach(this::free);
    setLimits();
  }

  private void free(final Contents contents) {
    for (final RegionKind kind : RegionKind.values()) {
      drop(contents.held(kind));
    }
    contents.close();
  }

  private void free(final SharedLayer layer) {
    drop(layer.owner().heldLayer());
    removeLayer(layer.layer());
  }

  private void removeLayer(final Layer layer) {
    if (isClosed()) {
      // Gone with their mount.
      layer.close();
      return;
    }
    try {
      layers.remove(layer);
    } catch (final VasException e) {
      LOG.warn("layer {} is not removed: {}", layer.name(), e.getMessage());
    }
  }

  // ---- how full it is ----

  /**
   * How full the store is.
   *
   * @return figures of one moment; what is being written meanwhile may or may not be in them.
   */
  public StoreStatus status() {
    final List<StoreStatus.Entry> entries;
    final long drafted;
    synchronized (lock) {
      entries =
          sorted().stream()
              .map(
                  entry ->
                      new StoreStatus.Entry(
                          entry.snapshot().id(),
                          entry.snapshot().name(),
                          entry.snapshot().space(),
                          entry.contents().holders() - 1))
              .toList();
      drafted = drafts.stream().mapToLong(Draft::usedBytes).sum();
    }
    final long used = budget.usedBytes();
    final long listed = entries.stream().mapToLong(entry -> entry.space().bytes()).sum();
    final List<String> limitations = new ArrayList<>(mounts.limitations());
    limitations.addAll(layers.limitations());
    return new StoreStatus(
        budget.bytes(),
        used,
        budget.reservedBytes(),
        Math.max(0, used - listed - drafted),
        mounts.hasHugePages(),
        mounts.isLimitedByKernel(),
        List.copyOf(limitations),
        entries);
  }

  private void setLimits() {
    if (isClosed()) {
      return;
    }
    try {
      budget.setLimits();
    } catch (final LinuxException e) {
      // The limits of before stay; what was asked for is done.
      LOG.warn("limits are not set: {}", e.getMessage());
    }
  }

  private boolean isClosed() {
    synchronized (lock) {
      return closed;
    }
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the store is closed");
    }
  }

  /**
   * End the store and with it all snapshots, whoever uses them. Pages that instances map stay until
   * they end. Drafts are to be closed before. Only the first call does something.
   */
  @Override
  public void close() {
    final List<Contents> contents;
    final Set<SharedLayer> shared = new HashSet<>();
    synchronized (lock) {
      if (closed) {
        return;
      }
      closed = true;
      contents = List.copyOf(living);
      contents.forEach(c -> shared.addAll(c.sharedLayers()));
      living.clear();
      index.clear();
      names.clear();
    }
    contents.forEach(this::free);
    for (final SharedLayer layer : shared) {
      drop(layer.owner().heldLayer());
      layer.layer().close();
    }
    layers.close();
    mounts.close();
  }
}
