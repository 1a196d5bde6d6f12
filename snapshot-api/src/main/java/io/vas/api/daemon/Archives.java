package io.vas.api.daemon;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import io.vas.api.v1.Progress;
import io.vas.api.v1.StoreLoadReply;
import io.vas.api.v1.StoreLoadRequest;
import io.vas.api.v1.StoreSaveReply;
import io.vas.api.v1.StoreSaveRequest;
import io.vas.core.DamagedException;
import io.vas.core.NotFoundException;
import io.vas.core.image.HostState;
import io.vas.core.image.RelianceState;
import io.vas.core.restore.Reliance;
import io.vas.store.Snapshot;
import io.vas.store.SnapshotStore;
import io.vas.store.archive.LoadReport;
import io.vas.store.archive.SaveReport;
import io.vas.store.archive.SnapshotLoader;
import io.vas.store.archive.SnapshotReliance;
import io.vas.store.archive.SnapshotSaver;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Saves snapshots to directories of the host, and brings them back. */
final class Archives {
  private static final Logger LOG = LoggerFactory.getLogger(Archives.class);

  private final SnapshotStore store;
  private final Timelines timelines;
  private final Lock loading = new ReentrantLock();

  /**
   * Archives.
   *
   * @param store of the snapshots.
   * @param timelines that they are in.
   */
  Archives(final SnapshotStore store, final Timelines timelines) {
    this.store = store;
    this.timelines = timelines;
  }

  /**
   * Saves snapshots.
   *
   * @param request which, and where to.
   * @param progress is told how far it is.
   * @return what was written.
   */
  StoreSaveReply save(final StoreSaveRequest request, final Consumer<Progress> progress) {
    final List<String> ids = chosen(request);
    if (ids.isEmpty()) {
      throw new NotFoundException("there are no snapshots to be saved");
    }
    final SaveReport report =
        new SnapshotSaver(
                store,
                new OfHost(),
                Path.of(request.getDirectory()),
                (done, total) -> progress.accept(progress("saving", done, total)))
            .save(ids);
    LOG.info("saved {} snapshots to {}", report.snapshots().size(), request.getDirectory());
    return StoreSaveReply.newBuilder()
        .setDirectory(request.getDirectory())
        .addAllSnapshots(report.snapshots().stream().map(Views::info).toList())
        .setBytes(report.bytes())
        .setFileBytes(report.fileBytes())
        .build();
  }

  private List<String> chosen(final StoreSaveRequest request) {
    if (request.getSnapshotsCount() == 0) {
      return store.list().stream().map(Snapshot::id).toList();
    }
    final Set<String> named =
        request.getSnapshotsList().stream()
            .map(reference -> store.get(reference).id())
            .collect(Collectors.toSet());
    return List.copyOf(request.getLineage() ? timelines.trees(named) : named);
  }

  /**
   * Loads snapshots.
   *
   * @param request which, and where from.
   * @param progress is told how far it is.
   * @return what was read.
   */
  StoreLoadReply load(final StoreLoadRequest request, final Consumer<Progress> progress) {
    loading.lock();
    try {
      final LoadReport report =
          new SnapshotLoader(
                  store,
                  new OfHost(),
                  Path.of(request.getDirectory()),
                  !request.getWithoutNames(),
                  (done, total) -> progress.accept(progress("loading", done, total)))
              .load(request.getSnapshotsList());
      report.loaded().forEach(timelines::add);
      LOG.info("loaded {} snapshots from {}", report.loaded().size(), request.getDirectory());
      return StoreLoadReply.newBuilder()
          .addAllSnapshots(report.loaded().stream().map(Views::info).toList())
          .addAllPresent(report.present().stream().map(Snapshot::id).toList())
          .setBytes(report.bytes())
          .build();
    } finally {
      loading.unlock();
    }
  }

  private static Progress progress(final String stage, final long done, final long total) {
    return Progress.newBuilder().setStage(stage).setDoneBytes(done).setTotalBytes(total).build();
  }

  /** What snapshots rely on of this host. */
  private static final class OfHost implements SnapshotReliance {
    private final Reliance reliance = new Reliance();

    @Override
    public byte[] host() {
      return reliance.host().toByteArray();
    }

    @Override
    public byte[] of(final byte[] image) {
      return reliance.of(image).toByteArray();
    }

    @Override
    public MessageLite accept(final byte[] image, final byte[] state, final byte[] host) {
      try {
        return reliance.accept(image, RelianceState.parseFrom(state), HostState.parseFrom(host));
      } catch (final InvalidProtocolBufferException e) {
        throw new DamagedException("what it relies on can not be read");
      }
    }
  }
}
