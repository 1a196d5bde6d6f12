package io.vas.api.daemon;

import io.vas.api.StateDirectory;
import io.vas.api.v1.CheckReply;
import io.vas.api.v1.DaemonInfo;
import io.vas.api.v1.ExecStart;
import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.ForkRequest;
import io.vas.api.v1.InspectReply;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.Progress;
import io.vas.api.v1.RunRequest;
import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.SnapshotRequest;
import io.vas.core.NotFoundException;
import io.vas.core.UnsupportedException;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;

/** The engine that works on this host. */
public final class LocalEngine implements Engine {
  private final StateDirectory directory;

  /**
   * Starts it.
   *
   * @param directory where it keeps its files.
   */
  public LocalEngine(final StateDirectory directory) {
    this.directory = directory;
  }

  @Override
  public CheckReply check() {
    return HostCheck.run();
  }

  @Override
  public void describe(final DaemonInfo.Builder info) {}

  @Override
  public InstanceInfo run(final RunRequest request, final CallTime time) {
    throw new UnsupportedException("no instances yet in " + directory.path());
  }

  @Override
  public List<InstanceInfo> instances(final boolean all) {
    return List.of();
  }

  @Override
  public InspectReply inspect(final String reference) {
    throw new NotFoundException("no instance or snapshot '" + reference + "'");
  }

  @Override
  public InstanceLog log(final String instance) {
    throw new NotFoundException("no instance '" + instance + "'");
  }

  @Override
  public Visitor exec(final ExecStart start, final CallTime time) {
    throw new NotFoundException("no instance '" + start.getInstance() + "'");
  }

  @Override
  public InstanceInfo stop(final String instance, final Duration grace, final CallTime time) {
    throw new NotFoundException("no instance '" + instance + "'");
  }

  @Override
  public InstanceInfo kill(final String instance, final int signal) {
    throw new NotFoundException("no instance '" + instance + "'");
  }

  @Override
  public List<String> remove(
      final List<String> references, final boolean force, final CallTime time) {
    throw new NotFoundException("no instance or snapshot '" + references.get(0) + "'");
  }

  @Override
  public SnapshotInfo snapshot(
      final SnapshotRequest request, final Consumer<Progress> progress, final CallTime time) {
    throw new NotFoundException("no instance '" + request.getInstance() + "'");
  }

  @Override
  public List<SnapshotInfo> snapshots() {
    return List.of();
  }

  @Override
  public List<ForkInfo> fork(final ForkRequest request, final CallTime time) {
    throw new NotFoundException("no snapshot or instance '" + request.getSource() + "'");
  }

  @Override
  public void close() {}
}
