package io.vas.benchmarks.jmh;

import io.vas.core.VasException;
import io.vas.core.checkpoint.Checkpoint;
import io.vas.core.checkpoint.Checkpointer;
import io.vas.core.image.Image;
import io.vas.core.instance.Instance;
import io.vas.core.instance.Instances;
import io.vas.core.keeper.Keeper;
import io.vas.core.memory.RegionKind;
import io.vas.core.sandbox.RunSpec;
import io.vas.natives.NativeBinaries;
import io.vas.store.DescriptorHolder;
import io.vas.store.Draft;
import io.vas.store.SnapshotFacts;
import io.vas.store.SnapshotRequest;
import io.vas.store.SnapshotStore;
import io.vas.store.SnapshotUse;
import io.vas.store.StoreConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** An instance that runs, and a snapshot of it, without a daemon. */
@State(Scope.Benchmark)
public class LiveInstance {
  private static final long BUDGET = 256L << 20;
  private static final Duration DEADLINE = Duration.ofSeconds(20);
  private static final long SETTLE_MILLIS = 500;

  /** What runs: a process with 8 threads and 10 descriptors, or an empty Redis. */
  @Param({"threads", "redis"})
  public String program;

  private Path directory;
  private Keeper keeper;
  private Instances instances;
  private SnapshotStore store;
  private Instance instance;
  private Checkpointer checkpointer;
  private Image image;
  private SnapshotUse snapshot;

  /**
   * Starts it.
   *
   * @throws IOException if there is no room for a directory.
   * @throws InterruptedException if this thread is interrupted.
   */
  @Setup
  public void start() throws IOException, InterruptedException {
    directory = Directories.make();
    final Path state = Files.createDirectory(directory.resolve("d"));
    keeper = Keeper.start(state);
    try {
      instances = new Instances(state, keeper);
      store = SnapshotStore.open(new StoreConfig(state, BUDGET), DescriptorHolder.of(keeper));
      checkpointer =
          new Checkpointer(store.device(RegionKind.HUGE), store.device(RegionKind.SMALL));
      instance = instances.run(RunSpec.of(command().toArray(String[]::new)), DEADLINE);
      TimeUnit.MILLISECONDS.sleep(SETTLE_MILLIS);
      if (instance.state() != Instance.State.RUNNING) {
        throw new VasException("it has ended: " + Files.readString(instance.logFile()));
      }
      try (Draft draft = draft()) {
        final Checkpoint checkpoint = checkpointer.take(instance, draft, DEADLINE);
        image = checkpoint.image();
        final SnapshotFacts facts = new SnapshotFacts(0, 0, "map");
        snapshot = store.use(store.publish(draft, image, facts).id());
      }
    } catch (final RuntimeException e) {
      close();
      throw e;
    }
  }

  private List<String> command() throws IOException {
    if (program.equals("redis")) {
      return List.of("redis-server", "--save", "");
    }
    final Path helper = NativeBinaries.extract(NativeBinaries.BENCH_HELPER, directory);
    return List.of(helper.toString(), program);
  }

  private Draft draft() {
    return store.draft(
        new SnapshotRequest(
            instance.reference(), Optional.empty(), Optional.empty(), Optional.empty(), 0, 0));
  }

  /**
   * Leaves nothing behind.
   *
   * @throws IOException if that fails.
   */
  @TearDown
  public void close() throws IOException {
    if (snapshot != null) {
      snapshot.close();
    }
    if (store != null) {
      store.close();
    }
    if (checkpointer != null) {
      checkpointer.close();
    }
    keeper.shutdown();
    Directories.delete(directory);
  }

  Image image() {
    return image;
  }

  SnapshotUse snapshot() {
    return snapshot;
  }

  /** Takes a snapshot and throws it away. */
  Checkpoint take() {
    try (Draft draft = draft()) {
      return checkpointer.take(instance, draft, DEADLINE);
    }
  }
}
