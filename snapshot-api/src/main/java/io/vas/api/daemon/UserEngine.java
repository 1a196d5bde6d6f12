package io.vas.api.daemon;

import io.vas.api.v1.CheckReply;
import io.vas.api.v1.DaemonInfo;
import io.vas.api.v1.DiffReply;
import io.vas.api.v1.DiffRequest;
import io.vas.api.v1.ExecStart;
import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.ForkRequest;
import io.vas.api.v1.InspectReply;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.Progress;
import io.vas.api.v1.RecordRequest;
import io.vas.api.v1.RecorderInfo;
import io.vas.api.v1.RollbackInfo;
import io.vas.api.v1.RollbackRequest;
import io.vas.api.v1.RunRequest;
import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.SnapshotRequest;
import io.vas.api.v1.StoreGcReply;
import io.vas.api.v1.StoreLoadReply;
import io.vas.api.v1.StoreLoadRequest;
import io.vas.api.v1.StoreSaveReply;
import io.vas.api.v1.StoreSaveRequest;
import io.vas.api.v1.StoreStatReply;
import io.vas.api.v1.StoreVerifyReply;
import io.vas.api.v1.TimelineReply;
import io.vas.core.ConflictException;
import io.vas.core.ForbiddenException;
import io.vas.core.NotFoundException;
import io.vas.core.instance.Instance;
import io.vas.store.Snapshot;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * What the engine does for a caller who is not root: all rules of who may do what are here.
 *
 * <p>References are looked up among what is the caller's, and go on as whole ids, which mean
 * nothing else. So what is another's is not found in the same way as what is not there.
 */
final class UserEngine implements Engine {
  private final LocalEngine engine;
  private final Caller caller;

  /**
   * The view of one caller.
   *
   * @param engine of all.
   * @param caller who is not root.
   */
  UserEngine(final LocalEngine engine, final Caller caller) {
    this.engine = engine;
    this.caller = caller;
  }

  private Instance instance(final String reference) {
    return engine
        .lookUpInstance(reference, caller)
        .orElseThrow(() -> new NotFoundException("there is no instance " + reference));
  }

  private String id(final String instance) {
    return instance(instance).reference();
  }

  private String snapshotId(final String reference) {
    return engine.getSnapshot(reference, caller).id();
  }

  @Override
  public Engine forCaller(final Caller other) {
    return engine.forCaller(other);
  }

  @Override
  public CheckReply check() {
    return engine.check();
  }

  @Override
  public void describe(final DaemonInfo.Builder info) {
    engine.describe(info);
    info.setInstances(instances(false).size()).setSnapshots(engine.listSnapshots(caller).size());
  }

  @Override
  public InstanceInfo run(final RunRequest request, final CallTime time) {
    if (request.getPrivileged() || request.getAddCapabilitiesCount() > 0) {
      throw new ForbiddenException(
          "only root may use --privileged and --cap-add; your commands run as you, without"
              + " capabilities");
    }
    return engine.run(request, caller, time);
  }

  @Override
  public List<InstanceInfo> instances(final boolean all) {
    return engine.instances(all).stream()
        .filter(instance -> caller.owns(instance.getOwnerUid()))
        .toList();
  }

  @Override
  public InspectReply inspect(final String reference) {
    return engine.inspect(reference, caller);
  }

  @Override
  public InstanceLog log(final String instance) {
    return engine.log(id(instance));
  }

  @Override
  public Visitor exec(final ExecStart start, final CallTime time) {
    return engine.exec(start.toBuilder().setInstance(id(start.getInstance())).build(), time);
  }

  @Override
  public InstanceInfo stop(final String instance, final Duration grace, final CallTime time) {
    return engine.stop(id(instance), grace, time);
  }

  @Override
  public InstanceInfo kill(final String instance, final int signal) {
    return engine.kill(id(instance), signal);
  }

  @Override
  public InstanceInfo pause(final String instance) {
    return engine.pause(id(instance));
  }

  @Override
  public InstanceInfo unpause(final String instance) {
    return engine.unpause(id(instance));
  }

  @Override
  public List<String> remove(
      final List<String> references, final boolean force, final CallTime time) {
    return engine.remove(references, force, caller);
  }

  @Override
  public SnapshotInfo snapshot(
      final SnapshotRequest request, final Consumer<Progress> progress, final CallTime time) {
    return engine.snapshot(
        request.toBuilder().setInstance(id(request.getInstance())).build(), caller, progress, time);
  }

  @Override
  public List<SnapshotInfo> snapshots() {
    return engine.listSnapshots(caller).stream().map(Views::info).toList();
  }

  @Override
  public List<ForkInfo> fork(final ForkRequest request, final CallTime time) {
    return engine.fork(request, caller, time);
  }

  @Override
  public RollbackInfo rollback(final RollbackRequest request, final CallTime time) {
    final Instance instance = instance(request.getInstance());
    final String snapshot =
        request.getSnapshot().isEmpty()
            ? engine
                .position(instance, caller)
                .map(Snapshot::id)
                .orElseThrow(
                    () -> new NotFoundException("instance " + instance + " has no snapshot"))
            : snapshotId(request.getSnapshot());
    return engine.rollback(
        request.toBuilder().setInstance(instance.reference()).setSnapshot(snapshot).build(), time);
  }

  @Override
  public RecorderInfo record(final RecordRequest request, final CallTime time) {
    final Instance instance = instance(request.getInstance());
    refuseOthersRecorder(instance);
    return engine.record(
        request.toBuilder().setInstance(instance.reference()).build(), caller, time);
  }

  @Override
  public RecorderInfo stopRecording(final String instance, final CallTime time) {
    final Instance found = instance(instance);
    refuseOthersRecorder(found);
    return engine.stopRecording(found.reference(), time);
  }

  /** Root may record what belongs to others. */
  private void refuseOthersRecorder(final Instance instance) {
    for (final RecorderInfo recorder : engine.recorders(instance.reference())) {
      if (Recorders.isRecording(recorder) && !caller.owns(recorder.getOwnerUid())) {
        throw new ConflictException("instance " + instance + " is being recorded by root");
      }
    }
  }

  @Override
  public List<RecorderInfo> recorders(final String instance) {
    return engine.recorders(instance.isEmpty() ? "" : id(instance)).stream()
        .filter(recorder -> caller.owns(recorder.getOwnerUid()))
        .toList();
  }

  @Override
  public TimelineReply timeline(final String instance) {
    return engine.timeline(instance, caller);
  }

  @Override
  public DiffReply diff(final DiffRequest request) {
    return engine.diff(
        request.toBuilder()
            .setBefore(snapshotId(request.getBefore()))
            .setAfter(snapshotId(request.getAfter()))
            .build());
  }

  @Override
  public StoreStatReply storeStat() {
    final Set<String> own =
        engine.listSnapshots(caller).stream().map(Snapshot::id).collect(Collectors.toSet());
    final StoreStatReply all = engine.storeStat();
    return all.toBuilder()
        .clearSnapshots()
        .addAllSnapshots(
            all.getSnapshotsList().stream()
                .filter(snapshot -> own.contains(snapshot.getId()))
                .toList())
        .build();
  }

  @Override
  public StoreVerifyReply storeVerify(final String snapshot, final Consumer<Progress> progress) {
    if (snapshot.isEmpty()) {
      caller.requireRoot(
          "verify the whole store", "vas store verify SNAPSHOT reads one of yours back");
    }
    return engine.storeVerify(snapshotId(snapshot), progress);
  }

  @Override
  public StoreGcReply storeGc() {
    caller.requireRoot("collect the store's garbage", "vas store stat says how full it is");
    return engine.storeGc();
  }

  @Override
  public StoreSaveReply storeSave(
      final StoreSaveRequest request, final Consumer<Progress> progress) {
    caller.requireRoot("save snapshots", "yours stay as long as the daemon does");
    return engine.storeSave(request, progress);
  }

  @Override
  public StoreLoadReply storeLoad(
      final StoreLoadRequest request, final Consumer<Progress> progress) {
    caller.requireRoot("load snapshots", "what root loads belongs to whom it belonged to");
    return engine.storeLoad(request, progress);
  }

  @Override
  public CompletableFuture<Void> gone() {
    return engine.gone();
  }

  /** Ends nothing: the engine is others', too. */
  @Override
  public void close() {}
}
