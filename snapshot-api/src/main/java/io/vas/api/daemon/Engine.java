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
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * What the service offers, without its wire: the only place where instances and the store of
 * snapshots meet. It acts for root, who sees and may do all, and to whom belongs what is made;
 * {@link #forCaller} gives one that acts for somebody else. Requests were checked by {@link
 * RequestRules} before they come here.
 *
 * <p>References are those of the service: an id, a prefix of one, or a name. All methods may be
 * called by many threads at once and throw {@link io.vas.core.VasException}s: {@link
 * io.vas.core.NotFoundException} for a reference that means nothing, {@link
 * io.vas.core.ConflictException} for what the present state forbids, {@link
 * io.vas.core.DeadlineException} when the time of the call runs out, which leaves nothing half
 * done.
 */
public interface Engine extends AutoCloseable {
  /**
   * The same engine for whoever calls. For others than root what is not theirs does not exist, what
   * they make is theirs, and {@link io.vas.core.ForbiddenException} is thrown for what is about all
   * users.
   *
   * @param caller who calls.
   * @return an engine that need not be closed.
   */
  Engine forCaller(Caller caller);

  /**
   * Looks at the kernel.
   *
   * @return what it offers and what it lacks.
   */
  CheckReply check();

  /**
   * Adds what the engine knows of itself: the keeper, the numbers of instances and snapshots, how
   * full the store is.
   *
   * @param info to be filled.
   */
  void describe(DaemonInfo.Builder info);

  /**
   * Starts a command in an instance of its own.
   *
   * @param request what to run.
   * @param time of the call.
   * @return the instance, whose command has been executed.
   */
  InstanceInfo run(RunRequest request, CallTime time);

  /**
   * The instances.
   *
   * @param all those that have ended, too.
   * @return oldest first.
   */
  List<InstanceInfo> instances(boolean all);

  /**
   * All there is to know about an instance or a snapshot.
   *
   * @param reference either.
   * @return the details.
   */
  InspectReply inspect(String reference);

  /**
   * An instance's output and end.
   *
   * @param instance its reference.
   * @return its log.
   */
  InstanceLog log(String instance);

  /**
   * Runs a command inside an instance.
   *
   * @param start what and where.
   * @param time of the call, until the command has been executed.
   * @return the visitor.
   */
  Visitor exec(ExecStart start, CallTime time);

  /**
   * Ends an instance: SIGTERM, and SIGKILL after the grace period. One that has ended is left as it
   * is.
   *
   * @param instance its reference.
   * @param grace zero: SIGKILL at once.
   * @param time of the call.
   * @return the ended instance.
   */
  InstanceInfo stop(String instance, Duration grace, CallTime time);

  /**
   * Sends a signal to an instance's command.
   *
   * @param instance its reference.
   * @param signal 1 to 64.
   * @return the instance after it.
   */
  InstanceInfo kill(String instance, int signal);

  /**
   * Lets an instance stand still.
   *
   * @param instance its reference.
   * @return the paused instance.
   */
  InstanceInfo pause(String instance);

  /**
   * Lets a paused instance go on.
   *
   * @param instance its reference.
   * @return the running instance.
   */
  InstanceInfo unpause(String instance);

  /**
   * Removes ended instances, and snapshots: all that are named or, if one can't be, none.
   *
   * @param references of either.
   * @param force ends running instances first.
   * @param time of the call.
   * @return the ids of what was removed.
   */
  List<String> remove(List<String> references, boolean force, CallTime time);

  /**
   * Snapshots an instance.
   *
   * @param request of which, and the name.
   * @param progress is told how far it is, from any thread.
   * @param time of the call.
   * @return the acknowledged snapshot.
   */
  SnapshotInfo snapshot(SnapshotRequest request, Consumer<Progress> progress, CallTime time);

  /**
   * The snapshots.
   *
   * @return oldest first.
   */
  List<SnapshotInfo> snapshots();

  /**
   * Starts new instances from a snapshot: all that were asked for or, if one can't be, none.
   *
   * @param request from which, and how many.
   * @param time of the call.
   * @return the new instances.
   */
  List<ForkInfo> fork(ForkRequest request, CallTime time);

  /**
   * Puts an instance back to a snapshot.
   *
   * @param request which, and to which.
   * @param time of the call.
   * @return what was done.
   */
  RollbackInfo rollback(RollbackRequest request, CallTime time);

  /**
   * Begins to take live snapshots of an instance at a fixed cadence.
   *
   * @param request of which, how often, and what is to be kept.
   * @param time of the call, for the first snapshot.
   * @return the recorder.
   */
  RecorderInfo record(RecordRequest request, CallTime time);

  /**
   * Ends the recording of an instance.
   *
   * @param instance its reference.
   * @param time of the call, for the last snapshot.
   * @return the recorder, which has ended.
   */
  RecorderInfo stopRecording(String instance, CallTime time);

  /**
   * The recorders.
   *
   * @param instance its reference; empty: all.
   * @return those that record, and those that have ended last.
   */
  List<RecorderInfo> recorders(String instance);

  /**
   * The tree of snapshots that an instance belongs to.
   *
   * @param instance its reference.
   * @return the snapshots, and who stands where.
   */
  TimelineReply timeline(String instance);

  /**
   * Compares two snapshots.
   *
   * @param request which.
   * @return what differs.
   */
  DiffReply diff(DiffRequest request);

  /**
   * Looks at the store.
   *
   * @return how full it is, and what each snapshot takes.
   */
  StoreStatReply storeStat();

  /**
   * Reads snapshots back and marks those that are damaged.
   *
   * @param snapshot reference of one; empty: all.
   * @param progress is told how far it is.
   * @return what was found.
   */
  StoreVerifyReply storeVerify(String snapshot, Consumer<Progress> progress);

  /**
   * Frees what nobody needs.
   *
   * @return how much.
   */
  StoreGcReply storeGc();

  /**
   * Writes snapshots to a directory: all that are named, or nothing.
   *
   * @param request which, and where to.
   * @param progress is told how far it is; what it throws ends the work.
   * @return what was written.
   */
  StoreSaveReply storeSave(StoreSaveRequest request, Consumer<Progress> progress);

  /**
   * Brings snapshots back from a directory: all that are named, or none.
   *
   * @param request which, and where from.
   * @param progress is told how far it is; what it throws ends the work.
   * @return what was read.
   */
  StoreLoadReply storeLoad(StoreLoadRequest request, Consumer<Progress> progress);

  /**
   * Completes when the engine can't work any more, because its keeper has ended.
   *
   * @return a future that never completes exceptionally.
   */
  CompletableFuture<Void> gone();

  /** Ends the keeper, and with it all instances. */
  @Override
  void close();
}
