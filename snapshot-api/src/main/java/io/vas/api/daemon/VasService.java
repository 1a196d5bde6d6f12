package io.vas.api.daemon;

import com.google.protobuf.ByteString;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.vas.api.v1.CheckReply;
import io.vas.api.v1.CheckRequest;
import io.vas.api.v1.DaemonInfo;
import io.vas.api.v1.DiffReply;
import io.vas.api.v1.DiffRequest;
import io.vas.api.v1.ExecInput;
import io.vas.api.v1.ExecOutput;
import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.ForkReply;
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
import io.vas.api.v1.PsReply;
import io.vas.api.v1.PsRequest;
import io.vas.api.v1.RecordRequest;
import io.vas.api.v1.RecorderInfo;
import io.vas.api.v1.RecordersReply;
import io.vas.api.v1.RecordersRequest;
import io.vas.api.v1.RmReply;
import io.vas.api.v1.RmRequest;
import io.vas.api.v1.RollbackInfo;
import io.vas.api.v1.RollbackRequest;
import io.vas.api.v1.RunRequest;
import io.vas.api.v1.ShutdownReply;
import io.vas.api.v1.ShutdownRequest;
import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.SnapshotRequest;
import io.vas.api.v1.SnapshotUpdate;
import io.vas.api.v1.SnapshotsReply;
import io.vas.api.v1.SnapshotsRequest;
import io.vas.api.v1.StopRecordingRequest;
import io.vas.api.v1.StopRequest;
import io.vas.api.v1.StoreGcReply;
import io.vas.api.v1.StoreGcRequest;
import io.vas.api.v1.StoreLoadRequest;
import io.vas.api.v1.StoreLoadUpdate;
import io.vas.api.v1.StoreSaveRequest;
import io.vas.api.v1.StoreSaveUpdate;
import io.vas.api.v1.StoreStatReply;
import io.vas.api.v1.StoreStatRequest;
import io.vas.api.v1.StoreVerifyRequest;
import io.vas.api.v1.StoreVerifyUpdate;
import io.vas.api.v1.TimelineReply;
import io.vas.api.v1.TimelineRequest;
import io.vas.api.v1.UnpauseRequest;
import io.vas.api.v1.VasGrpc;
import io.vas.api.v1.WaitReply;
import io.vas.api.v1.WaitRequest;
import io.vas.api.wire.Errors;
import io.vas.api.wire.OneLine;
import io.vas.core.DeadlineException;
import io.vas.core.InvalidRequestException;
import io.vas.core.VasException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The gRPC side of the {@link Engine}: streams, deadlines, cancelled calls and errors. */
final class VasService extends VasGrpc.VasImplBase {
  private static final Logger LOG = LoggerFactory.getLogger(VasService.class);

  /** What a call without a deadline may take. */
  private static final Duration DEFAULT_TIMEOUT = Duration.ofMinutes(10);

  /**
   * The part of a call's time that is kept back, so that the engine's own error, which says more,
   * is there before gRPC ends the call.
   */
  private static final Duration ANSWER_TIME = Duration.ofMillis(50);

  private final Engine engine;
  private final Supplier<DaemonInfo.Builder> identity;
  private final Runnable shutdown;
  private final Executor executor;

  /**
   * The service.
   *
   * @param engine that does the work.
   * @param identity who serves: what the engine does not know of a {@link DaemonInfo}.
   * @param shutdown ends the daemon; must return at once.
   * @param executor for what outlives a method of the service.
   */
  VasService(
      final Engine engine,
      final Supplier<DaemonInfo.Builder> identity,
      final Runnable shutdown,
      final Executor executor) {
    this.engine = engine;
    this.identity = identity;
    this.shutdown = shutdown;
    this.executor = executor;
  }

  @Override
  public void info(final InfoRequest request, final StreamObserver<DaemonInfo> observer) {
    answer(
        observer,
        () -> {
          final DaemonInfo.Builder info = identity.get();
          engine().describe(info);
          return info.build();
        });
  }

  @Override
  public void shutdown(
      final ShutdownRequest request, final StreamObserver<ShutdownReply> observer) {
    answer(
        observer,
        () -> {
          Peers.caller().requireRoot("end the daemon", "you may stop and remove what is yours");
          shutdown.run();
          return ShutdownReply.getDefaultInstance();
        });
  }

  @Override
  public void check(final CheckRequest request, final StreamObserver<CheckReply> observer) {
    answer(observer, engine()::check);
  }

  @Override
  public void run(final RunRequest request, final StreamObserver<InstanceInfo> observer) {
    final CallTime time = callTime();
    answer(
        observer,
        () -> {
          RequestRules.check(request);
          return engine().run(request, time);
        },
        instance -> remove(List.of(instance.getId())));
  }

  @Override
  public void ps(final PsRequest request, final StreamObserver<PsReply> observer) {
    answer(
        observer,
        () -> PsReply.newBuilder().addAllInstances(engine().instances(request.getAll())).build());
  }

  @Override
  public void inspect(final InspectRequest request, final StreamObserver<InspectReply> observer) {
    answer(
        observer,
        () -> {
          RequestRules.checkReference(request.getReference(), "instance or snapshot");
          return engine().inspect(request.getReference());
        });
  }

  @Override
  public void logs(final LogsRequest request, final StreamObserver<LogChunk> observer) {
    final StreamSender<LogChunk> sender = sender(observer);
    final Engine own = engine();
    executor.execute(
        () -> {
          try {
            RequestRules.checkReference(request.getInstance(), "instance");
            if (request.getTail() < 0) {
              throw new InvalidRequestException(
                  "the number of lines is 0 or more, not " + request.getTail());
            }
            new LogFollower(
                    own.log(request.getInstance()),
                    (bytes, length) -> sender.send(chunk(bytes, length)),
                    sender::isCancelled)
                .read(request.getTail(), request.getFollow());
            sender.complete();
          } catch (final Exception e) {
            sender.fail(logged("logs", e));
          }
        });
  }

  @Override
  public void wait(final WaitRequest request, final StreamObserver<WaitReply> observer) {
    final StreamSender<WaitReply> sender = sender(observer);
    try {
      RequestRules.checkReference(request.getInstance(), "instance");
      final var unused =
          engine()
              .log(request.getInstance())
              .exit()
              .whenCompleteAsync((code, error) -> ended(sender, code, error), executor);
    } catch (final RuntimeException e) {
      sender.fail(logged("wait", e));
    }
  }

  private static void ended(
      final StreamSender<WaitReply> sender, final Integer exitCode, final Throwable error) {
    if (error == null) {
      sender.send(WaitReply.newBuilder().setExitCode(exitCode).build());
      sender.complete();
    } else {
      sender.fail(logged("wait", error));
    }
  }

  @Override
  public StreamObserver<ExecInput> exec(final StreamObserver<ExecOutput> observer) {
    final CallTime time = callTime();
    final Engine own = engine();
    return new ExecCall(start -> own.exec(start, time), server(observer), executor);
  }

  @Override
  public void stop(final StopRequest request, final StreamObserver<InstanceInfo> observer) {
    final CallTime time = callTime();
    answer(
        observer,
        () -> {
          RequestRules.checkReference(request.getInstance(), "instance");
          if (request.getGraceMs() < 0) {
            throw new InvalidRequestException(
                "the grace period is 0 or more, not " + request.getGraceMs() + " ms");
          }
          return engine()
              .stop(request.getInstance(), Duration.ofMillis(request.getGraceMs()), time);
        });
  }

  @Override
  public void kill(final KillRequest request, final StreamObserver<InstanceInfo> observer) {
    answer(
        observer,
        () -> {
          RequestRules.checkReference(request.getInstance(), "instance");
          RequestRules.checkSignal(request.getSignal());
          return engine().kill(request.getInstance(), request.getSignal());
        });
  }

  @Override
  public void pause(final PauseRequest request, final StreamObserver<InstanceInfo> observer) {
    answer(
        observer,
        () -> {
          RequestRules.checkReference(request.getInstance(), "instance");
          return engine().pause(request.getInstance());
        });
  }

  @Override
  public void unpause(final UnpauseRequest request, final StreamObserver<InstanceInfo> observer) {
    answer(
        observer,
        () -> {
          RequestRules.checkReference(request.getInstance(), "instance");
          return engine().unpause(request.getInstance());
        });
  }

  @Override
  public void rm(final RmRequest request, final StreamObserver<RmReply> observer) {
    final CallTime time = callTime();
    answer(
        observer,
        () -> {
          if (request.getReferencesCount() == 0) {
            throw new InvalidRequestException("no instance or snapshot named");
          }
          request
              .getReferencesList()
              .forEach(name -> RequestRules.checkReference(name, "instance or snapshot"));
          return RmReply.newBuilder()
              .addAllRemoved(engine().remove(request.getReferencesList(), request.getForce(), time))
              .build();
        });
  }

  @Override
  public void snapshot(
      final SnapshotRequest request, final StreamObserver<SnapshotUpdate> observer) {
    final CallTime time = callTime();
    final ServerCallStreamObserver<SnapshotUpdate> stream = server(observer);
    answer(
        observer,
        () -> {
          RequestRules.check(request);
          final SnapshotInfo snapshot =
              engine()
                  .snapshot(
                      request,
                      progress -> {
                        synchronized (stream) {
                          // Progress is for eyes: what the client can't take now is left out.
                          if (stream.isReady() && !stream.isCancelled()) {
                            stream.onNext(
                                SnapshotUpdate.newBuilder().setProgress(progress).build());
                          }
                        }
                      },
                      time);
          // Not later: who has the result may end the call without waiting for its end.
          if (Context.current().isCancelled()) {
            remove(List.of(snapshot.getId()));
            throw new DeadlineException("the client has gone; the snapshot was not kept");
          }
          return SnapshotUpdate.newBuilder().setResult(snapshot).build();
        });
  }

  @Override
  public void snapshots(
      final SnapshotsRequest request, final StreamObserver<SnapshotsReply> observer) {
    answer(
        observer, () -> SnapshotsReply.newBuilder().addAllSnapshots(engine().snapshots()).build());
  }

  @Override
  public void fork(final ForkRequest request, final StreamObserver<ForkReply> observer) {
    final CallTime time = callTime();
    answer(
        observer,
        () -> {
          RequestRules.check(request);
          return ForkReply.newBuilder().addAllForks(engine().fork(request, time)).build();
        },
        reply -> remove(reply.getForksList().stream().map(ForkInfo::getId).toList()));
  }

  @Override
  public void rollback(final RollbackRequest request, final StreamObserver<RollbackInfo> observer) {
    final CallTime time = callTime();
    answer(
        observer,
        () -> {
          RequestRules.checkReference(request.getInstance(), "instance");
          RequestRules.checkOptionalReference(request.getSnapshot(), "snapshot");
          return engine().rollback(request, time);
        });
  }

  @Override
  public void record(final RecordRequest request, final StreamObserver<RecorderInfo> observer) {
    final CallTime time = callTime();
    answer(
        observer,
        () -> {
          RequestRules.check(request);
          return engine().record(request, time);
        },
        recorder -> {
          LOG.info("the client has gone: recording {} undone", recorder.getInstance());
          engine.stopRecording(
              recorder.getInstance(), new CallTime(System.nanoTime(), DEFAULT_TIMEOUT));
        });
  }

  @Override
  public void stopRecording(
      final StopRecordingRequest request, final StreamObserver<RecorderInfo> observer) {
    final CallTime time = callTime();
    answer(
        observer,
        () -> {
          RequestRules.checkReference(request.getInstance(), "instance");
          return engine().stopRecording(request.getInstance(), time);
        });
  }

  @Override
  public void recorders(
      final RecordersRequest request, final StreamObserver<RecordersReply> observer) {
    answer(
        observer,
        () ->
            RecordersReply.newBuilder()
                .addAllRecorders(engine().recorders(request.getInstance()))
                .build());
  }

  @Override
  public void timeline(
      final TimelineRequest request, final StreamObserver<TimelineReply> observer) {
    answer(
        observer,
        () -> {
          RequestRules.checkReference(request.getInstance(), "instance");
          return engine().timeline(request.getInstance());
        });
  }

  @Override
  public void diff(final DiffRequest request, final StreamObserver<DiffReply> observer) {
    answer(
        observer,
        () -> {
          RequestRules.checkReference(request.getBefore(), "snapshot");
          RequestRules.checkReference(request.getAfter(), "snapshot");
          return engine().diff(request);
        });
  }

  @Override
  public void storeStat(
      final StoreStatRequest request, final StreamObserver<StoreStatReply> observer) {
    answer(observer, engine()::storeStat);
  }

  @Override
  public void storeVerify(
      final StoreVerifyRequest request, final StreamObserver<StoreVerifyUpdate> observer) {
    final ServerCallStreamObserver<StoreVerifyUpdate> stream = server(observer);
    answer(
        observer,
        () -> {
          RequestRules.checkOptionalReference(request.getSnapshot(), "snapshot");
          return StoreVerifyUpdate.newBuilder()
              .setResult(
                  engine()
                      .storeVerify(
                          request.getSnapshot(),
                          progressTo(
                              stream,
                              progress ->
                                  StoreVerifyUpdate.newBuilder().setProgress(progress).build())))
              .build();
        });
  }

  @Override
  public void storeSave(
      final StoreSaveRequest request, final StreamObserver<StoreSaveUpdate> observer) {
    final ServerCallStreamObserver<StoreSaveUpdate> stream = server(observer);
    answer(
        observer,
        () -> {
          RequestRules.checkArchive(request.getDirectory(), request.getSnapshotsList());
          return StoreSaveUpdate.newBuilder()
              .setResult(
                  engine()
                      .storeSave(
                          request,
                          progressTo(
                              stream,
                              progress ->
                                  StoreSaveUpdate.newBuilder().setProgress(progress).build())))
              .build();
        });
  }

  @Override
  public void storeLoad(
      final StoreLoadRequest request, final StreamObserver<StoreLoadUpdate> observer) {
    final ServerCallStreamObserver<StoreLoadUpdate> stream = server(observer);
    answer(
        observer,
        () -> {
          RequestRules.checkArchive(request.getDirectory(), request.getSnapshotsList());
          return StoreLoadUpdate.newBuilder()
              .setResult(
                  engine()
                      .storeLoad(
                          request,
                          progressTo(
                              stream,
                              progress ->
                                  StoreLoadUpdate.newBuilder().setProgress(progress).build())))
              .build();
        });
  }

  /** Passes on how far it is, and ends what nobody waits for any more. */
  private static <T> Consumer<Progress> progressTo(
      final ServerCallStreamObserver<T> stream, final Function<Progress, T> update) {
    return progress -> {
      if (stream.isCancelled()) {
        throw new DeadlineException("the client has gone");
      }
      if (stream.isReady()) {
        stream.onNext(update.apply(progress));
      }
    };
  }

  @Override
  public void storeGc(final StoreGcRequest request, final StreamObserver<StoreGcReply> observer) {
    answer(observer, engine()::storeGc);
  }

  private static <T> void answer(final StreamObserver<T> observer, final Supplier<T> action) {
    answer(observer, action, reply -> {});
  }

  /**
   * Answers a call.
   *
   * @param observer to be answered.
   * @param action makes the answer.
   * @param undo undoes the action when the answer did not reach its client, whose time ran out or
   *     who has gone: nobody would know what was made. gRPC calls it after the action, not beside
   *     it.
   */
  private static <T> void answer(
      final StreamObserver<T> observer, final Supplier<T> action, final Consumer<T> undo) {
    final ServerCallStreamObserver<T> call = server(observer);
    final AtomicReference<T> made = new AtomicReference<>();
    call.setOnCancelHandler(
        () -> {
          if (made.get() != null) {
            undo.accept(made.get());
          }
        });
    try {
      final T reply = action.get();
      made.set(reply);
      synchronized (call) {
        call.onNext(reply);
        call.onCompleted();
      }
    } catch (final RuntimeException | Error e) {
      logged("request", e);
      call.onError(Errors.toStatus(e));
    }
  }

  /** Acts for the one who makes the current call. */
  private Engine engine() {
    return engine.forCaller(Peers.caller());
  }

  private void remove(final List<String> ids) {
    LOG.info("the client has gone: {} undone", ids);
    engine.remove(ids, true, new CallTime(System.nanoTime(), DEFAULT_TIMEOUT));
  }

  private static Throwable logged(final String what, final Throwable error) {
    if (error instanceof VasException) {
      LOG.info("{}: {}", what, OneLine.of(error.getMessage()));
      LOG.debug("{}", what, error);
    } else {
      LOG.error("{}", what, error);
    }
    return error;
  }

  private static CallTime callTime() {
    final long arrival = ArrivalTime.nanos();
    final Deadline deadline = Context.current().getDeadline();
    if (deadline == null) {
      return new CallTime(arrival, DEFAULT_TIMEOUT);
    }
    final long elapsed = System.nanoTime() - arrival;
    final Duration given = Duration.ofNanos(deadline.timeRemaining(TimeUnit.NANOSECONDS) + elapsed);
    final Duration kept =
        ANSWER_TIME.compareTo(given.dividedBy(10)) < 0 ? ANSWER_TIME : given.dividedBy(10);
    return new CallTime(arrival, given.minus(kept));
  }

  private static LogChunk chunk(final byte[] bytes, final int length) {
    return LogChunk.newBuilder().setData(ByteString.copyFrom(bytes, 0, length)).build();
  }

  private static <T> StreamSender<T> sender(final StreamObserver<T> observer) {
    return new StreamSender<>(server(observer));
  }

  private static <T> ServerCallStreamObserver<T> server(final StreamObserver<T> observer) {
    return (ServerCallStreamObserver<T>) observer;
  }
}
