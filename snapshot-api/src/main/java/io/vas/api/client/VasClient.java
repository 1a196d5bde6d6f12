package io.vas.api.client;

import com.google.protobuf.ByteString;
import io.grpc.StatusRuntimeException;
import io.vas.api.StateDirectory;
import io.vas.api.v1.CheckReply;
import io.vas.api.v1.CheckRequest;
import io.vas.api.v1.DaemonInfo;
import io.vas.api.v1.DiffReply;
import io.vas.api.v1.DiffRequest;
import io.vas.api.v1.ExecStart;
import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.ForkRequest;
import io.vas.api.v1.InfoRequest;
import io.vas.api.v1.InspectReply;
import io.vas.api.v1.InspectRequest;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.KillRequest;
import io.vas.api.v1.LogChunk;
import io.vas.api.v1.LogsRequest;
import io.vas.api.v1.PauseRequest;
import io.vas.api.v1.Progress;
import io.vas.api.v1.PsRequest;
import io.vas.api.v1.RecordRequest;
import io.vas.api.v1.RecorderInfo;
import io.vas.api.v1.RecordersRequest;
import io.vas.api.v1.RmRequest;
import io.vas.api.v1.RollbackInfo;
import io.vas.api.v1.RollbackRequest;
import io.vas.api.v1.RunRequest;
import io.vas.api.v1.ShutdownRequest;
import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.SnapshotRequest;
import io.vas.api.v1.SnapshotUpdate;
import io.vas.api.v1.SnapshotsRequest;
import io.vas.api.v1.StopRecordingRequest;
import io.vas.api.v1.StopRequest;
import io.vas.api.v1.StoreGcReply;
import io.vas.api.v1.StoreGcRequest;
import io.vas.api.v1.StoreLoadReply;
import io.vas.api.v1.StoreLoadRequest;
import io.vas.api.v1.StoreLoadUpdate;
import io.vas.api.v1.StoreSaveReply;
import io.vas.api.v1.StoreSaveRequest;
import io.vas.api.v1.StoreSaveUpdate;
import io.vas.api.v1.StoreStatReply;
import io.vas.api.v1.StoreStatRequest;
import io.vas.api.v1.StoreVerifyReply;
import io.vas.api.v1.StoreVerifyRequest;
import io.vas.api.v1.StoreVerifyUpdate;
import io.vas.api.v1.TimelineReply;
import io.vas.api.v1.TimelineRequest;
import io.vas.api.v1.UnpauseRequest;
import io.vas.api.v1.VasGrpc;
import io.vas.api.v1.WaitRequest;
import io.vas.api.wire.Errors;
import io.vas.api.wire.OwnUser;
import io.vas.api.wire.SocketProbe;
import io.vas.core.ForbiddenException;
import io.vas.core.VasException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;

/**
 * A connection to the daemon: one method for each verb.
 *
 * <p>May be used by many threads at once. Errors of the daemon are thrown as the {@link
 * VasException}s they were there: {@link io.vas.core.NotFoundException}, {@link
 * io.vas.core.ConflictException}, {@link io.vas.core.InvalidRequestException}, {@link
 * io.vas.core.UnsupportedException}, {@link io.vas.core.DeadlineException}, {@link
 * io.vas.core.StoreFullException}, {@link ForbiddenException}.
 *
 * <pre>{@code
 * try (VasClient vas = VasClient.connectOrStart(StateDirectory.fromEnvironment())) {
 *   SnapshotInfo snapshot = vas.snapshot("web", "web:warm");
 *   List<ForkInfo> forks = vas.fork("web:warm", 20);
 * }
 * }</pre>
 */
public final class VasClient implements AutoCloseable {
  private final Connection connection;
  private final Duration timeout;

  private VasClient(final Connection connection, final Duration timeout) {
    this.connection = connection;
    this.timeout = timeout;
  }

  /**
   * Connects to a running daemon.
   *
   * @param directory the daemon's.
   * @return the connection.
   * @throws VasException if no daemon serves there.
   */
  public static VasClient connect(final StateDirectory directory) {
    if (!SocketProbe.accepts(directory.socket())) {
      requireRoot(directory);
      throw new VasException(
          "no daemon serves " + directory.socket() + "; vas daemon, or any command, starts one");
    }
    return new VasClient(new Connection(directory.socket()), null);
  }

  /**
   * Connects to the daemon, which is started if it does not run. The environment variable {@code
   * VAS_HOME} or the system property {@code vas.home} must name the directory of the program {@code
   * vas} for that.
   *
   * @param directory the daemon's.
   * @return the connection.
   * @throws io.vas.core.ForbiddenException if this process is not root's, and is not let in or
   *     would have to start one.
   * @throws VasException if none can be started; with what it said.
   */
  public static VasClient connectOrStart(final StateDirectory directory) {
    if (!SocketProbe.accepts(directory.socket())) {
      requireRoot(directory);
      DaemonLauncher.start(directory);
    }
    return new VasClient(new Connection(directory.socket()), null);
  }

  /** Others than root can do nothing about a daemon that does not answer them. */
  private static void requireRoot(final StateDirectory directory) {
    if (OwnUser.isRoot()) {
      return;
    }
    final Path socket = directory.socket();
    final boolean closed =
        (Files.isDirectory(directory.path()) && !Files.isExecutable(directory.path()))
            || (Files.exists(socket) && !Files.isWritable(socket));
    throw new ForbiddenException(
        closed
            ? "you are not let in to "
                + socket
                + ": it is root's alone, unless root starts the daemon by vas daemon --group GROUP"
                + " with a group that you are in"
            : "no daemon serves "
                + socket
                + ", and only root can start one: vas daemon --group GROUP lets a group in");
  }

  /**
   * The same connection, with a limit for each call. What a call has begun when its time runs out
   * is undone.
   *
   * @param limit more than zero, counted from the call.
   * @return a client that need not be closed.
   */
  public VasClient withTimeout(final Duration limit) {
    return new VasClient(connection, limit);
  }

  /**
   * Who serves.
   *
   * @return the daemon's facts.
   */
  public DaemonInfo info() {
    return call("info", () -> stub().info(InfoRequest.getDefaultInstance()));
  }

  /** Ends the daemon and all instances. Returns when the daemon has begun to end. */
  public void shutdown() {
    call("shutdown", () -> stub().shutdown(ShutdownRequest.getDefaultInstance()));
  }

  /**
   * What the kernel offers.
   *
   * @return the findings.
   */
  public CheckReply check() {
    return call("check", () -> stub().check(CheckRequest.getDefaultInstance()));
  }

  /**
   * Starts an instance.
   *
   * @param request what to run.
   * @return the running instance.
   */
  public InstanceInfo run(final RunRequest request) {
    return call(("run " + request.getName()).strip(), () -> stub().run(request));
  }

  /**
   * Starts an instance.
   *
   * @param name of the instance; empty: one is made up.
   * @param command to run.
   * @return the running instance.
   */
  public InstanceInfo run(final String name, final List<String> command) {
    return run(RunRequest.newBuilder().setName(name).addAllCommand(command).build());
  }

  /**
   * The instances.
   *
   * @param all those that have ended, too.
   * @return oldest first.
   */
  public List<InstanceInfo> ps(final boolean all) {
    return call("ps", () -> stub().ps(PsRequest.newBuilder().setAll(all).build()))
        .getInstancesList();
  }

  /**
   * All there is to know about an instance or a snapshot.
   *
   * @param reference an id, the beginning of one, or a name.
   * @return one or the other.
   */
  public InspectReply inspect(final String reference) {
    return call(
        "inspect " + reference,
        () -> stub().inspect(InspectRequest.newBuilder().setReference(reference).build()));
  }

  /**
   * Reads what an instance wrote.
   *
   * @param request of which, and whether to go on until it has ended.
   * @param out takes it.
   * @throws IOException if {@code out} does not take it.
   */
  public void logs(final LogsRequest request, final OutputStream out) throws IOException {
    final String what = "logs " + request.getInstance();
    try {
      final Iterator<LogChunk> chunks = stub().logs(request);
      while (chunks.hasNext()) {
        chunks.next().getData().writeTo(out);
        out.flush();
      }
    } catch (final StatusRuntimeException e) {
      throw Errors.toException(e, what);
    }
  }

  /**
   * Waits until an instance has ended.
   *
   * @param instance its reference.
   * @return its exit code, or 128 plus the signal that ended it.
   */
  public int waitFor(final String instance) {
    return call(
            "wait for " + instance,
            () -> stub().wait(WaitRequest.newBuilder().setInstance(instance).build()))
        .getExitCode();
  }

  /**
   * Runs a command in an instance, without input.
   *
   * @param instance its reference.
   * @param command to run.
   * @return what it wrote and how it ended.
   */
  public ExecResult exec(final String instance, final String... command) {
    return exec(
        ExecStart.newBuilder().setInstance(instance).addAllCommand(List.of(command)).build(), null);
  }

  /**
   * Runs a command in an instance and keeps what it writes.
   *
   * @param start what to run and where.
   * @param in its standard input; null: none.
   * @return what it wrote and how it ended.
   */
  public ExecResult exec(final ExecStart start, final InputStream in) {
    final ByteString.Output out = ByteString.newOutput();
    final ByteString.Output err = ByteString.newOutput();
    final ExecStream stream = new ExecStream();
    final int exitCode = exec(stream, start, in, out, err);
    return new ExecResult(stream.pid(), exitCode, out.toByteString(), err.toByteString());
  }

  /**
   * Runs a command in an instance and passes its streams on.
   *
   * @param start what to run and where.
   * @param in its standard input; null: none. Read by a thread that may outlive the call by one
   *     read.
   * @param out takes its standard output.
   * @param err takes its standard error.
   * @return its exit code, or 128 plus the signal that ended it.
   */
  public int exec(
      final ExecStart start, final InputStream in, final OutputStream out, final OutputStream err) {
    return exec(new ExecStream(), start, in, out, err);
  }

  private int exec(
      final ExecStream stream,
      final ExecStart start,
      final InputStream in,
      final OutputStream out,
      final OutputStream err) {
    VasGrpc.VasStub stub = VasGrpc.newStub(connection.channel());
    if (timeout != null) {
      stub = stub.withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS);
    }
    final String what = "exec in " + start.getInstance();
    return stream.run(stub, start, in, out, err, e -> Errors.toException(e, what));
  }

  /**
   * Ends an instance: SIGTERM, and SIGKILL after the grace period.
   *
   * @param instance its reference.
   * @param grace zero: SIGKILL at once.
   * @return the ended instance.
   */
  public InstanceInfo stop(final String instance, final Duration grace) {
    return call(
        "stop " + instance,
        () ->
            stub()
                .stop(
                    StopRequest.newBuilder()
                        .setInstance(instance)
                        .setGraceMs(grace.toMillis())
                        .build()));
  }

  /**
   * Sends a signal to an instance's command.
   *
   * @param instance its reference.
   * @param signal 1 to 64.
   * @return the instance.
   */
  public InstanceInfo kill(final String instance, final int signal) {
    return call(
        "kill " + instance,
        () ->
            stub().kill(KillRequest.newBuilder().setInstance(instance).setSignal(signal).build()));
  }

  /**
   * Lets an instance stand still, which it does not notice.
   *
   * @param instance its reference.
   * @return the instance.
   */
  public InstanceInfo pause(final String instance) {
    return call(
        "pause " + instance,
        () -> stub().pause(PauseRequest.newBuilder().setInstance(instance).build()));
  }

  /**
   * Lets a paused instance go on.
   *
   * @param instance its reference.
   * @return the instance.
   */
  public InstanceInfo unpause(final String instance) {
    return call(
        "unpause " + instance,
        () -> stub().unpause(UnpauseRequest.newBuilder().setInstance(instance).build()));
  }

  /**
   * Removes ended instances, and snapshots.
   *
   * @param references of either.
   * @param force ends running instances first.
   * @return the ids of what was removed.
   */
  public List<String> rm(final List<String> references, final boolean force) {
    return call(
            "rm " + String.join(" ", references),
            () ->
                stub()
                    .rm(
                        RmRequest.newBuilder()
                            .addAllReferences(references)
                            .setForce(force)
                            .build()))
        .getRemovedList();
  }

  /**
   * Snapshots an instance.
   *
   * @param instance its reference.
   * @param name {@code name:tag}; empty: none.
   * @return the snapshot.
   */
  public SnapshotInfo snapshot(final String instance, final String name) {
    return snapshot(
        SnapshotRequest.newBuilder().setInstance(instance).setName(name).build(), progress -> {});
  }

  /**
   * Snapshots an instance.
   *
   * @param request of which, and how.
   * @param listener is told how far it is, by this thread.
   * @return the snapshot.
   */
  public SnapshotInfo snapshot(final SnapshotRequest request, final Consumer<Progress> listener) {
    return call(
        "snapshot " + request.getInstance(),
        () ->
            last(
                "snapshot " + request.getInstance(),
                stub().snapshot(request),
                SnapshotUpdate::hasResult,
                SnapshotUpdate::getResult,
                SnapshotUpdate::getProgress,
                listener));
  }

  /** The result of long work; before that it tells how far it is. */
  private static <U, R> R last(
      final String what,
      final Iterator<U> updates,
      final Predicate<U> hasResult,
      final Function<U, R> result,
      final Function<U, Progress> progress,
      final Consumer<Progress> listener) {
    R found = null;
    while (updates.hasNext()) {
      final U update = updates.next();
      if (hasResult.test(update)) {
        found = result.apply(update);
      } else {
        listener.accept(progress.apply(update));
      }
    }
    if (found == null) {
      throw new VasException(what + ": no result was sent");
    }
    return found;
  }

  /**
   * The snapshots.
   *
   * @return oldest first.
   */
  public List<SnapshotInfo> snapshots() {
    return call("snapshots", () -> stub().snapshots(SnapshotsRequest.getDefaultInstance()))
        .getSnapshotsList();
  }

  /**
   * Starts new instances from a snapshot.
   *
   * @param source a snapshot, or an instance, which is snapshotted first.
   * @param count 1 to 1000.
   * @return the new instances.
   */
  public List<ForkInfo> fork(final String source, final int count) {
    return fork(ForkRequest.newBuilder().setSource(source).setCount(count).build());
  }

  /**
   * Starts new instances from a snapshot.
   *
   * @param request from which, how many, and how.
   * @return the new instances.
   */
  public List<ForkInfo> fork(final ForkRequest request) {
    return call("fork " + request.getSource(), () -> stub().fork(request)).getForksList();
  }

  /**
   * Puts an instance back to a snapshot.
   *
   * @param instance its reference.
   * @param snapshot one of its own, or one that it comes from; empty: the latest, or the one that
   *     it was last put back to.
   * @return what was done.
   */
  public RollbackInfo rollback(final String instance, final String snapshot) {
    return rollback(
        RollbackRequest.newBuilder().setInstance(instance).setSnapshot(snapshot).build());
  }

  /**
   * Puts an instance back to a snapshot.
   *
   * @param request which, to which, and how.
   * @return what was done.
   */
  public RollbackInfo rollback(final RollbackRequest request) {
    return call("rollback " + request.getInstance(), () -> stub().rollback(request));
  }

  /**
   * Begins to take live snapshots of an instance at a fixed cadence. They go on when this client
   * has gone.
   *
   * @param instance its reference.
   * @param every 1 ms to 1 day.
   * @param keep which of them stay, as {@link io.vas.api.record.KeepPolicy} reads it; empty: all.
   * @return the recorder, whose first snapshot is there.
   */
  public RecorderInfo record(final String instance, final Duration every, final String keep) {
    final RecordRequest request =
        RecordRequest.newBuilder()
            .setInstance(instance)
            .setEveryUs(TimeUnit.NANOSECONDS.toMicros(every.toNanos()))
            .setKeep(keep)
            .build();
    return call("record " + instance, () -> stub().record(request));
  }

  /**
   * Ends the recording of an instance.
   *
   * @param instance its reference.
   * @return the recorder, which has ended.
   */
  public RecorderInfo stopRecording(final String instance) {
    return call(
        "record --stop " + instance,
        () ->
            stub().stopRecording(StopRecordingRequest.newBuilder().setInstance(instance).build()));
  }

  /**
   * The recorders.
   *
   * @param instance its reference; empty: all.
   * @return those that record, and of other instances the last one, if they had one.
   */
  public List<RecorderInfo> recorders(final String instance) {
    return call(
            "record",
            () -> stub().recorders(RecordersRequest.newBuilder().setInstance(instance).build()))
        .getRecordersList();
  }

  /**
   * The tree of snapshots that an instance belongs to.
   *
   * @param instance its reference.
   * @return the snapshots, and who stands where.
   */
  public TimelineReply timeline(final String instance) {
    return call(
        "timeline " + instance,
        () -> stub().timeline(TimelineRequest.newBuilder().setInstance(instance).build()));
  }

  /**
   * Compares two snapshots.
   *
   * @param before a snapshot's reference.
   * @param after another one's.
   * @param withBytes whether the bytes that differ are told.
   * @return what differs.
   */
  public DiffReply diff(final String before, final String after, final boolean withBytes) {
    return call(
        "diff " + before + " " + after,
        () ->
            stub()
                .diff(
                    DiffRequest.newBuilder()
                        .setBefore(before)
                        .setAfter(after)
                        .setWithBytes(withBytes)
                        .build()));
  }

  /**
   * Looks at the store.
   *
   * @return how full it is, and what each snapshot takes.
   */
  public StoreStatReply storeStat() {
    return call("store stat", () -> stub().storeStat(StoreStatRequest.getDefaultInstance()));
  }

  /**
   * Reads snapshots back and marks those that are damaged, of which no forks are made any more.
   *
   * @param snapshot id or name of one; empty: all.
   * @param listener is told how far it is.
   * @return what was found.
   */
  public StoreVerifyReply storeVerify(final String snapshot, final Consumer<Progress> listener) {
    return call(
        "store verify",
        () ->
            last(
                "store verify",
                stub().storeVerify(StoreVerifyRequest.newBuilder().setSnapshot(snapshot).build()),
                StoreVerifyUpdate::hasResult,
                StoreVerifyUpdate::getResult,
                StoreVerifyUpdate::getProgress,
                listener));
  }

  /**
   * Frees what nobody needs in the store, and was not freed in time.
   *
   * @return how much.
   */
  public StoreGcReply storeGc() {
    return call("store gc", () -> stub().storeGc(StoreGcRequest.getDefaultInstance()));
  }

  /**
   * Writes snapshots to a directory of the daemon's host: all that are named, or nothing. When this
   * thread is interrupted, or the client closed, it ends and leaves nothing.
   *
   * @param directory absolute path of a directory that is empty or not there.
   * @param snapshots ids or names; none: all snapshots.
   * @param lineage whether all snapshots of the trees that these are in are saved.
   * @param listener is told how far it is.
   * @return what was written.
   */
  public StoreSaveReply storeSave(
      final String directory,
      final List<String> snapshots,
      final boolean lineage,
      final Consumer<Progress> listener) {
    return call(
        "store save",
        () ->
            last(
                "store save",
                stub()
                    .storeSave(
                        StoreSaveRequest.newBuilder()
                            .setDirectory(directory)
                            .addAllSnapshots(snapshots)
                            .setLineage(lineage)
                            .build()),
                StoreSaveUpdate::hasResult,
                StoreSaveUpdate::getResult,
                StoreSaveUpdate::getProgress,
                listener));
  }

  /**
   * Brings snapshots back from a directory of the daemon's host: all that are named, or none.
   *
   * @param directory absolute path of what {@link #storeSave} has written.
   * @param snapshots ids or names as they were saved; none: all.
   * @param withNames whether they have their names again.
   * @param listener is told how far it is.
   * @return what was loaded.
   */
  public StoreLoadReply storeLoad(
      final String directory,
      final List<String> snapshots,
      final boolean withNames,
      final Consumer<Progress> listener) {
    return call(
        "store load",
        () ->
            last(
                "store load",
                stub()
                    .storeLoad(
                        StoreLoadRequest.newBuilder()
                            .setDirectory(directory)
                            .addAllSnapshots(snapshots)
                            .setWithoutNames(!withNames)
                            .build()),
                StoreLoadUpdate::hasResult,
                StoreLoadUpdate::getResult,
                StoreLoadUpdate::getProgress,
                listener));
  }

  /** Ends the connection, and the calls that are under way on it. */
  @Override
  public void close() {
    connection.close();
  }

  private VasGrpc.VasBlockingStub stub() {
    final VasGrpc.VasBlockingStub stub = VasGrpc.newBlockingStub(connection.channel());
    return timeout == null ? stub : stub.withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS);
  }

  private static <T> T call(final String what, final Supplier<T> action) {
    try {
      return action.get();
    } catch (final StatusRuntimeException e) {
      throw Errors.toException(e, what);
    }
  }
}
