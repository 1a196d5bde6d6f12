package io.vas.api.daemon;

import io.vas.api.v1.Progress;
import io.vas.api.v1.SnapshotMode;
import io.vas.api.v1.SnapshotReport;
import io.vas.api.v1.Stage;
import io.vas.core.ConflictException;
import io.vas.core.DeadlineException;
import io.vas.core.NotFoundException;
import io.vas.core.VasException;
import io.vas.core.checkpoint.Base;
import io.vas.core.checkpoint.Checkpoint;
import io.vas.core.checkpoint.Checkpointer;
import io.vas.core.checkpoint.CommandPiece;
import io.vas.core.image.Image;
import io.vas.core.instance.Instance;
import io.vas.core.keeper.FreezeMode;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileSystemStatus;
import io.vas.core.linux.OpenFlags;
import io.vas.store.Draft;
import io.vas.store.Snapshot;
import io.vas.store.SnapshotFacts;
import io.vas.store.SnapshotName;
import io.vas.store.SnapshotRequest;
import io.vas.store.SnapshotStore;
import io.vas.store.SnapshotUse;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** Takes snapshots of instances into the store. */
final class Snapshots implements AutoCloseable {
  private static final long PROGRESS_MILLIS = 100;
  private static final long PAGE = 4096;

  /** What a snapshot stores in any case, and what may be written besides. */
  private static final long LIKELY_BYTES = 4L << 20;

  private final SnapshotStore store;
  private final Checkpointer checkpointer;
  private final Map<Long, ReentrantLock> locks = new ConcurrentHashMap<>();
  private final Map<Long, String> latest = new ConcurrentHashMap<>();
  private final Map<Long, Cut> cuts = new ConcurrentHashMap<>();
  private final KeyFrames keyFrames = new KeyFrames();
  private final Map<Long, Set<String>> cameFrom = new ConcurrentHashMap<>();
  private final Map<String, Taken> taken = new ConcurrentHashMap<>();
  private final Set<Long> frozen = ConcurrentHashMap.newKeySet();
  private final ScheduledExecutorService ticker =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            final Thread thread = new Thread(task, "vas-progress");
            thread.setDaemon(true);
            return thread;
          });

  /** What tells the keeper which pages have changed since a snapshot. */
  private record Cut(long number, String snapshot) {}

  private record Taken(List<Stage> stages, SnapshotReport report) {}

  Snapshots(final SnapshotStore store, final Checkpointer checkpointer) {
    this.store = store;
    this.checkpointer = checkpointer;
  }

  /**
   * Finds the latest snapshots of instances that an earlier daemon has left.
   *
   * @param instances that run.
   */
  void recover(final List<Instance> instances) {
    final Map<String, Long> ids =
        instances.stream().collect(Collectors.toMap(Instance::reference, Instance::id));
    for (final Snapshot snapshot : store.list()) {
      final Long instance = ids.get(snapshot.instance());
      if (instance != null) {
        latest.put(instance, snapshot.id());
      }
    }
  }

  /**
   * Takes one, in an action of {@link #exclusively}.
   *
   * @param instance that runs.
   * @param ownerUid the user that the snapshot is to belong to.
   * @param origin what it was forked from; empty if it was started by a command.
   * @param name of the snapshot, if it is to have one.
   * @param mode when pages are copied.
   * @param progress is told how far it is.
   * @param time of the call.
   * @return the snapshot, which is in the store.
   */
  Snapshot take(
      final Instance instance,
      final int ownerUid,
      final Optional<SnapshotUse> origin,
      final Optional<SnapshotName> name,
      final FreezeMode mode,
      final Consumer<Progress> progress,
      final CallTime time) {
    final Optional<SnapshotUse> earlier = earlier(instance);
    try (Draft draft = store.draft(request(instance, ownerUid, origin, name, mode))) {
      final Optional<Base> base =
          earlier
              .filter(use -> !keyFrames.isDue(instance.id(), use))
              .map(use -> new Base(cut(instance, use), use));
      final Checkpoint checkpoint = freeze(instance, draft, mode, base, progress, time);
      final Image image =
          checkpoint.image().toBuilder().addPieces(CommandPiece.of(instance.spec())).build();
      if (time.remaining().isZero()) {
        throw new DeadlineException("the time for the snapshot ran out; it was not kept");
      }
      final Snapshot snapshot =
          store.publish(
              draft,
              image,
              new SnapshotFacts(
                  (checkpoint.frozenNanos() + checkpoint.otherFrozenNanos()) / 1000,
                  time.elapsedMicros(),
                  "map"));
      latest.put(instance.id(), snapshot.id());
      if (checkpoint.cut() != 0) {
        cuts.put(instance.id(), new Cut(checkpoint.cut(), snapshot.id()));
      }
      taken.put(snapshot.id(), new Taken(stages(checkpoint), report(checkpoint)));
      return snapshot;
    } catch (final VasException e) {
      throw Named.error("instance " + instance.name(), e);
    } finally {
      earlier.ifPresent(SnapshotUse::close);
    }
  }

  /**
   * Does something with an instance while nobody else takes a snapshot of it, or puts it back to
   * one.
   *
   * @param instance which one.
   * @param time of the call.
   * @param action what.
   * @return what it returns.
   */
  <T> T exclusively(final Instance instance, final CallTime time, final Supplier<T> action) {
    final ReentrantLock lock = locks.computeIfAbsent(instance.id(), id -> new ReentrantLock());
    lock(lock, time);
    try {
      return action.get();
    } finally {
      lock.unlock();
    }
  }

  /**
   * The snapshot that the next one of an instance is compared with: the one since which its writes
   * are known, otherwise the one where it stands.
   */
  private Optional<SnapshotUse> earlier(final Instance instance) {
    return Optional.ofNullable(cuts.get(instance.id()))
        .flatMap(cut -> use(cut.snapshot()))
        .or(() -> position(instance).flatMap(this::use));
  }

  private Optional<SnapshotUse> use(final String snapshot) {
    try {
      return Optional.of(store.use(snapshot));
    } catch (final NotFoundException e) {
      return Optional.empty();
    }
  }

  private long cut(final Instance instance, final SnapshotUse earlier) {
    final Cut cut = cuts.get(instance.id());
    return cut != null && cut.snapshot().equals(earlier.snapshot().id()) ? cut.number() : 0;
  }

  private static void lock(final ReentrantLock lock, final CallTime time) {
    try {
      if (!lock.tryLock(time.remaining().toNanos(), TimeUnit.NANOSECONDS)) {
        throw new DeadlineException(
            "another snapshot of it was being taken, or it was being put back, until time ran out");
      }
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new VasException("interrupted", e);
    }
  }

  /**
   * Where an instance stands in its timeline.
   *
   * @param instance which one.
   * @return id of the snapshot that its next one will have as its parent; empty if there is none.
   */
  Optional<String> position(final Instance instance) {
    return Optional.ofNullable(latest.get(instance.id())).or(instance::snapshot);
  }

  /**
   * Where an instance stands as far as a caller knows.
   *
   * @param instance which one.
   * @param caller whose snapshots count.
   * @return the nearest of them before the instance's next one; empty if there is none.
   */
  Optional<Snapshot> position(final Instance instance, final Caller caller) {
    final Set<String> passed = new HashSet<>();
    Optional<Snapshot> at = position(instance).flatMap(store::lookUp);
    while (at.isPresent() && !caller.owns(at.get().ownerUid()) && passed.add(at.get().id())) {
      at = at.get().parent().flatMap(store::lookUp);
    }
    return at.filter(snapshot -> caller.owns(snapshot.ownerUid()));
  }

  /**
   * Whether an instance stands at a snapshot, or its writes are known since then.
   *
   * @param snapshot its id.
   * @return whether its next snapshot builds on it.
   */
  boolean isPlace(final String snapshot) {
    return latest.containsValue(snapshot)
        || cuts.values().stream().anyMatch(cut -> cut.snapshot().equals(snapshot));
  }

  /**
   * Finds the snapshot that an instance is to be put back to.
   *
   * @param instance which one.
   * @param reference of a snapshot; empty: where the instance stands in its timeline.
   * @return one of its own snapshots, or one that it comes from.
   * @throws NotFoundException if there is no such snapshot.
   * @throws ConflictException if it is another instance's.
   */
  Snapshot target(final Instance instance, final String reference) {
    // Remembered, because a rollback may change where it comes from, and the way there be removed.
    final Set<String> ancestors =
        cameFrom.computeIfAbsent(instance.id(), id -> ConcurrentHashMap.newKeySet());
    ancestors.addAll(ancestors(instance));
    if (reference.isEmpty()) {
      return store.get(
          position(instance)
              .orElseThrow(
                  () -> new NotFoundException("instance " + instance + " has no snapshot")));
    }
    final Snapshot snapshot = store.get(reference);
    if (!snapshot.instance().equals(instance.reference()) && !ancestors.contains(snapshot.id())) {
      throw new ConflictException(
          "snapshot "
              + snapshot.label()
              + " is of instance "
              + snapshot.instance()
              + ", and instance "
              + instance
              + " does not come from it");
    }
    return snapshot;
  }

  /** As far as they have not been removed. */
  private Set<String> ancestors(final Instance instance) {
    final Set<String> ancestors = new HashSet<>();
    Optional<String> at = position(instance);
    while (at.isPresent() && ancestors.add(at.get())) {
      at = store.lookUp(at.get()).flatMap(Snapshot::parent);
    }
    // The one that its processes were forked from, too, which may be older than where it stands.
    instance.snapshot().ifPresent(ancestors::add);
    return ancestors;
  }

  /**
   * Notes that an instance was put back.
   *
   * @param instance its id.
   * @param snapshot id of the snapshot that it is at now.
   */
  void moveTo(final long instance, final String snapshot) {
    latest.put(instance, snapshot);
  }

  private SnapshotRequest request(
      final Instance instance,
      final int ownerUid,
      final Optional<SnapshotUse> origin,
      final Optional<SnapshotName> name,
      final FreezeMode mode) {
    final long most = MemoryUse.stored(instance.pid());
    return new SnapshotRequest(
        ownerUid,
        instance.reference(),
        name,
        position(instance),
        origin,
        mode == FreezeMode.LIVE ? Math.min(most, expected(instance).orElse(most)) : most,
        most,
        ownFiles(instance));
  }

  /**
   * How much a live snapshot of an instance whose writes are known is likely to store. What it is
   * nobody knows before; if it is more, the kernel says when the store is full.
   */
  private OptionalLong expected(final Instance instance) {
    return Optional.ofNullable(cuts.get(instance.id()))
        .flatMap(cut -> store.lookUp(cut.snapshot()))
        .map(last -> OptionalLong.of(2 * PAGE * last.facts().pagesCopied() + LIKELY_BYTES))
        .orElse(OptionalLong.empty());
  }

  /** The root is an overlay, which answers for the file system that its own files are on. */
  private static long ownFiles(final Instance instance) {
    try (Fd root =
        Fd.open("/proc/" + instance.pid() + "/root", OpenFlags.O_PATH | OpenFlags.O_DIRECTORY)) {
      return FileSystemStatus.of(root).usedBytes();
    }
  }

  private Checkpoint freeze(
      final Instance instance,
      final Draft draft,
      final FreezeMode mode,
      final Optional<Base> base,
      final Consumer<Progress> progress,
      final CallTime time) {
    final long total = MemoryUse.stored(instance.pid());
    final ScheduledFuture<?> ticks =
        ticker.scheduleAtFixedRate(
            () ->
                progress.accept(
                    Progress.newBuilder()
                        .setStage("copying")
                        .setDoneBytes(Math.min(total, draft.usedBytes()))
                        .setTotalBytes(total)
                        .build()),
            PROGRESS_MILLIS,
            PROGRESS_MILLIS,
            TimeUnit.MILLISECONDS);
    frozen.add(instance.id());
    try {
      return checkpointer.take(instance, draft, time.remaining(), mode, base);
    } finally {
      frozen.remove(instance.id());
      ticks.cancel(false);
    }
  }

  private static List<Stage> stages(final Checkpoint checkpoint) {
    return checkpoint.stageNanos().entrySet().stream()
        .map(
            stage ->
                Stage.newBuilder()
                    .setName(stage.getKey().name().toLowerCase(Locale.ROOT))
                    .setUs(stage.getValue() / 1000)
                    .build())
        .toList();
  }

  private static SnapshotReport report(final Checkpoint checkpoint) {
    return SnapshotReport.newBuilder()
        .setMode(checkpoint.roundPages().isEmpty() ? SnapshotMode.STOP : SnapshotMode.LIVE)
        .addAllRoundPages(checkpoint.roundPages())
        .setFrozenPages(checkpoint.frozenPages())
        .setObjectPages(checkpoint.objectPages())
        .setOtherFrozenUs(checkpoint.otherFrozenNanos() / 1000)
        .setDelta(checkpoint.isDelta())
        .build();
  }

  /**
   * Whether a snapshot of an instance is being taken.
   *
   * @param instance its id.
   * @return whether it stands still, or is about to.
   */
  boolean isFrozen(final long instance) {
    return frozen.contains(instance);
  }

  /**
   * How long the stages of a snapshot took.
   *
   * @param snapshot its id.
   * @return empty if it was taken by an earlier daemon.
   */
  List<Stage> stages(final String snapshot) {
    return Optional.ofNullable(taken.get(snapshot)).map(Taken::stages).orElse(List.of());
  }

  /**
   * How a snapshot was taken.
   *
   * @param snapshot its id.
   * @return empty if it was taken by an earlier daemon.
   */
  Optional<SnapshotReport> report(final String snapshot) {
    return Optional.ofNullable(taken.get(snapshot)).map(Taken::report);
  }

  /**
   * Forgets a snapshot that was removed.
   *
   * @param snapshot its id.
   */
  void forgetSnapshot(final String snapshot) {
    taken.remove(snapshot);
  }

  /**
   * Forgets an instance that was removed.
   *
   * @param instance its id.
   */
  void forgetInstance(final long instance) {
    locks.remove(instance);
    latest.remove(instance);
    cuts.remove(instance);
    keyFrames.forget(instance);
    cameFrom.remove(instance);
  }

  @Override
  public void close() {
    ticker.shutdownNow();
  }
}
