package io.vas.api.daemon;

import io.vas.api.StateDirectory;
import io.vas.api.daemon.CompiledSnapshots.Compiled;
import io.vas.api.v1.CheckReply;
import io.vas.api.v1.DaemonInfo;
import io.vas.api.v1.DiffReply;
import io.vas.api.v1.DiffRequest;
import io.vas.api.v1.ExecStart;
import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.ForkRequest;
import io.vas.api.v1.InspectReply;
import io.vas.api.v1.InstanceDetails;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.Progress;
import io.vas.api.v1.RecordRequest;
import io.vas.api.v1.RecorderInfo;
import io.vas.api.v1.RollbackInfo;
import io.vas.api.v1.RollbackRequest;
import io.vas.api.v1.RunRequest;
import io.vas.api.v1.SnapshotDetails;
import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.SnapshotMode;
import io.vas.api.v1.SnapshotRequest;
import io.vas.api.v1.Stage;
import io.vas.api.v1.StoreGcReply;
import io.vas.api.v1.StoreLoadReply;
import io.vas.api.v1.StoreLoadRequest;
import io.vas.api.v1.StoreSaveReply;
import io.vas.api.v1.StoreSaveRequest;
import io.vas.api.v1.StoreStatReply;
import io.vas.api.v1.StoreVerifyReply;
import io.vas.api.v1.TimelineReply;
import io.vas.api.v1.Usage;
import io.vas.core.ConflictException;
import io.vas.core.NotFoundException;
import io.vas.core.VasException;
import io.vas.core.checkpoint.Checkpointer;
import io.vas.core.diff.SnapshotComparison;
import io.vas.core.instance.Instance;
import io.vas.core.instance.Instances;
import io.vas.core.instance.Instances.Start;
import io.vas.core.keeper.FreezeMode;
import io.vas.core.keeper.GuardCounts;
import io.vas.core.keeper.Keeper;
import io.vas.core.keeper.KeeperException;
import io.vas.core.keeper.SpawnReply;
import io.vas.core.linux.Capability;
import io.vas.core.linux.Errno;
import io.vas.core.linux.LinuxException;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.memory.RegionKind;
import io.vas.core.restore.ForkStage;
import io.vas.core.restore.InPlaceRollback;
import io.vas.core.sandbox.ClockOffsets;
import io.vas.core.sandbox.RunSpec;
import io.vas.core.sandbox.VisitSpec;
import io.vas.store.DescriptorHolder;
import io.vas.store.Snapshot;
import io.vas.store.SnapshotName;
import io.vas.store.SnapshotOwner;
import io.vas.store.SnapshotStore;
import io.vas.store.SnapshotUse;
import io.vas.store.StoreConfig;
import io.vas.store.StoreGarbage;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The engine that works on this host: instances of a keeper, snapshots of a store. */
public final class LocalEngine implements Engine {
  private static final Logger LOG = LoggerFactory.getLogger(LocalEngine.class);

  /** The keeper starts instances one after the other; while it does, the next is made ready. */
  private static final int FORK_THREADS = 2;

  private static final long PAGE = 4096;

  private final Keeper keeper;
  private final Instances instances;
  private final SnapshotStore store;
  private final Snapshots snapshots;
  private final Checkpointer checkpointer;
  private final InPlaceRollback inPlace;
  private final Rollbacks rollbacks;
  private final CompiledSnapshots compiled;
  private final Timelines timelines;
  private final WorkCounters counters;
  private final Archives archives;
  private final Recorders recorders = new Recorders(new RecorderWork());
  private final Origins origins = new Origins();

  /** The snapshot that is to be compiled next. */
  private final AtomicReference<Snapshot> ahead = new AtomicReference<>();

  private final ExecutorService workers =
      Executors.newFixedThreadPool(
          FORK_THREADS,
          task -> {
            final Thread thread = new Thread(task, "vas-worker");
            thread.setDaemon(true);
            return thread;
          });

  /**
   * Starts a keeper, or connects to the one that an earlier daemon left, with its instances and
   * snapshots.
   *
   * @param directory where it keeps its files; exists.
   */
  public LocalEngine(final StateDirectory directory) {
    this(directory, "", "");
  }

  /**
   * The same with a store that is set up otherwise.
   *
   * @param directory where it keeps its files; exists.
   * @param storeSize what the store may hold, for example 8g; empty: what {@code VAS_STORE} in the
   *     environment says, or else as before, or half of the memory that is available.
   * @param whenFull name of a {@link io.vas.store.FullPolicy}; empty: what {@code VAS_STORE_FULL}
   *     says, or else as before, or refuse.
   * @throws io.vas.core.InvalidRequestException if one of these is not understood, or there is not
   *     as much memory; nothing is changed then.
   */
  public LocalEngine(
      final StateDirectory directory, final String storeSize, final String whenFull) {
    final StoreConfig config =
        StoreBudget.config(
            directory.path(),
            storeSize.isEmpty() ? System.getenv(StoreBudget.VARIABLE) : storeSize,
            whenFull.isEmpty() ? System.getenv(StoreBudget.FULL_VARIABLE) : whenFull);
    final Optional<Keeper> found = findKeeper(directory.path());
    keeper = found.orElseGet(() -> Keeper.start(directory.path()));
    try {
      instances = new Instances(directory.path(), keeper);
      counters = new WorkCounters(directory.counters());
      store = SnapshotStore.open(config, DescriptorHolder.of(keeper));
    } catch (final RuntimeException e) {
      if (found.isPresent()) {
        keeper.close();
      } else {
        keeper.shutdown();
      }
      throw e;
    }
    checkpointer = new Checkpointer(store.device(RegionKind.HUGE), store.device(RegionKind.SMALL));
    snapshots = new Snapshots(store, checkpointer);
    compiled = new CompiledSnapshots(store);
    inPlace = new InPlaceRollback(checkpointer);
    rollbacks = new Rollbacks(instances, snapshots, compiled, origins, inPlace);
    timelines = new Timelines(store, instances, snapshots::position);
    archives = new Archives(store, timelines);
    recover();
    store.setOwner(new Owner());
    counters.watch(
        new Gauges(
            () -> instances.list().stream().filter(LocalEngine::isRunning).count(),
            recorders::running,
            store,
            GuardCounts.of(keeper)));
    store.limitations().forEach(LOG::warn);
  }

  /** What an earlier daemon knew of its forks: which snapshots they are of, so that those stay. */
  private void recover() {
    final List<Instance> running =
        instances.list().stream().filter(LocalEngine::isRunning).toList();
    snapshots.recover(running);
    for (final Instance instance : running) {
      instance
          .snapshot()
          .flatMap(id -> store.reuse(id, instance.layout().orElse(id)))
          .ifPresent(use -> origins.recover(instance, use));
    }
    store.freeUnused();
    timelines.recover();
    final List<Snapshot> found = store.list();
    instances.list().forEach(instance -> recorders.resume(instance, found));
    LOG.info("{} instances and {} snapshots", instances.list().size(), found.size());
  }

  /** Which snapshots must not be evicted, though nobody uses them in the store. */
  private final class Owner implements SnapshotOwner {
    @Override
    public boolean letGo(final Snapshot snapshot) {
      return !snapshots.isPlace(snapshot.id()) && compiled.letGo(snapshot.id());
    }

    @Override
    public void evicted(final Snapshot snapshot) {
      counters.evicted();
      forget(snapshot.id());
    }

    @Override
    public void laidOut(final Snapshot snapshot) {
      counters.laidOut();
      compiled.forget(snapshot.id());
    }
  }

  /** What recorders do: for people nobody waits, and few of their snapshots are ever forked. */
  private final class RecorderWork implements Recorder.Work {
    @Override
    public Snapshot take(final Instance instance, final int ownerUid, final CallTime time) {
      final Snapshot snapshot =
          LocalEngine.this.take(
              instance, ownerUid, Optional.empty(), FreezeMode.LIVE, step -> {}, time);
      counters.recorded();
      return snapshot;
    }

    @Override
    public void skipped(final long ticks) {
      counters.skipped(ticks);
    }

    @Override
    public void remove(final String snapshot) {
      removeSnapshot(snapshot);
    }

    @Override
    public Optional<String> position(final Instance instance) {
      return snapshots.position(instance);
    }
  }

  /** The keeper of an earlier daemon, which lives on for its instances and its snapshots. */
  private static Optional<Keeper> findKeeper(final Path directory) {
    try {
      final Keeper found = Keeper.connect(directory.resolve(Keeper.SOCKET));
      LOG.info("found the keeper of an earlier daemon, pid {}", found.pid());
      renew(found);
      return Optional.of(found);
    } catch (final LinuxException e) {
      if (e.errno() != Errno.ENOENT && e.errno() != Errno.ECONNREFUSED) {
        throw e;
      }
      return Optional.empty();
    }
  }

  private static void renew(final Keeper keeper) {
    if (keeper.isOfThisBuild()) {
      return;
    }
    try {
      keeper.replace();
      LOG.info("this build's keeper has taken over");
    } catch (final KeeperException e) {
      LOG.warn("the keeper goes on with the program of another build: {}", e.getMessage());
    }
  }

  // ---- who asks

  @Override
  public Engine forCaller(final Caller caller) {
    return caller.isRoot() ? this : new UserEngine(this, caller);
  }

  Optional<Instance> lookUpInstance(final String reference, final Caller caller) {
    return instances.lookUp(reference, instance -> caller.owns(instance.ownerUid()));
  }

  /** By id, name or beginning of an id. */
  Snapshot getSnapshot(final String reference, final Caller caller) {
    return store.get(reference, snapshot -> caller.owns(snapshot.ownerUid()));
  }

  List<Snapshot> listSnapshots(final Caller caller) {
    return store.list().stream().filter(snapshot -> caller.owns(snapshot.ownerUid())).toList();
  }

  Optional<Snapshot> position(final Instance instance, final Caller caller) {
    return snapshots.position(instance, caller);
  }

  // ---- what there is

  @Override
  public CheckReply check() {
    return HostCheck.run();
  }

  @Override
  public CompletableFuture<Void> gone() {
    return keeper.gone();
  }

  @Override
  public void describe(final DaemonInfo.Builder info) {
    info.setKeeperPid(keeper.pid())
        .setInstances((int) instances.list().stream().filter(LocalEngine::isRunning).count())
        .setSnapshots(store.size())
        .setStoreBytes(store.usedBytes())
        .setStoreBudgetBytes(store.budgetBytes());
  }

  @Override
  public List<InstanceInfo> instances(final boolean all) {
    return instances.list().stream()
        .filter(instance -> all || isRunning(instance))
        .map(this::info)
        .toList();
  }

  @Override
  public InspectReply inspect(final String reference) {
    return inspect(reference, Caller.ROOT);
  }

  InspectReply inspect(final String reference, final Caller caller) {
    final Optional<Instance> instance = lookUpInstance(reference, caller);
    return instance.isPresent()
        ? InspectReply.newBuilder().setInstance(details(instance.get(), caller)).build()
        : InspectReply.newBuilder()
            .setSnapshot(details(snapshot(reference, caller), caller))
            .build();
  }

  private InstanceDetails details(final Instance instance, final Caller caller) {
    final InstanceDetails.Builder details =
        Views.details(instance, snapshots.isFrozen(instance.id())).toBuilder();
    recorders
        .info(instance)
        .filter(recorder -> caller.owns(recorder.getOwnerUid()))
        .ifPresent(details::setRecorder);
    details.setUsage(usage(instance, caller));
    origins
        .get(instance.id())
        .filter(origin -> origin.forkMicros() != 0)
        .ifPresent(origin -> details.setForkUs(origin.forkMicros()).addAllStages(origin.stages()));
    return details.build();
  }

  private Usage usage(final Instance instance, final Caller caller) {
    final Usage.Builder usage =
        instance.pid() == 0 ? Usage.newBuilder() : TaskUse.of(instance.pid());
    for (final Snapshot snapshot : listSnapshots(caller)) {
      if (snapshot.instance().equals(instance.reference())) {
        usage
            .setSnapshots(usage.getSnapshots() + 1)
            .setSnapshotBytes(usage.getSnapshotBytes() + snapshot.space().bytes());
      }
    }
    return usage.build();
  }

  private SnapshotDetails details(final Snapshot snapshot, final Caller caller) {
    try (SnapshotUse use = store.use(snapshot.id())) {
      final SnapshotDetails.Builder details =
          Views.details(snapshot, CompiledSnapshots.image(use))
              .addAllStages(snapshots.stages(snapshot.id()));
      snapshots.report(snapshot.id()).ifPresent(details.getInfoBuilder()::setReport);
      instances.list().stream()
          .filter(LocalEngine::isRunning)
          .filter(instance -> caller.owns(instance.ownerUid()))
          .filter(instance -> instance.snapshot().equals(Optional.of(snapshot.id())))
          .forEach(instance -> details.addForks(instance.reference()));
      return details.build();
    }
  }

  private Snapshot snapshot(final String reference, final Caller caller) {
    try {
      return getSnapshot(reference, caller);
    } catch (final NotFoundException e) {
      throw new NotFoundException("there is no instance or snapshot '" + reference + "'", e);
    }
  }

  @Override
  public List<SnapshotInfo> snapshots() {
    return store.list().stream().map(Views::info).toList();
  }

  private InstanceInfo info(final Instance instance) {
    return Views.info(instance, snapshots.isFrozen(instance.id()));
  }

  private static boolean isRunning(final Instance instance) {
    return instance.state() == Instance.State.RUNNING;
  }

  // ---- instances

  @Override
  public InstanceInfo run(final RunRequest request, final CallTime time) {
    return run(request, Caller.ROOT, time);
  }

  /** Starts a command that runs as the caller. */
  InstanceInfo run(final RunRequest request, final Caller caller, final CallTime time) {
    final Set<Capability> capabilities = EnumSet.noneOf(Capability.class);
    request.getAddCapabilitiesList().forEach(name -> capabilities.addAll(Capability.parse(name)));
    final RunSpec spec =
        new RunSpec(
            request.getName(),
            request.getCommandList(),
            request.getEnvironmentMap(),
            request.getWorkingDirectory(),
            capabilities,
            request.getPrivileged(),
            caller.isRoot() ? Optional.empty() : Optional.of(caller.runAs()));
    final Instance instance = instances.run(spec, time.remaining());
    LOG.info("instance {} runs {}", instance, spec.command().get(0));
    return info(instance);
  }

  @Override
  public InstanceLog log(final String instance) {
    final Instance found = instances.find(instance);
    return new InstanceLog(found.logFile(), found.exit());
  }

  @Override
  public Visitor exec(final ExecStart start, final CallTime time) {
    return InstanceVisitor.start(
        instances,
        instances.find(start.getInstance()),
        new VisitSpec(
            start.getCommandList(), start.getEnvironmentMap(), start.getWorkingDirectory()),
        time.remaining());
  }

  @Override
  public InstanceInfo stop(final String instance, final Duration grace, final CallTime time) {
    final Instance found = instances.find(instance);
    final int code = instances.stop(found, grace);
    LOG.info("instance {} stopped with exit code {}", found, code);
    return info(found);
  }

  @Override
  public InstanceInfo kill(final String instance, final int signal) {
    final Instance found = instances.find(instance);
    instances.signal(found, signal);
    return info(found);
  }

  @Override
  public InstanceInfo pause(final String instance) {
    final Instance found = instances.find(instance);
    instances.pause(found);
    LOG.info("instance {} is paused", found);
    return info(found);
  }

  @Override
  public InstanceInfo unpause(final String instance) {
    final Instance found = instances.find(instance);
    instances.resume(found);
    LOG.info("instance {} goes on", found);
    return info(found);
  }

  @Override
  public List<String> remove(
      final List<String> references, final boolean force, final CallTime time) {
    return remove(references, force, Caller.ROOT);
  }

  List<String> remove(final List<String> references, final boolean force, final Caller caller) {
    final Set<Instance> ended = new LinkedHashSet<>();
    final Set<Snapshot> unwanted = new LinkedHashSet<>();
    final List<String> unknown = new ArrayList<>();
    for (final String reference : references) {
      final Optional<Instance> instance = lookUpInstance(reference, caller);
      if (instance.isEmpty()) {
        try {
          unwanted.add(snapshot(reference, caller));
        } catch (final NotFoundException e) {
          unknown.add(reference);
        }
      } else if (!force && isRunning(instance.get())) {
        throw new ConflictException(
            "instance " + instance.get() + " runs; stop it first, or use -f");
      } else {
        ended.add(instance.get());
      }
    }
    if (!unknown.isEmpty()) {
      throw new NotFoundException(
          "there is no instance or snapshot '" + String.join("', '", unknown) + "'");
    }
    final List<String> removed = new ArrayList<>();
    for (final Instance instance : ended) {
      recorders.forget(instance);
      instances.remove(instance, force);
      snapshots.forgetInstance(instance.id());
      removed.add(instance.reference());
    }
    for (final Snapshot snapshot : unwanted) {
      removeSnapshot(snapshot.id());
      removed.add(snapshot.id());
    }
    LOG.info("removed {}", removed);
    return removed;
  }

  private void removeSnapshot(final String id) {
    store.remove(id);
    counters.removed();
    forget(id);
  }

  private void forget(final String id) {
    compiled.forget(id);
    snapshots.forgetSnapshot(id);
    timelines.remove(id);
    recorders.removed(id);
  }

  // ---- snapshots and forks

  @Override
  public SnapshotInfo snapshot(
      final SnapshotRequest request, final Consumer<Progress> progress, final CallTime time) {
    return snapshot(request, Caller.ROOT, progress, time);
  }

  /** Takes a snapshot that belongs to the caller. */
  SnapshotInfo snapshot(
      final SnapshotRequest request,
      final Caller caller,
      final Consumer<Progress> progress,
      final CallTime time) {
    final Optional<SnapshotName> name =
        request.getName().isEmpty()
            ? Optional.empty()
            : Optional.of(SnapshotName.parse(request.getName()));
    final FreezeMode mode =
        request.getMode() == SnapshotMode.STOP ? FreezeMode.STOP : FreezeMode.LIVE;
    final Snapshot snapshot =
        takeAndPrepare(
            instances.find(request.getInstance()), caller.uid(), name, mode, progress, time);
    final SnapshotInfo.Builder info = Views.info(snapshot).toBuilder();
    snapshots.report(snapshot.id()).ifPresent(info::setReport);
    return info.build();
  }

  /** A snapshot that somebody has asked for is likely to be forked. */
  private Snapshot takeAndPrepare(
      final Instance instance,
      final int ownerUid,
      final Optional<SnapshotName> name,
      final FreezeMode mode,
      final Consumer<Progress> progress,
      final CallTime time) {
    final Snapshot snapshot = take(instance, ownerUid, name, mode, progress, time);
    LOG.info(
        "snapshot {} of instance {}: frozen for {} us, {} pages",
        snapshot.label(),
        instance,
        snapshot.facts().frozenMicros(),
        snapshot.facts().pages());
    // The first fork is to be as quick as the next; of many that come quickly, that of the latest.
    if (ahead.getAndSet(snapshot) == null) {
      workers.execute(() -> compileAhead(ahead.getAndSet(null)));
    }
    return snapshot;
  }

  private Snapshot take(
      final Instance instance,
      final int ownerUid,
      final Optional<SnapshotName> name,
      final FreezeMode mode,
      final Consumer<Progress> progress,
      final CallTime time) {
    try {
      final Snapshot snapshot = takeUncounted(instance, ownerUid, name, mode, progress, time);
      counters.taken(snapshot, snapshots.report(snapshot.id()));
      return snapshot;
    } catch (final RuntimeException e) {
      counters.snapshotFailed();
      throw e;
    }
  }

  private Snapshot takeUncounted(
      final Instance instance,
      final int ownerUid,
      final Optional<SnapshotName> name,
      final FreezeMode mode,
      final Consumer<Progress> progress,
      final CallTime time) {
    // Where it comes from a rollback may change, as long as that has the instance.
    return snapshots.exclusively(
        instance, time, () -> takeAlone(instance, ownerUid, name, mode, progress, time));
  }

  private Snapshot takeAlone(
      final Instance instance,
      final int ownerUid,
      final Optional<SnapshotName> name,
      final FreezeMode mode,
      final Consumer<Progress> progress,
      final CallTime time) {
    if (!isRunning(instance)) {
      throw new ConflictException("instance " + instance + " has ended");
    }
    final Optional<SnapshotUse> origin = origins.tell(instance).map(Origins.Origin::use);
    if (origin.isEmpty() && instance.snapshot().isPresent()) {
      throw new VasException(
          "instance " + instance + ": its snapshot " + instance.snapshot().get() + " is gone");
    }
    final Snapshot snapshot =
        snapshots.take(instance, ownerUid, origin, name, mode, progress, time);
    timelines.add(snapshot);
    recorders.added(instance, snapshot);
    return snapshot;
  }

  private void compileAhead(final Snapshot snapshot) {
    try {
      compiled.get(snapshot.id(), MemoryStrategy.MAP).release();
    } catch (final VasException e) {
      LOG.info("snapshot {} is not compiled ahead: {}", snapshot.label(), e.getMessage());
    }
  }

  @Override
  public List<ForkInfo> fork(final ForkRequest request, final CallTime time) {
    return fork(request, Caller.ROOT, time);
  }

  /** Starts instances that belong to the caller. */
  List<ForkInfo> fork(final ForkRequest request, final Caller caller, final CallTime time) {
    try {
      return forkAll(request, caller, time);
    } catch (final RuntimeException e) {
      counters.forkFailed();
      throw e;
    }
  }

  private List<ForkInfo> forkAll(
      final ForkRequest request, final Caller caller, final CallTime time) {
    final MemoryStrategy strategy =
        request.getMemoryStrategy() == io.vas.api.v1.MemoryStrategy.COPY
            ? MemoryStrategy.COPY
            : MemoryStrategy.MAP;
    final Compiled source = compiled.get(sourceOf(request, caller, time), strategy);
    try {
      OftenForked.count(store, source, Math.max(1, request.getCount()));
      return request.getCount() <= 1
          ? List.of(forkOne(source, caller.uid(), request.getName(), startOf(request), time))
          : forkMany(source, request, caller.uid(), time);
    } catch (final VasException e) {
      throw Named.error("snapshot " + source.use().snapshot().label(), e);
    } finally {
      source.release();
    }
  }

  private String sourceOf(final ForkRequest request, final Caller caller, final CallTime time) {
    try {
      return getSnapshot(request.getSource(), caller).id();
    } catch (final NotFoundException e) {
      final Optional<Instance> instance = lookUpInstance(request.getSource(), caller);
      if (instance.isEmpty()) {
        throw new NotFoundException(
            "there is no snapshot or instance '" + request.getSource() + "'", e);
      }
      return takeAndPrepare(
              instance.get(), caller.uid(), Optional.empty(), FreezeMode.LIVE, progress -> {}, time)
          .id();
    }
  }

  private List<ForkInfo> forkMany(
      final Compiled source, final ForkRequest request, final int ownerUid, final CallTime time) {
    final AtomicBoolean failed = new AtomicBoolean();
    final List<Future<Optional<ForkInfo>>> started = new ArrayList<>();
    for (int i = 1; i <= request.getCount(); i++) {
      final String name = request.getName().isEmpty() ? "" : request.getName() + "-" + i;
      started.add(
          workers.submit(() -> forkUnless(failed, source, ownerUid, name, startOf(request), time)));
    }
    final List<ForkInfo> forks = new ArrayList<>();
    VasException failure = null;
    for (final Future<Optional<ForkInfo>> fork : started) {
      try {
        fork.get().ifPresent(forks::add);
      } catch (final ExecutionException e) {
        failure =
            e.getCause() instanceof VasException cause
                ? cause
                : new VasException("a fork failed: " + e.getCause(), e);
      } catch (final InterruptedException e) {
        Thread.currentThread().interrupt();
        failure = new VasException("interrupted", e);
      }
    }
    if (failure != null) {
      undo(forks);
      throw failure;
    }
    return forks;
  }

  private Optional<ForkInfo> forkUnless(
      final AtomicBoolean failed,
      final Compiled source,
      final int ownerUid,
      final String name,
      final Start start,
      final CallTime time) {
    if (failed.get()) {
      return Optional.empty();
    }
    try {
      return Optional.of(forkOne(source, ownerUid, name, start, time));
    } catch (final RuntimeException e) {
      failed.set(true);
      throw e;
    }
  }

  private void undo(final List<ForkInfo> forks) {
    for (final ForkInfo fork : forks) {
      try {
        instances.remove(instances.find(fork.getId()), true);
      } catch (final VasException e) {
        LOG.warn("fork {} is not undone: {}", fork.getId(), e.getMessage());
      }
    }
  }

  private static Start startOf(final ForkRequest request) {
    if (request.getDebugged()) {
      return Start.YIELDED;
    }
    return request.getPaused() ? Start.PAUSED : Start.RUNNING;
  }

  private ForkInfo forkOne(
      final Compiled source,
      final int ownerUid,
      final String name,
      final Start start,
      final CallTime time) {
    final Snapshot snapshot = source.use().snapshot();
    final Instances.Fork fork =
        instances.fork(source.program(), snapshot.id(), ownerUid, name, start, time.remaining());
    final Instance instance = fork.instance();
    final long micros = (fork.reply().releasedNanos() - time.arrivalNanos()) / 1000;
    origins.set(instance, source, micros, stages(fork.reply(), instance.sandbox().clocks(), time));
    counters.forked(micros);
    return ForkInfo.newBuilder()
        .setId(instance.reference())
        .setName(instance.name())
        .setInstance(snapshot.instance())
        .setSnapshot(snapshot.id())
        .setForkUs(micros)
        .setPid(instance.pid())
        .build();
  }

  @Override
  public RollbackInfo rollback(final RollbackRequest request, final CallTime time) {
    try {
      final RollbackInfo info = rollbacks.run(request, time);
      counters.putBack(info);
      return info;
    } catch (final RuntimeException e) {
      counters.rollbackFailed();
      throw e;
    }
  }

  // ---- recordings and timelines

  @Override
  public RecorderInfo record(final RecordRequest request, final CallTime time) {
    return record(request, Caller.ROOT, time);
  }

  /** Begins a recording whose snapshots belong to the caller. */
  RecorderInfo record(final RecordRequest request, final Caller caller, final CallTime time) {
    final Instance instance = instances.find(request.getInstance());
    if (!isRunning(instance)) {
      throw new ConflictException("instance " + instance + " has ended");
    }
    return recorders.begin(instance, request, caller.uid(), time);
  }

  @Override
  public RecorderInfo stopRecording(final String instance, final CallTime time) {
    return recorders.stop(instances.find(instance), time);
  }

  @Override
  public List<RecorderInfo> recorders(final String instance) {
    return instance.isEmpty()
        ? recorders.list()
        : recorders.info(instances.find(instance)).stream().toList();
  }

  @Override
  public TimelineReply timeline(final String instance) {
    return timeline(instance, Caller.ROOT);
  }

  TimelineReply timeline(final String instance, final Caller caller) {
    return timelines.of(instance, caller);
  }

  @Override
  public DiffReply diff(final DiffRequest request) {
    try (SnapshotUse before = store.use(store.get(request.getBefore()).id());
        SnapshotUse after = store.use(store.get(request.getAfter()).id())) {
      return DiffViews.reply(
              new SnapshotComparison(
                      keeper,
                      CompiledSnapshots.image(before),
                      before,
                      CompiledSnapshots.image(after),
                      after,
                      request.getWithBytes())
                  .run())
          .setBefore(before.snapshot().id())
          .setAfter(after.snapshot().id())
          .build();
    }
  }

  @Override
  public StoreStatReply storeStat() {
    return Views.stat(store.status());
  }

  @Override
  public StoreVerifyReply storeVerify(final String snapshot, final Consumer<Progress> progress) {
    return Views.verification(
        store.verify(
            snapshot.isEmpty() ? Optional.empty() : Optional.of(snapshot),
            (done, total) ->
                progress.accept(
                    Progress.newBuilder()
                        .setStage("reading")
                        .setDoneBytes(done * PAGE)
                        .setTotalBytes(total * PAGE)
                        .build())));
  }

  @Override
  public StoreGcReply storeGc() {
    final StoreGarbage garbage = store.collectGarbage();
    return StoreGcReply.newBuilder()
        .setFreedPageBytes(garbage.pageBytes())
        .setFreedLayerBytes(garbage.layerBytes())
        .setFreedMetadataBytes(garbage.metadataBytes())
        .setFreedWarmBytes(garbage.warmBytes())
        .build();
  }

  @Override
  public StoreSaveReply storeSave(
      final StoreSaveRequest request, final Consumer<Progress> progress) {
    return archives.save(request, progress);
  }

  @Override
  public StoreLoadReply storeLoad(
      final StoreLoadRequest request, final Consumer<Progress> progress) {
    return archives.load(request, progress);
  }

  private static List<Stage> stages(
      final SpawnReply reply, final ClockOffsets clocks, final CallTime time) {
    final List<Stage> stages = new ArrayList<>();
    stages.add(stage("request", reply.receivedNanos() - time.arrivalNanos()));
    ForkStage.nanos(reply, clocks)
        .forEach((part, nanos) -> stages.add(stage(part.name().toLowerCase(Locale.ROOT), nanos)));
    stages.add(stage("release", reply.releasedNanos() - reply.readyNanos()));
    return stages;
  }

  private static Stage stage(final String name, final long nanos) {
    return Stage.newBuilder().setName(name).setUs(nanos / 1000).build();
  }

  @Override
  public void close() {
    // Of instances that ended with a keeper that was lost, the logs stay.
    final boolean endsInstances = !keeper.gone().isDone();
    workers.shutdownNow();
    recorders.close();
    counters.unwatch();
    try {
      snapshots.close();
      compiled.close();
      store.close();
    } finally {
      try {
        keeper.shutdown();
        if (endsInstances) {
          instances.clear();
        }
        origins.close();
      } finally {
        inPlace.close();
        checkpointer.close();
        counters.close();
      }
    }
  }
}
