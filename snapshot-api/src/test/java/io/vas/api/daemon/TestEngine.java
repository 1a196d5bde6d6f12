package io.vas.api.daemon;

import io.vas.api.v1.CheckReply;
import io.vas.api.v1.DaemonInfo;
import io.vas.api.v1.DamagedSnapshot;
import io.vas.api.v1.DiffReply;
import io.vas.api.v1.DiffRequest;
import io.vas.api.v1.ExecStart;
import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.ForkRequest;
import io.vas.api.v1.InspectReply;
import io.vas.api.v1.InstanceDetails;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.InstanceState;
import io.vas.api.v1.Progress;
import io.vas.api.v1.RecordRequest;
import io.vas.api.v1.RecorderInfo;
import io.vas.api.v1.RecordingEnd;
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
import io.vas.core.NotFoundException;
import io.vas.core.VasException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * An engine without instances, for tests of what lies above it. It knows one instance, "web", whose
 * log and end the test decides.
 */
public final class TestEngine implements Engine {
  /** The id of "web". */
  public static final String ID = "0123456789ab";

  /** What was removed. */
  public final List<String> removed = new CopyOnWriteArrayList<>();

  /** Completed by the test when "web" is to end. */
  public final CompletableFuture<Integer> exit = new CompletableFuture<>();

  /** Counted down when a fork has begun. */
  public final CountDownLatch forking = new CountDownLatch(1);

  /** Counted down by the test when a fork is to go on. */
  public final CountDownLatch mayFork = new CountDownLatch(1);

  /** Completed by the test when the engine is to be of no use any more. */
  public final CompletableFuture<Void> gone = new CompletableFuture<>();

  private final Path log;
  private volatile Caller caller;
  private volatile CallTime time;
  private volatile VasException failure;
  private volatile boolean closed;

  TestEngine(final Path log) {
    this.log = log;
  }

  /**
   * Makes one.
   *
   * @param log of "web".
   * @return the engine; its forks do not wait.
   */
  public static TestEngine ready(final Path log) {
    final TestEngine engine = new TestEngine(log);
    engine.mayFork.countDown();
    return engine;
  }

  /**
   * Lets all calls fail.
   *
   * @param error to be thrown.
   */
  public void failWith(final VasException error) {
    failure = error;
  }

  Caller caller() {
    return caller;
  }

  CallTime time() {
    return time;
  }

  boolean isClosed() {
    return closed;
  }

  private void entered(final CallTime callTime) {
    time = callTime;
    if (failure != null) {
      throw failure;
    }
  }

  private static void known(final String reference) {
    if (!reference.equals("web") && !reference.equals(ID)) {
      throw new NotFoundException("no instance or snapshot '" + reference + "'");
    }
  }

  private static InstanceInfo.Builder web() {
    return InstanceInfo.newBuilder()
        .setId(ID)
        .setName("web")
        .setState(InstanceState.RUNNING)
        .setPid(4711)
        .addCommand("sleep")
        .addCommand("it's \"long\"")
        .setCreatedUnixUs(1_000_000);
  }

  @Override
  public Engine forCaller(final Caller newCaller) {
    caller = newCaller;
    return this;
  }

  @Override
  public CheckReply check() {
    return CheckReply.newBuilder().setUsable(true).build();
  }

  @Override
  public void describe(final DaemonInfo.Builder info) {
    info.setInstances(1).setKeeperPid(99);
  }

  @Override
  public InstanceInfo run(final RunRequest request, final CallTime callTime) {
    entered(callTime);
    return web().clearCommand().addAllCommand(request.getCommandList()).build();
  }

  @Override
  public List<InstanceInfo> instances(final boolean all) {
    final List<InstanceInfo> instances = new ArrayList<>(List.of(web().build()));
    if (all) {
      instances.add(
          web()
              .setId("f00")
              .setName("old")
              .setState(InstanceState.EXITED)
              .setExitCode(137)
              .build());
    }
    return instances;
  }

  @Override
  public InspectReply inspect(final String reference) {
    known(reference);
    return InspectReply.newBuilder()
        .setInstance(InstanceDetails.newBuilder().setInfo(web()).putEnvironment("A", "b"))
        .build();
  }

  @Override
  public InstanceLog log(final String instance) {
    known(instance);
    return new InstanceLog(log, exit);
  }

  @Override
  public Visitor exec(final ExecStart start, final CallTime callTime) {
    entered(callTime);
    known(start.getInstance());
    return ProcessVisitor.start(start.getCommandList());
  }

  @Override
  public InstanceInfo stop(final String instance, final Duration grace, final CallTime callTime) {
    entered(callTime);
    known(instance);
    exit.complete(143);
    return web().setState(InstanceState.EXITED).setExitCode(143).build();
  }

  @Override
  public InstanceInfo kill(final String instance, final int signal) {
    known(instance);
    return web().build();
  }

  @Override
  public InstanceInfo pause(final String instance) {
    known(instance);
    return web().setState(InstanceState.PAUSED).build();
  }

  @Override
  public InstanceInfo unpause(final String instance) {
    known(instance);
    return web().build();
  }

  @Override
  public List<String> remove(
      final List<String> references, final boolean force, final CallTime callTime) {
    removed.addAll(references);
    return references;
  }

  @Override
  public SnapshotInfo snapshot(
      final SnapshotRequest request, final Consumer<Progress> progress, final CallTime callTime) {
    entered(callTime);
    known(request.getInstance());
    progress.accept(Progress.newBuilder().setStage("copying").setDoneBytes(1).build());
    return SnapshotInfo.newBuilder()
        .setId("5a5a")
        .setName(request.getName())
        .setInstance(ID)
        .setFrozenUs(1500)
        .setTotalUs(2500)
        .setPages(3)
        .setPagesCopied(2)
        .setBytes(12288)
        .build();
  }

  @Override
  public List<SnapshotInfo> snapshots() {
    return List.of();
  }

  @Override
  public List<ForkInfo> fork(final ForkRequest request, final CallTime callTime) {
    entered(callTime);
    forking.countDown();
    try {
      if (!mayFork.await(10, TimeUnit.SECONDS)) {
        throw new VasException("the test does not let it fork");
      }
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    final List<ForkInfo> forks = new ArrayList<>();
    for (int i = 0; i < Math.max(1, request.getCount()); i++) {
      forks.add(
          ForkInfo.newBuilder()
              .setId("f" + i)
              .setInstance(ID)
              .setSnapshot("5a5a")
              .setForkUs(1400 + i)
              .build());
    }
    return forks;
  }

  @Override
  public StoreStatReply storeStat() {
    return StoreStatReply.newBuilder().setBudgetBytes(1 << 30).setUsedBytes(1 << 20).build();
  }

  @Override
  public StoreVerifyReply storeVerify(final String snapshot, final Consumer<Progress> progress) {
    progress.accept(Progress.newBuilder().setStage("reading").setTotalBytes(2).build());
    return StoreVerifyReply.newBuilder()
        .setSnapshots(2)
        .setPages(1000)
        .addDamaged(
            DamagedSnapshot.newBuilder().setId("0123456789ab").setName("a:b").setDamage("page 0x0"))
        .build();
  }

  @Override
  public StoreSaveReply storeSave(
      final StoreSaveRequest request, final Consumer<Progress> progress) {
    progress.accept(Progress.newBuilder().setStage("saving").setTotalBytes(2).build());
    return StoreSaveReply.newBuilder()
        .setDirectory(request.getDirectory())
        .addSnapshots(SnapshotInfo.newBuilder().setId("0123456789ab").setName("a:b"))
        .setBytes(8192)
        .setFileBytes(4096)
        .build();
  }

  @Override
  public StoreLoadReply storeLoad(
      final StoreLoadRequest request, final Consumer<Progress> progress) {
    progress.accept(Progress.newBuilder().setStage("loading").setTotalBytes(2).build());
    return StoreLoadReply.newBuilder()
        .addSnapshots(SnapshotInfo.newBuilder().setId("0123456789ab").setPages(2))
        .addPresent("ba9876543210")
        .setBytes(8192)
        .build();
  }

  @Override
  public StoreGcReply storeGc() {
    return StoreGcReply.newBuilder().setFreedPageBytes(4096).build();
  }

  @Override
  public RollbackInfo rollback(final RollbackRequest request, final CallTime callTime) {
    entered(callTime);
    known(request.getInstance());
    return RollbackInfo.newBuilder()
        .setInstance(ID)
        .setSnapshot("5a5a")
        .setFrozenUs(900)
        .setPagesRestored(12)
        .setInPlace(!request.getKeepConnections())
        .build();
  }

  @Override
  public RecorderInfo record(final RecordRequest request, final CallTime callTime) {
    entered(callTime);
    known(request.getInstance());
    return RecorderInfo.newBuilder()
        .setInstance(ID)
        .setName("web")
        .setEveryUs(request.getEveryUs())
        .setKeep(request.getKeep())
        .setTaken(1)
        .build();
  }

  @Override
  public RecorderInfo stopRecording(final String instance, final CallTime callTime) {
    entered(callTime);
    known(instance);
    return RecorderInfo.newBuilder()
        .setInstance(ID)
        .setName("web")
        .setEveryUs(100_000)
        .setTaken(7)
        .setEnd(RecordingEnd.ASKED_TO_STOP)
        .setReason("stopped")
        .build();
  }

  @Override
  public List<RecorderInfo> recorders(final String instance) {
    return List.of();
  }

  @Override
  public TimelineReply timeline(final String instance) {
    known(instance);
    return TimelineReply.newBuilder().setInstance(ID).build();
  }

  @Override
  public DiffReply diff(final DiffRequest request) {
    return DiffReply.newBuilder().setBefore("5a5a").setAfter("6b6b").build();
  }

  @Override
  public CompletableFuture<Void> gone() {
    return gone.copy();
  }

  @Override
  public void close() {
    closed = true;
  }
}
