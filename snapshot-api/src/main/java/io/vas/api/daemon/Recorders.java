package io.vas.api.daemon;

import io.vas.api.v1.RecordRequest;
import io.vas.api.v1.RecorderInfo;
import io.vas.api.v1.RecordingEnd;
import io.vas.core.ConflictException;
import io.vas.core.instance.Instance;
import io.vas.store.Snapshot;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The recorders of all instances: each has one at most. One that has ended tells why. */
final class Recorders implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Recorders.class);

  private final Recorder.Work work;
  private final Map<Long, Recorder> byInstance = new ConcurrentHashMap<>();

  Recorders(final Recorder.Work work) {
    this.work = work;
  }

  /**
   * Begins to record an instance.
   *
   * @param instance that runs.
   * @param request how often, and what is to be kept.
   * @param ownerUid the user who begins it.
   * @param time for the first snapshot.
   * @return the recorder, whose first snapshot is there.
   * @throws ConflictException if it is recorded already.
   * @throws io.vas.core.VasException if the first snapshot can't be taken; nothing has changed
   *     then.
   */
  RecorderInfo begin(
      final Instance instance,
      final RecordRequest request,
      final int ownerUid,
      final CallTime time) {
    final RecorderInfo wanted =
        RecorderInfo.newBuilder()
            .setInstance(instance.reference())
            .setName(instance.name())
            .setEveryUs(request.getEveryUs())
            .setKeep(request.getKeep())
            .setOwnerUid(ownerUid)
            .setStartedUnixUs(Recording.unixMicros(Instant.now()))
            .build();
    final Recorder recorder = new Recorder(instance, new Recording(wanted), work);
    final Optional<Recorder> previous = claim(instance, recorder);
    try {
      recorder.begin(time);
    } catch (final RuntimeException e) {
      previous.ifPresentOrElse(
          ended -> byInstance.put(instance.id(), ended), () -> byInstance.remove(instance.id()));
      throw e;
    }
    follow(instance, recorder);
    LOG.info(
        "recording {} every {} us, keeping {}", instance, request.getEveryUs(), request.getKeep());
    return recorder.recording().info();
  }

  private synchronized Optional<Recorder> claim(final Instance instance, final Recorder recorder) {
    final Recorder present = byInstance.get(instance.id());
    if (present != null && !present.recording().hasEnded()) {
      throw new ConflictException(
          "instance " + instance + " is recorded already; vas record --stop ends that");
    }
    byInstance.put(instance.id(), recorder);
    return Optional.ofNullable(present);
  }

  private static void follow(final Instance instance, final Recorder recorder) {
    final var unused = instance.exit().thenRun(recorder::wake);
  }

  /**
   * Goes on with what an earlier daemon has begun.
   *
   * @param instance that may be recorded.
   * @param snapshots all there are, the oldest first.
   */
  void resume(final Instance instance, final List<Snapshot> snapshots) {
    new RecorderFile(instance)
        .read()
        .ifPresent(
            info -> {
              final Recording recording = new Recording(info);
              snapshots.stream()
                  .filter(snapshot -> snapshot.instance().equals(instance.reference()))
                  .forEach(recording::added);
              final Recorder recorder = new Recorder(instance, recording, work);
              byInstance.put(instance.id(), recorder);
              if (!recording.hasEnded()) {
                LOG.info("going on with recording {}", instance);
                recorder.resume();
                follow(instance, recorder);
              }
            });
  }

  /**
   * Ends a recording.
   *
   * @param instance that is recorded.
   * @param time for its last snapshot.
   * @return the recorder that has ended.
   * @throws ConflictException if it is not recorded.
   */
  RecorderInfo stop(final Instance instance, final CallTime time) {
    final Recorder recorder = byInstance.get(instance.id());
    if (recorder == null || recorder.recording().hasEnded()) {
      throw new ConflictException(
          "instance "
              + instance
              + " is not recorded"
              + (recorder == null ? "" : " any more: " + recorder.recording().info().getReason()));
    }
    recorder.stop(time);
    return recorder.recording().info();
  }

  /**
   * An instance's recorder.
   *
   * @param instance which one.
   * @return the one that records it, or the last one; empty if it has had none.
   */
  Optional<RecorderInfo> info(final Instance instance) {
    return Optional.ofNullable(byInstance.get(instance.id()))
        .map(recorder -> recorder.recording().info());
  }

  /**
   * All recorders.
   *
   * @return those that were begun first come first.
   */
  List<RecorderInfo> list() {
    return byInstance.values().stream()
        .map(recorder -> recorder.recording().info())
        .sorted(Comparator.comparingLong(RecorderInfo::getStartedUnixUs))
        .toList();
  }

  /**
   * How many record.
   *
   * @return 0 or more.
   */
  long running() {
    return byInstance.values().stream()
        .filter(recorder -> !recorder.recording().hasEnded())
        .count();
  }

  /**
   * Notes a new snapshot, whoever took it.
   *
   * @param instance of which.
   * @param snapshot that is in the store.
   */
  void added(final Instance instance, final Snapshot snapshot) {
    final Recorder recorder = byInstance.get(instance.id());
    if (recorder != null) {
      recorder.recording().added(snapshot);
    }
  }

  /**
   * Notes that a snapshot was removed, whoever did it.
   *
   * @param snapshot its id.
   */
  void removed(final String snapshot) {
    byInstance.values().forEach(recorder -> recorder.recording().removed(snapshot));
  }

  /**
   * Forgets an instance that is about to be removed.
   *
   * @param instance which one.
   */
  void forget(final Instance instance) {
    final Recorder recorder = byInstance.get(instance.id());
    if (recorder != null) {
      if (!recorder.recording().hasEnded()) {
        recorder.stop(new CallTime(System.nanoTime(), Duration.ofSeconds(30)));
      }
      byInstance.remove(instance.id());
    }
  }

  /** Lets all end as the end of this process would: the next daemon goes on with them. */
  @Override
  public void close() {
    byInstance.values().forEach(Recorder::leave);
  }

  static boolean isRecording(final RecorderInfo info) {
    return info.getEnd() == RecordingEnd.RECORDING_END_UNSPECIFIED;
  }
}
