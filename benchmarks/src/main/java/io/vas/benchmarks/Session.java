package io.vas.benchmarks;

import io.vas.api.StateDirectory;
import io.vas.api.cli.Texts;
import io.vas.api.client.VasClient;
import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.LogsRequest;
import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.Stage;
import io.vas.api.wire.SocketProbe;
import io.vas.core.VasException;
import io.vas.core.keeper.KeeperBond;
import io.vas.natives.NativeBinaries;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The daemon that is measured, and all that is made in it. When this is closed, nothing of that is
 * left: neither instances, snapshots and files, nor the daemon itself if it was started here.
 */
final class Session implements AutoCloseable {
  private static final long DAEMON_END_SECONDS = 20;
  private static final long LINES_SECONDS = 10;

  /** A request that is under way when the first sweep begins is done after this. */
  private static final long SWEEP_PAUSE_MILLIS = 300;

  private final Options options;
  private final Consumer<String> progress;
  private final Path directory;
  private final StateDirectory state;
  private final boolean ownDaemon;
  private final VasClient client;
  private final int daemonPid;
  private final String prefix = "bench-" + ProcessHandle.current().pid();
  private final AtomicInteger names = new AtomicInteger();
  private final Map<Long, Redis> redis = new HashMap<>();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final Object ending = new Object();

  private Session(final Options options, final boolean running, final Consumer<String> progress) {
    this.options = options;
    this.progress = progress;
    this.directory = makeDirectory();
    try {
      state =
          running ? StateDirectory.fromEnvironment() : new StateDirectory(directory.resolve("d"));
      if (!running) {
        // However the benchmarks end, a daemon in a directory that only they know does, too.
        System.setProperty(KeeperBond.BOUND, "true");
      }
      ownDaemon = !SocketProbe.accepts(state.socket());
      say(ownDaemon ? "starting a daemon" : "using the daemon of " + state.path());
      client = VasClient.connectOrStart(state);
      daemonPid = client.info().getPid();
    } catch (final RuntimeException e) {
      delete(directory);
      throw e;
    }
  }

  /**
   * Begins.
   *
   * @param options how to measure.
   * @param running in the daemon that runs, if one does, rather than in one of its own.
   * @param progress is told what is being done.
   * @return the session; it is closed by Ctrl-C, too.
   */
  static Session open(
      final Options options, final boolean running, final Consumer<String> progress) {
    final Session session = new Session(options, running, progress);
    Runtime.getRuntime().addShutdownHook(new Thread(session::close, "bench-cleanup"));
    return session;
  }

  private static Path makeDirectory() {
    try {
      return Files.createTempDirectory("vas-bench-");
    } catch (final IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Options options() {
    return options;
  }

  VasClient client() {
    return client;
  }

  StateDirectory state() {
    return state;
  }

  /** A directory of its own. */
  Path directory() {
    return directory;
  }

  /** Whether it is being closed, so that whatever fails fails for that. */
  boolean isClosed() {
    return closed.get();
  }

  void say(final String what) {
    progress.accept(what);
  }

  /**
   * A name for an instance or a snapshot, by which it is found in the end.
   *
   * @param what it is.
   */
  String name(final String what) {
    return prefix + "-" + what + "-" + names.incrementAndGet();
  }

  /**
   * A Redis that runs in an instance.
   *
   * @param bytes what its values take.
   * @return the same one each time.
   * @throws Exception if there is none, or not enough memory for it.
   */
  Redis redis(final long bytes) throws Exception {
    Redis found = redis.get(bytes);
    if (found == null) {
      found = Redis.start(this, bytes);
      redis.put(bytes, found);
    }
    return found;
  }

  /** Removes a Redis and its snapshot, to give their memory back. */
  void remove(final Redis unused) {
    redis.remove(unused.bytes());
    unused.remove();
  }

  /**
   * Ends an instance, or removes a snapshot.
   *
   * @param references of either.
   */
  void remove(final List<String> references) {
    final int removed = client.rm(references, true).size();
    if (removed != references.size()) {
      throw new VasException("removed " + removed + " of " + references.size());
    }
  }

  /**
   * Removes all snapshots of an instance, those without a name included.
   *
   * @param instance its id.
   */
  void removeSnapshotsOf(final String instance) {
    final List<String> ids =
        client.snapshots().stream()
            .filter(snapshot -> snapshot.getInstance().equals(instance))
            .map(SnapshotInfo::getId)
            .toList();
    if (!ids.isEmpty()) {
      remove(ids);
    }
  }

  /**
   * Runs the benchmarks' helper in an instance.
   *
   * @param words its arguments.
   * @return the instance, which has written its first line.
   */
  InstanceInfo runHelper(final String... words) throws IOException {
    final List<String> command = new ArrayList<>(List.of(helper().toString()));
    command.addAll(List.of(words));
    final InstanceInfo instance = client.run(name(words[0]), command);
    awaitLines(instance.getId(), 1);
    return instance;
  }

  /** The helper's program: the same file each time, as forks map it. */
  Path helper() throws IOException {
    final Path helper = directory.resolve(NativeBinaries.BENCH_HELPER);
    return Files.exists(helper)
        ? helper
        : NativeBinaries.extract(NativeBinaries.BENCH_HELPER, directory);
  }

  /**
   * Waits until an instance has written enough lines.
   *
   * @param instance its id.
   * @param count of the lines.
   * @return the lines.
   */
  List<String> awaitLines(final String instance, final int count) throws IOException {
    final LogsRequest request = LogsRequest.newBuilder().setInstance(instance).build();
    final long begin = System.nanoTime();
    while (true) {
      final ByteArrayOutputStream log = new ByteArrayOutputStream();
      client.logs(request, log);
      final List<String> lines = log.toString(StandardCharsets.UTF_8).lines().toList();
      if (lines.size() >= count) {
        return lines;
      }
      if (System.nanoTime() - begin > TimeUnit.SECONDS.toNanos(LINES_SECONDS)) {
        throw new VasException("instance " + instance + " says no more than: " + log);
      }
      pause(1);
    }
  }

  /** How long the stages of a fork that has not been removed took. */
  List<Stage> stages(final ForkInfo fork) {
    return client.inspect(fork.getId()).getInstance().getStagesList();
  }

  /** How long the stages of a snapshot that has not been removed took. */
  List<Stage> stages(final SnapshotInfo snapshot) {
    return client.inspect(snapshot.getId()).getSnapshot().getStagesList();
  }

  /**
   * Looks whether there is enough memory.
   *
   * @param bytes wanted.
   * @throws SkippedException if there is not.
   */
  void requireMemory(final long bytes) {
    final long available = ProcFiles.availableBytes();
    if (available < bytes) {
      throw new SkippedException(
          "needs " + Texts.size(bytes) + " of memory, " + Texts.size(available) + " are available");
    }
  }

  @Override
  public void close() {
    // Whoever comes second waits until the first is done.
    synchronized (ending) {
      if (!closed.compareAndSet(false, true)) {
        return;
      }
      try {
        if (ownDaemon) {
          client.shutdown();
        } else {
          sweep();
          pause(SWEEP_PAUSE_MILLIS);
          sweep();
        }
      } catch (final VasException e) {
        say("not all is removed: " + e.getMessage());
      }
      client.close();
      if (ownDaemon) {
        awaitDaemonsEnd();
      }
      delete(directory);
    }
  }

  private void sweep() {
    final List<String> made = new ArrayList<>();
    for (final InstanceInfo instance : client.ps(true)) {
      if (instance.getName().startsWith(prefix)) {
        made.add(instance.getId());
      }
    }
    for (final SnapshotInfo snapshot : client.snapshots()) {
      // Recorders do not name theirs.
      if (snapshot.getName().startsWith(prefix) || made.contains(snapshot.getInstance())) {
        made.add(snapshot.getId());
      }
    }
    if (!made.isEmpty()) {
      remove(made);
    }
  }

  private void awaitDaemonsEnd() {
    final Path process = Path.of("/proc/" + daemonPid);
    final long begin = System.nanoTime();
    while (Files.exists(process)) {
      if (System.nanoTime() - begin > TimeUnit.SECONDS.toNanos(DAEMON_END_SECONDS)) {
        say("the daemon, pid " + daemonPid + ", has not ended");
        return;
      }
      pause(10);
    }
  }

  static void pause(final long millis) {
    try {
      TimeUnit.MILLISECONDS.sleep(millis);
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new VasException("interrupted", e);
    }
  }

  private void delete(final Path tree) {
    try (Stream<Path> files = Files.walk(tree)) {
      for (final Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    } catch (final IOException | UncheckedIOException e) {
      say("cannot delete " + tree + ": " + e.getMessage());
    }
  }
}
