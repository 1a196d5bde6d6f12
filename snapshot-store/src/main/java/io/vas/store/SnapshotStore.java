package io.vas.store;

import com.google.protobuf.MessageLite;
import io.vas.core.ConflictException;
import io.vas.core.NotFoundException;
import io.vas.core.StoreFullException;
import io.vas.core.VasException;
import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.Errno;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.TmpfsMount.RegionFile;
import io.vas.core.memory.Extent;
import io.vas.core.memory.RegionKind;
import io.vas.store.Budget.Pool;
import io.vas.store.Budget.Reservation;
import io.vas.store.Layers.Layer;
import io.vas.store.SnapshotIndex.Entry;
import io.vas.store.journal.BudgetRecord;
import io.vas.store.journal.ImageRecord;
import io.vas.store.journal.JournalRecord;
import io.vas.store.journal.SnapshotRecord;
import io.vas.store.journal.SpaceRecord;
import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.agrona.collections.IntHashSet;
import org.agrona.collections.LongArrayList;
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

  /** Of the budget, that the journal may take besides. */
  private static final int METADATA_SHARE = 16;

  /** And this much in any case. */
  private static final long METADATA_LEAST = 4 * ByteCount.MIB;

  /** Of the budget, that layouts leave free for snapshots. */
  private static final int SPARE_SHARE = 8;

  private final DescriptorHolder holder;
  private final HeldDescriptorCounts held;
  private final StorePlaces places;
  private final RegionMounts mounts;
  private final Layers layers;
  private final Budget budget;

  /** Guards what follows, and the counts of holders of contents and layers. */
  private final Object lock = new Object();

  private final SnapshotIndex index = new SnapshotIndex();
  private final Set<Draft> drafts = new HashSet<>();

  /** In the order of their publication, which the journal keeps. */
  private final Set<Contents> living = new LinkedHashSet<>();

  /** Of snapshots that have other contents by now; somebody uses these still. */
  private final Set<Contents> replaced = new HashSet<>();

  private final String numaPolicy;
  private final SnapshotPages pages;
  private final BackgroundChecksums checksums;
  private final BackgroundLayouts layouts = new BackgroundLayouts(this);
  private final WarmSpace warm;

  /** Removed by a former daemon, which had uses of them; each is held by this map, by layout. */
  private final Map<String, Entry> removedBefore = new HashMap<>();

  private final SnapshotJournal journal;
  private final Images images = new Images(this::imageRecord);
  private SnapshotOwner owner = SnapshotOwner.NOBODY;
  private final FullPolicy whenFull;

  /** That the journal may take, and for the page tables in any case. */
  private final long metadataBytes;

  private boolean closed;

  private SnapshotStore(
      final StoreConfig config, final DescriptorHolder holder, final StorePlaces places) {
    this.holder = holder;
    this.held = new HeldDescriptorCounts(holder);
    this.places = places;
    this.mounts = places.regions();
    this.layers = places.layers();
    this.numaPolicy = mounts.numaPolicy();
    metadataBytes = METADATA_LEAST + config.budgetBytes() / METADATA_SHARE;
    // For the tables, and twice for the journal: while it is compacted there are two.
    places.limitMetadata(3 * metadataBytes);
    final Recovery recovery = new Recovery();
    this.journal =
        new SnapshotJournal(Journal.open(places.metadata(), metadataBytes, recovery), living);
    try {
      this.pages = new SnapshotPages(places);
    } catch (final RuntimeException e) {
      journal.close();
      throw e;
    }
    try {
      final long bytes =
          config.isDefault()
              ? recovery.budget().map(BudgetRecord::getBytes).orElse(config.budgetBytes())
              : config.budgetBytes();
      this.budget = new Budget(bytes, pools());
      this.whenFull = config.whenFull().orElse(recovery.whenFull());
      recover(recovery);
      journal.setBudget(
          BudgetRecord.newBuilder().setBytes(bytes).setWhenFull(whenFull.toString()).build(),
          recovery.budget());
      budget.setLimits();
      if (pages.isBroken()) {
        markDamaged(new IntHashSet());
      }
      checksums = new BackgroundChecksums(checker());
      warm = new WarmSpace(mounts, pages, budget);
    } catch (final RuntimeException e) {
      pages.close();
      journal.close();
      throw e;
    }
  }

  private List<Pool> pools() {
    return List.of(
        pool(
            () -> mounts.usedBytes(RegionKind.HUGE), limit -> mounts.limit(RegionKind.HUGE, limit)),
        pool(
            () -> mounts.usedBytes(RegionKind.SMALL),
            limit -> mounts.limit(RegionKind.SMALL, limit)),
        pool(layers::usedBytes, layers::limit));
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

  /**
   * Open the store: the one that a former daemon has left with the holder, or an empty one.
   *
   * @param config how it is set up.
   * @param holder who keeps what must outlive this process, and the descriptors that forks are
   *     given.
   * @return the store.
   * @throws VasException if what was left is of another version; nothing is changed then.
   * @throws LinuxException if there can be none.
   */
  public static SnapshotStore open(final StoreConfig config, final DescriptorHolder holder) {
    return open(config, holder, StorePlaces.open(config.stateDirectory(), holder));
  }

  static SnapshotStore open(
      final StoreConfig config, final DescriptorHolder holder, final StorePlaces places) {
    try {
      return new SnapshotStore(config, holder, places);
    } catch (final RuntimeException e) {
      places.close();
      throw e;
    }
  }

  // ---- what a former daemon has left ----

  private void recover(final Recovery recovery) {
    // Held for forks that a former daemon would have made.
    holder.dropAll(SnapshotId.HELD_TYPE);
    holder.dropAll(SnapshotUse.HELD_FILE_TYPE);
    final Map<Long, SharedLayer> shared = new HashMap<>();
    final Map<Long, SharedImage> whole = new HashMap<>();
    final List<Entry> entries = new ArrayList<>();
    for (final Recovery.Found found : recovery.snapshots()) {
      final SnapshotRecord record = found.record();
      final List<SharedLayer> stack = new ArrayList<>();
      for (final long owner : record.getLayersList()) {
        final SharedLayer known = shared.get(owner);
        if (known == null) {
          shared.put(owner, new SharedLayer(new SnapshotId(owner)));
        } else {
          known.retain();
        }
        stack.add(shared.get(owner));
      }
      final Snapshot snapshot = SnapshotRecords.snapshot(record);
      final Contents contents =
          new Contents(
              new SnapshotId(record.getId()),
              SnapshotRecords.snapshotId(record),
              record.getRegion(),
              record.getSpacesList(),
              stack,
              snapshot.space(),
              image(recovery, whole, found),
              found.position());
      contents.setDamage(recovery.damage(record.getId()));
      final Entry entry = new Entry(snapshot, contents);
      living.add(contents);
      pages.adopt(contents.spaces());
      if (found.isRemoved()) {
        contents.setRemoved();
        index.addRemoved(contents);
        removedBefore.put(contents.id().toString(), entry);
        replaced.add(contents);
      } else {
        entries.add(entry);
      }
    }
    // Those that were laid out anew, or have come back, are among the latest records.
    entries.sort(Comparator.comparing(entry -> entry.snapshot().created()));
    entries.forEach(index::add);
    living.stream().filter(Contents::ownsImage).forEach(owner -> whole.remove(owner.id().value()));
    whole.values().forEach(SharedImage::setOrphaned);
    pages.settle();
    removeStrays(shared.values());
  }

  private static SharedImage image(
      final Recovery recovery, final Map<Long, SharedImage> whole, final Recovery.Found found) {
    final long owner = found.imageBase() == 0 ? found.record().getId() : found.imageBase();
    final SharedImage known = whole.get(owner);
    if (known != null) {
      known.retain();
      return known;
    }
    final SharedImage image = new SharedImage(new SnapshotId(owner), recovery.image(owner));
    whole.put(owner, image);
    return image;
  }

  /** What snapshots have left that were being taken, or freed, when the former daemon died. */
  private void removeStrays(final Collection<SharedLayer> known) {
    try {
      layers.retain(known.stream().map(SharedLayer::name).collect(Collectors.toSet()));
    } catch (final VasException e) {
      // The keeper may be copying into one for the former daemon. The next removal tries again.
      LOG.warn("layers of a former daemon are not removed yet: {}", e.getMessage());
    }
  }

  /**
   * Use a snapshot that a former daemon had a use of, whether it was removed meanwhile or not.
   *
   * @param id of the snapshot.
   * @param layout what {@link SnapshotUse#layout} told.
   * @return the use, which sees the same layout, to be closed; empty if the snapshot, or that
   *     layout of it, is gone.
   */
  public Optional<SnapshotUse> reuse(final String id, final String layout) {
    synchronized (lock) {
      final Entry entry =
          index
              .lookUp(id)
              .filter(found -> found.contents().id().toString().equals(layout))
              .orElse(removedBefore.get(layout));
      if (entry == null) {
        return Optional.empty();
      }
      entry.contents().retain();
      return Optional.of(new SnapshotUse(this, entry.snapshot(), entry.contents()));
    }
  }

  /**
   * Tell who knows which snapshots are needed.
   *
   * @param newOwner asked before a snapshot is evicted, by whatever thread makes a draft.
   */
  public void setOwner(final SnapshotOwner newOwner) {
    synchronized (lock) {
      owner = newOwner;
    }
  }

  private PageChecker checker() {
    return new PageChecker(lock, pages, living, mounts);
  }

  /**
   * Free what was removed, or replaced, and nobody has asked to {@link #reuse}, and what a former
   * daemon has let go of, but had not come to give back.
   */
  public void freeUnused() {
    final List<Entry> entries;
    synchronized (lock) {
      entries = List.copyOf(removedBefore.values());
      removedBefore.clear();
    }
    entries.forEach(entry -> release(entry.contents()));
    synchronized (lock) {
      checkOpen();
      pages.giveBackLeftovers();
    }
    setLimits();
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
    int number;
    final List<SharedLayer> baseLayers;
    synchronized (lock) {
      checkOpen();
      baseLayers = layersBelow(request);
      request.name().ifPresent(name -> index.takeName(name, request.ownerUid()));
      id = takeId(request);
      number = pages.beginDraft();
      baseLayers.forEach(SharedLayer::retain);
    }
    // Looked at by whoever sets limits meanwhile.
    final Map<RegionKind, RegionFile> regions = new ConcurrentHashMap<>();
    final AtomicLong before = new AtomicLong();
    Reservation reservation = null;
    try {
      // Its pages need not fall where there is memory already, so that does not count as spent.
      reservation = reserve(request, () -> Math.max(0, Draft.usedBytes(regions) - before.get()));
      final Optional<WarmSpace.Space> ready = warm.take(request.memoryBytes());
      if (ready.isPresent()) {
        pages.endDraft(number);
        number = ready.get().number();
        before.set(ready.get().bytes());
        regions.put(RegionKind.HUGE, ready.get().file());
      }
      for (final RegionKind kind : RegionKind.values()) {
        if (!regions.containsKey(kind)) {
          regions.put(kind, mounts.createFile(kind, number));
        }
      }
      final Layer layer = layers.take();
      final Draft draft =
          new Draft(this, id, request, number, regions, reservation, layer, baseLayers);
      synchronized (lock) {
        drafts.add(draft);
      }
      return draft;
    } catch (final RuntimeException e) {
      discard(id, request, Optional.ofNullable(reservation), number, regions, baseLayers);
      throw full(e, request);
    }
  }

  private SnapshotId takeId(final SnapshotRequest request) {
    try {
      return request.former().map(former -> index.takeId(former.id())).orElseGet(index::newId);
    } catch (final ConflictException e) {
      request.name().ifPresent(index::giveBackName);
      throw e;
    }
  }

  private Reservation reserve(final SnapshotRequest request, final LongSupplier spent) {
    final String what = "the snapshot of " + request.instance();
    final long needed = request.memoryBytes() + request.layerBytes();
    final long most = request.mostBytes() + request.layerBytes();
    if (budget.missing(most) > 0) {
      warm.giveUp();
    }
    try {
      return budget.reserve(what, needed, most, spent);
    } catch (final StoreFullException e) {
      if (warm.giveUp() > 0) {
        // More was written since.
        return reserve(request, spent);
      }
      if (whenFull == FullPolicy.REFUSE) {
        throw e;
      }
      if (!makeRoom(needed)) {
        throw new StoreFullException(e.getMessage() + "; what may be evicted is not as much", e);
      }
      return budget.reserve(what, needed, most, spent);
    }
  }

  /** Whether there is room now: what can be evicted is, but only if it is enough. */
  private boolean makeRoom(final long needed) {
    long missing = missing(needed);
    while (missing > 0) {
      final List<Entry> victims = victims(missing);
      long evicted = 0;
      for (final Entry victim : victims) {
        if (evict(victim)) {
          evicted++;
        }
      }
      if (evicted == 0) {
        return false;
      }
      missing = missing(needed);
    }
    return true;
  }

  /** What is missing for so many bytes after all is given up that need not be kept. */
  private long missing(final long needed) {
    final long missing = budget.missing(needed);
    return missing > 0 && warm.giveUp() > 0 ? budget.missing(needed) : missing;
  }

  /** Some that hold so much together; none if there are not enough. */
  private List<Entry> victims(final long bytes) {
    final List<Entry> candidates;
    final SnapshotOwner asked;
    synchronized (lock) {
      candidates = candidates();
      asked = owner;
    }
    final List<Entry> victims = new ArrayList<>();
    long found = 0;
    for (final Entry entry : candidates) {
      final Snapshot snapshot = entry.snapshot();
      if (snapshot.space().bytes() > 0 && asked.letGo(snapshot) && isUnused(entry.contents())) {
        victims.add(entry);
        found += snapshot.space().bytes();
        if (found >= bytes) {
          return victims;
        }
      }
    }
    return List.of();
  }

  /** What may go as far as it is known here, in the order of the policy. */
  private List<Entry> candidates() {
    if (whenFull != FullPolicy.THIN) {
      return index.leastRecentlyUsed();
    }
    final Set<Entry> candidates = new LinkedHashSet<>();
    Thinning.order(index.list(), Instant.now())
        .forEach(snapshot -> index.lookUp(snapshot.id()).ifPresent(candidates::add));
    candidates.addAll(index.leastRecentlyUsed());
    return List.copyOf(candidates);
  }

  private boolean isUnused(final Contents contents) {
    synchronized (lock) {
      return uses(contents) == 0;
    }
  }

  /** Of a snapshot, in whatever layout. */
  private int uses(final Contents current) {
    int uses = current.holders() - 1;
    for (final Contents before : replaced) {
      uses += before.snapshot().equals(current.snapshot()) ? before.holders() : 0;
    }
    return uses;
  }

  private boolean evict(final Entry entry) {
    final SnapshotOwner told;
    synchronized (lock) {
      if (entry.contents().isRemoved() || uses(entry.contents()) > 0) {
        return false;
      }
      remove(entry);
      told = owner;
    }
    free(entry.contents());
    told.evicted(entry.snapshot());
    LOG.info("evicted snapshot {}: the store is full", entry.snapshot().id());
    return true;
  }

  private RuntimeException full(final RuntimeException e, final SnapshotRequest request) {
    if (e instanceof LinuxException linux && linux.errno() == Errno.ENOSPC) {
      return new StoreFullException(
          "the store is full: no room for the snapshot of " + request.instance(), e);
    }
    return e;
  }

  private static List<SharedLayer> layersBelow(final SnapshotRequest request) {
    return request
        .former()
        .map(former -> former.layers().stream().map(LoadedLayer::layer).toList())
        .orElseGet(() -> request.base().map(SnapshotStore::layersOf).orElse(List.of()));
  }

  private static List<SharedLayer> layersOf(final SnapshotUse base) {
    if (!base.isOpen()) {
      throw new IllegalStateException("the use of snapshot " + base.snapshot().id() + " is closed");
    }
    return base.contents().sharedLayers();
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
      final Snapshot snapshot = store(draft, image.toByteArray(), facts, Optional.empty());
      published = true;
      return snapshot;
    } finally {
      draft.endPublishing(published);
    }
  }

  private Snapshot store(
      final Draft draft,
      final byte[] image,
      final SnapshotFacts facts,
      final Optional<Layout> layout) {
    if (budget.usedBytes() > budget.bytes()) {
      warm.giveUp();
    }
    budget.check("the snapshot of " + draft.request().instance());
    final Optional<SharedImage> base = retainImage(draft.request().parent());
    try {
      return store(draft, images.pack(image, base), base, facts, layout);
    } finally {
      base.ifPresent(this::releaseImage);
    }
  }

  /** Of the snapshot before it, whose image is likely to be much the same. */
  private Optional<SharedImage> retainImage(final Optional<String> parent) {
    synchronized (lock) {
      final Optional<SharedImage> image =
          parent.flatMap(index::lookUp).map(entry -> entry.contents().image());
      image.ifPresent(SharedImage::retain);
      return image;
    }
  }

  private void releaseImage(final SharedImage image) {
    final boolean isLast;
    synchronized (lock) {
      isLast = journal.release(image);
    }
    if (isLast) {
      images.forget(image);
    }
  }

  private Snapshot store(
      final Draft draft,
      final ImageRecord image,
      final Optional<SharedImage> base,
      final SnapshotFacts facts,
      final Optional<Layout> layout) {
    final boolean ownLayer = !layers.isEmpty(draft.ownLayer());
    final long layerBytes = ownLayer ? layers.bytes(draft.ownLayer()) : 0;
    if (ownLayer) {
      // Whoever dies now leaves a layer that no snapshot has, which the next daemon removes.
      layers.rename(draft.ownLayer(), draft.id());
    }
    reserveMetadata(draft, image, layout.isPresent());
    final Snapshot snapshot = add(draft, facts, layerBytes, ownLayer, image, base, layout);
    freePages();
    // Its files count as used by now.
    draft.reservation().close();
    draft.regions().values().forEach(RegionFile::close);
    if (ownLayer) {
      draft.ownLayer().close();
      layers.keep(draft.id());
    } else {
      layers.giveBack(draft.ownLayer());
    }
    setLimits();
    return snapshot;
  }

  /**
   * Take memory for the page tables and the record of a snapshot, before anything is changed for
   * it. What others may be evicted for: how much of it one holds alone nobody knows before, so they
   * go one by one until it is enough.
   */
  private void reserveMetadata(final Draft draft, final ImageRecord image, final boolean isLayout) {
    final List<PageChange> changes = draft.changes();
    final int recordBytes =
        image.getSerializedSize()
            + SnapshotRecords.MOST_BYTES
            + SnapshotRecords.REFERENCE_BYTES * (draft.baseLayers().size() + 1)
            + SnapshotRecords.REFERENCE_BYTES
                * (int) changes.stream().mapToInt(PageChange::space).distinct().count();
    while (true) {
      try {
        synchronized (lock) {
          checkOpen();
          pages.reserve(changes);
          journal.reserve(recordBytes);
          return;
        }
      } catch (final StoreFullException e) {
        final boolean mayFit =
            SnapshotPages.tableBytes(changes) <= metadataBytes && recordBytes <= metadataBytes;
        if (whenFull == FullPolicy.REFUSE || isLayout || !mayFit) {
          throw e;
        }
        if (!evictOne()) {
          throw new StoreFullException(e.getMessage() + "; what may be evicted is not enough", e);
        }
      }
    }
  }

  /** The first that may be, by the policy, if there is one. */
  private boolean evictOne() {
    for (List<Entry> found = victims(1); !found.isEmpty(); found = victims(1)) {
      if (evict(found.get(0))) {
        return true;
      }
    }
    return false;
  }

  /** From here on it is acknowledged: whoever opens the store again finds it. */
  private Snapshot add(
      final Draft draft,
      final SnapshotFacts facts,
      final long layerBytes,
      final boolean ownLayer,
      final ImageRecord image,
      final Optional<SharedImage> base,
      final Optional<Layout> layout) {
    final List<SharedLayer> stack = new ArrayList<>(draft.baseLayers());
    if (ownLayer) {
      stack.add(0, new SharedLayer(draft.snapshotId()));
    }
    final List<PageChange> changes = draft.changes();
    final Snapshot snapshot;
    final Optional<Entry> before;
    synchronized (lock) {
      checkOpen();
      before = layout.map(made -> current(made.contents()));
      final List<SpaceRecord> spaces = pages.make(changes, draft.regionNumber());
      final SnapshotRecord record;
      final long position;
      try {
        if (layout.isPresent()) {
          layout.get().describe(pages, spaces);
        }
        draft
            .regions()
            .forEach(
                (kind, file) ->
                    pages.trim(file.readWrite(), draft.regionNumber(), kind, changes, spaces));
        draft.regions().values().forEach(mounts::seal);
        final SnapshotSpace space =
            new SnapshotSpace(
                allocated(draft, RegionKind.HUGE),
                allocated(draft, RegionKind.SMALL),
                before
                    .map(entry -> entry.snapshot().space().layerBytes())
                    .or(() -> draft.request().former().map(FormerSnapshot::layerBytes))
                    .orElse(layerBytes),
                image.getDeflated().size());
        final SnapshotRecord made =
            SnapshotRecords.record(
                draft,
                layout.isPresent()
                    ? facts
                    : facts.counted(
                        pages.count(spaces),
                        draft
                            .request()
                            .former()
                            .map(former -> former.facts().pagesCopied())
                            .orElseGet(() -> storedPages(changes))),
                space,
                pages.isUsed(draft.regionNumber()) ? draft.regionNumber() : 0,
                spaces,
                ownLayer,
                image);
        record =
            before
                .map(entry -> SnapshotRecords.laidOut(made, entry.snapshot(), entry.contents()))
                .orElse(made);
        position = journal.append(JournalRecord.newBuilder().setSnapshot(record).build());
      } catch (final RuntimeException e) {
        pages.release(spaces);
        throw e;
      }
      // Before anybody can remove the snapshot, and somebody else gets the number.
      pages.endDraft(draft.regionNumber());
      snapshot = SnapshotRecords.snapshot(record);
      final Contents contents =
          new Contents(
              draft.snapshotId(),
              SnapshotRecords.snapshotId(record),
              record.getRegion(),
              spaces,
              stack,
              snapshot.space(),
              sharedImage(draft, image, base, position),
              position);
      if (layout.isEmpty()) {
        checksums.add(contents, changes);
      }
      final Entry entry = new Entry(snapshot, contents);
      drafts.remove(draft);
      living.add(contents);
      index.add(entry);
      before.ifPresent(this::replace);
    }
    before.ifPresent(entry -> release(entry.contents()));
    return snapshot;
  }

  /** The index has others, and that is written down. */
  private void replace(final Entry before) {
    before.contents().setRemoved();
    replaced.add(before.contents());
  }

  private Entry current(final Contents contents) {
    return index
        .lookUp(contents.snapshot().toString())
        .filter(entry -> entry.contents().equals(contents) && contents.damage().isEmpty())
        .orElseThrow(
            () ->
                new ConflictException(
                    "snapshot " + contents.snapshot() + " was removed, or is not what it was"));
  }

  // ---- snapshots that come back

  /**
   * A layer for snapshots that come back.
   *
   * @param owner id of the snapshot whose own one it is.
   * @return the one that there is, or an empty one to be filled; to be closed when they are
   *     published. The same one is asked for by one caller at a time.
   */
  public LoadedLayer loadLayer(final String owner) {
    synchronized (lock) {
      checkOpen();
      final Optional<SharedLayer> known =
          living.stream()
              .flatMap(contents -> contents.sharedLayers().stream())
              .filter(layer -> layer.name().equals(owner))
              .findFirst();
      if (known.isPresent()) {
        known.get().retain();
        return new LoadedLayer(this, known.get(), Optional.empty());
      }
    }
    final Layer made = layers.take();
    try {
      layers.rename(made, owner);
    } catch (final RuntimeException e) {
      layers.giveBack(made);
      throw e;
    }
    return new LoadedLayer(this, new SharedLayer(SnapshotId.parse(owner)), Optional.of(made));
  }

  void release(final SharedLayer layer, final boolean isNew) {
    final boolean isLast;
    synchronized (lock) {
      isLast = layer.release();
    }
    if (isLast) {
      removeLayer(layer.name());
    } else if (isNew) {
      layers.keep(layer.name());
    }
  }

  // ---- laying them out anew

  /**
   * Lay the pages of a snapshot out anew, in the background, so that they lie side by side. What is
   * open sees them where they were as long as it is open. The owner is told afterwards; if there is
   * no room for it, or too much else to be done, nothing happens.
   *
   * @param use of the snapshot, which may be closed meanwhile.
   * @param ranges addresses that are mapped as one. Spaces without any count as one range each.
   */
  public void layOutLater(final SnapshotUse use, final List<AddressRange> ranges) {
    layouts.add(share(use), ranges);
  }

  private SnapshotUse share(final SnapshotUse use) {
    retain(use.contents());
    return new SnapshotUse(this, use.snapshot(), use.contents());
  }

  /** A layout is complete: whoever opens the store again finds it. */
  Snapshot publish(final Draft draft, final Layout layout) {
    draft.beginPublishing();
    boolean published = false;
    try {
      final SnapshotUse use = layout.use();
      final Snapshot snapshot =
          store(draft, use.image(), use.snapshot().facts(), Optional.of(layout));
      published = true;
      return snapshot;
    } finally {
      draft.endPublishing(published);
    }
  }

  /** Tell the owner. */
  void laidOut(final Snapshot snapshot) {
    final SnapshotOwner told;
    synchronized (lock) {
      told = owner;
    }
    told.laidOut(snapshot);
  }

  boolean isCurrent(final Contents contents) {
    synchronized (lock) {
      return !contents.isRemoved();
    }
  }

  /** Whether so much more would leave room for what is more important. */
  boolean hasRoomFor(final long bytes) {
    return missing(bytes + budget.bytes() / SPARE_SHARE) == 0;
  }

  /** As {@link SnapshotPages#collect}, of contents that somebody holds. */
  long collect(
      final Contents contents,
      final int space,
      final long from,
      final long to,
      final PageBatch batch) {
    synchronized (lock) {
      checkOpen();
      final long next = pages.collect(contents.root(space), from, to, Optional.empty(), batch);
      if (pages.isBroken()) {
        markDamaged(new IntHashSet());
        contents.checkIntact();
      }
      return next;
    }
  }

  PageReader reader() {
    return new PageReader(mounts);
  }

  private static SharedImage sharedImage(
      final Draft draft,
      final ImageRecord image,
      final Optional<SharedImage> base,
      final long position) {
    if (image.getBase() == 0 || base.isEmpty()) {
      return new SharedImage(draft.snapshotId(), position);
    }
    base.get().retain();
    return base.get();
  }

  private static long storedPages(final List<PageChange> changes) {
    return changes.stream()
        .filter(PageChange::isStored)
        .mapToLong(change -> change.end() - change.first())
        .sum();
  }

  List<Extent> extents(final Contents contents, final int space, final long start, final long end) {
    try {
      return pages.extents(contents.root(space), start, end);
    } catch (final BrokenTableException e) {
      synchronized (lock) {
        pages.setBroken(e.node());
      }
      damaged(contents, Verifier.describe(new PageTables.Damage(e.number(), true), space));
      contents.checkIntact();
      throw e;
    }
  }

  /** Gives back what tables have let go of. */
  private void freePages() {
    final LongArrayList places;
    synchronized (lock) {
      if (closed) {
        return;
      }
      places = pages.takeFreed();
    }
    pages.giveBack(places);
  }

  byte[] image(final Contents contents) {
    final ImageRecord record;
    synchronized (lock) {
      checkOpen();
      record = journal.image(contents);
    }
    return images.unpack(record, contents.image());
  }

  private ImageRecord imageRecord(final SharedImage image) {
    synchronized (lock) {
      checkOpen();
      return journal.image(image);
    }
  }

  Fd openFile(final long file) {
    return mounts.open(PagePlace.kind(file), PagePlace.number(file));
  }

  Fd openLayer(final SharedLayer layer) {
    return layers.open(layer.name());
  }

  /**
   * The file system that all regions of a kind are on, by which mappings of them are recognised.
   *
   * @param kind which of the two.
   * @return its st_dev.
   */
  public DeviceNumber device(final RegionKind kind) {
    return mounts.device(kind);
  }

  HeldDescriptorCounts held() {
    return held;
  }

  /** Of a file in which tables have no pages nothing stays. */
  private long allocated(final Draft draft, final RegionKind kind) {
    return pages.isUsed(draft.regionNumber(), kind)
        ? FileStatus.of(draft.regions().get(kind).readOnly()).allocated()
        : 0;
  }

  void discard(final Draft draft) {
    synchronized (lock) {
      drafts.remove(draft);
    }
    draft.ownLayer().close();
    removeLayer(draft.ownLayer().name());
    // Under this name if it was being published.
    removeLayer(draft.id());
    discard(
        draft.snapshotId(),
        draft.request(),
        Optional.of(draft.reservation()),
        draft.regionNumber(),
        draft.regions(),
        draft.baseLayers());
  }

  private void discard(
      final SnapshotId id,
      final SnapshotRequest request,
      final Optional<Reservation> reservation,
      final int number,
      final Map<RegionKind, RegionFile> regions,
      final List<SharedLayer> baseLayers) {
    final List<SharedLayer> unused;
    synchronized (lock) {
      request.name().ifPresent(index::giveBackName);
      index.giveBack(id);
      unused = baseLayers.stream().filter(SharedLayer::release).toList();
    }
    // Its files tell what was spent of it, so they are closed after it.
    reservation.ifPresent(Reservation::close);
    regions.values().forEach(RegionFile::close);
    freePages();
    if (!isClosed()) {
      pages.endDraft(number);
    }
    unused.forEach(layer -> removeLayer(layer.name()));
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
    return get(reference, snapshot -> true);
  }

  /**
   * Find a snapshot among some.
   *
   * @param reference its id, its name ({@code name:tag}, or {@code name} for {@code name:latest}),
   *     or the first digits of its id.
   * @param among which ones; the others are as if they were not there.
   * @return the snapshot.
   * @throws NotFoundException if there is none.
   * @throws ConflictException if several ids begin like that.
   */
  public Snapshot get(final String reference, final Predicate<Snapshot> among) {
    synchronized (lock) {
      return index.find(reference, among).snapshot();
    }
  }

  /**
   * Look a snapshot up by its whole id.
   *
   * @param id 12 hexadecimal digits.
   * @return the snapshot; empty if there is none, or no more.
   */
  public Optional<Snapshot> lookUp(final String id) {
    synchronized (lock) {
      return index.lookUp(id).map(Entry::snapshot);
    }
  }

  /**
   * All snapshots.
   *
   * @return the oldest first.
   */
  public List<Snapshot> list() {
    synchronized (lock) {
      return index.list();
    }
  }

  /**
   * How many snapshots there are.
   *
   * @return their number.
   */
  public int size() {
    synchronized (lock) {
      return index.size();
    }
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
      final Entry entry = index.find(reference);
      entry.contents().retain();
      index.touch(entry);
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
      checkOpen();
      entry = index.find(reference);
      remove(entry);
    }
    release(entry.contents());
    return entry.snapshot();
  }

  private void remove(final Entry entry) {
    // What nobody uses is freed next, and the journal told of that.
    if (entry.contents().holders() > 1) {
      journal.remove(entry.contents());
    }
    entry.contents().setRemoved();
    index.remove(entry);
  }

  void retain(final Contents contents) {
    synchronized (lock) {
      if (!living.contains(contents)) {
        throw new IllegalStateException("snapshot " + contents.id() + " is gone");
      }
      contents.retain();
    }
  }

  void release(final Contents contents) {
    warm.freed(free(contents));
  }

  /** Returns how much memory with huge pages has gone back to the system. */
  private long free(final Contents contents) {
    final List<SharedLayer> unused;
    synchronized (lock) {
      if (!contents.release() || !living.remove(contents)) {
        return 0;
      }
      replaced.remove(contents);
      checksums.awaitEnd(contents);
      if (closed) {
        return 0;
      }
      if (journal.free(contents)) {
        images.forget(contents.image());
      }
      index.giveBack(contents.id());
      pages.release(contents.spaces());
      unused = contents.sharedLayers().stream().filter(SharedLayer::release).toList();
    }
    final long before = mounts.usedBytes(RegionKind.HUGE);
    freePages();
    final long freed = before - mounts.usedBytes(RegionKind.HUGE);
    unused.forEach(layer -> removeLayer(layer.name()));
    setLimits();
    return freed;
  }

  private void removeLayer(final String name) {
    if (isClosed()) {
      return;
    }
    try {
      layers.remove(name);
    } catch (final VasException e) {
      LOG.warn("layer {} is not removed: {}", name, e.getMessage());
    }
  }

  // ---- whether it is what was stored ----

  /**
   * Read snapshots back and compare them with their checksums. Those that are damaged are marked,
   * now and for later daemons: forks of them are refused. Snapshots that are taken meanwhile are
   * not checked.
   *
   * @param reference of one snapshot, as in {@link #get}; empty: all.
   * @param progress is told how far it is.
   * @return what was found.
   * @throws NotFoundException if there is no such snapshot.
   */
  public StoreVerification verify(
      final Optional<String> reference, final StoreVerification.Progress progress) {
    final List<Entry> entries;
    final long total;
    synchronized (lock) {
      checkOpen();
      entries =
          reference.isPresent()
              ? List.of(index.find(reference.get()))
              : List.copyOf(index.entries());
      total =
          reference.isPresent() ? pages.count(entries.get(0).contents().spaces()) : pages.count();
    }
    try (PageChecker checker = checker()) {
      final Verifier verifier = new Verifier(this, checker);
      verifier.read(entries, total, progress);
      final boolean isBroken = !checker.broken().isEmpty() || pages.isBroken();
      if (isBroken) {
        // Whoever shares a broken page is damaged, whichever snapshot was asked for.
        markDamaged(checker.broken());
      }
      return new StoreVerification(
          entries.size(),
          checker.checked(),
          checker.added(),
          brokenRecords(),
          damagedOf(reference.isPresent() && !isBroken ? entries : all()));
    }
  }

  /** Those that have any of some broken pages, or a table that is broken. */
  private void markDamaged(final IntHashSet broken) {
    final BitSet clean = new BitSet();
    synchronized (lock) {
      living.forEach(
          contents ->
              Verifier.damage(contents, pages, broken, clean)
                  .ifPresent(what -> damaged(contents, what)));
    }
  }

  private List<Entry> all() {
    synchronized (lock) {
      return List.copyOf(index.entries());
    }
  }

  private long brokenRecords() {
    synchronized (lock) {
      return journal.broken();
    }
  }

  private static List<StoreVerification.Damage> damagedOf(final List<Entry> entries) {
    return entries.stream()
        .filter(entry -> entry.contents().damage().isPresent())
        .map(
            entry ->
                new StoreVerification.Damage(
                    entry.snapshot(), entry.contents().damage().orElseThrow()))
        .toList();
  }

  /** A snapshot is found to be damaged. */
  void damaged(final Contents contents, final String what) {
    synchronized (lock) {
      if (closed || !living.contains(contents) || contents.damage().isPresent()) {
        return;
      }
      contents.setDamage(Optional.of(what));
      LOG.error("snapshot {} is damaged: {}", contents.snapshot(), what);
      try {
        journal.append(SnapshotRecords.damaged(contents.id(), what));
      } catch (final VasException e) {
        LOG.warn("the next daemon will not know that: {}", e.getMessage());
      }
    }
  }

  /**
   * Free what nobody needs and was not freed in time, as by a daemon that died: files, pages of 4
   * KiB, whole huge pages, layers; and write the journal anew. Other calls wait meanwhile.
   *
   * @return how much that was.
   */
  public StoreGarbage collectGarbage() {
    final long warmBytes = warm.giveUp();
    synchronized (lock) {
      checkOpen();
      final long pagesBefore = pageBytes();
      final long layersBefore = layers.usedBytes();
      final long metadataBefore = places.metadataBytes();
      pages.collectGarbage();
      final Set<String> known =
          living.stream()
              .flatMap(contents -> contents.sharedLayers().stream())
              .map(SharedLayer::name)
              .collect(Collectors.toSet());
      layers.retain(known);
      journal.compact();
      budget.setLimits();
      return new StoreGarbage(
          Math.max(0, pagesBefore - pageBytes()),
          Math.max(0, layersBefore - layers.usedBytes()),
          Math.max(0, metadataBefore - places.metadataBytes()),
          warmBytes);
    }
  }

  private long pageBytes() {
    return mounts.usedBytes(RegionKind.HUGE) + mounts.usedBytes(RegionKind.SMALL);
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
          index.entries().stream()
              .map(
                  entry ->
                      new StoreStatus.Entry(
                          entry.snapshot().id(),
                          entry.snapshot().name(),
                          entry.snapshot().space(),
                          uses(entry.contents()),
                          entry.contents().isLaidOut()))
              .toList();
      drafted = drafts.stream().mapToLong(Draft::usedBytes).sum();
    }
    final long used = warm.usedBesides();
    // Images are in the journal, which has room of its own.
    final long listed =
        entries.stream()
            .mapToLong(entry -> entry.space().bytes() - entry.space().imageBytes())
            .sum();
    return new StoreStatus(
        budget.bytes(),
        whenFull,
        used,
        warm.reservedBesides(),
        Math.max(0, used - listed - drafted),
        warm.bytes(),
        places.metadataBytes(),
        mounts.hasHugePages(),
        numaPolicy,
        mounts.isLimitedByKernel(),
        limitations(),
        entries);
  }

  /**
   * What it holds, but for what is kept warm.
   *
   * @return bytes.
   */
  public long usedBytes() {
    return warm.usedBesides();
  }

  /**
   * What is set aside for snapshots that are being taken.
   *
   * @return bytes.
   */
  public long reservedBytes() {
    return warm.reservedBesides();
  }

  /**
   * What it may hold.
   *
   * @return bytes.
   */
  public long budgetBytes() {
    return budget.bytes();
  }

  /**
   * What this kernel or this user does not allow.
   *
   * @return one line each.
   */
  public List<String> limitations() {
    final List<String> all = new ArrayList<>(mounts.limitations());
    all.addAll(layers.limitations());
    return List.copyOf(all);
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
   * Let go of the store, as the end of this process would: who opens it again with the same holder
   * finds all snapshots. Drafts are lost. Only the first call of this or {@link #close()} does
   * something.
   */
  public void leave() {
    layouts.close();
    warm.close();
    synchronized (lock) {
      if (closed) {
        return;
      }
      closed = true;
    }
    checksums.close();
    synchronized (lock) {
      living.clear();
      index.clear();
      removedBefore.clear();
      replaced.clear();
      journal.close();
      images.close();
      pages.close();
    }
    places.close();
  }

  /**
   * End the store and with it all snapshots, whoever uses them. Pages that instances map stay until
   * they end. Drafts are to be closed before. Only the first call of this or {@link #leave()} does
   * something.
   */
  @Override
  public void close() {
    if (isClosed()) {
      return;
    }
    leave();
    try {
      holder.dropAll(SnapshotId.HELD_TYPE);
      holder.dropAll(SnapshotUse.HELD_FILE_TYPE);
      StoreMounts.drop(holder);
    } catch (final VasException e) {
      // A keeper that is gone has closed all it held.
      LOG.warn("the mounts of the store are not dropped: {}", e.getMessage());
    }
  }
}
