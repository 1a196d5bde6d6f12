package io.vas.benchmarks.jmh;

import io.vas.core.image.Image;
import io.vas.store.Draft;
import io.vas.store.Snapshot;
import io.vas.store.SnapshotFacts;
import io.vas.store.SnapshotName;
import io.vas.store.SnapshotRequest;
import io.vas.store.SnapshotStore;
import io.vas.store.StoreConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Finding a snapshot in the store's index, as each fork does. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class SnapshotLookup {
  private static final long BUDGET = 256L << 20;
  private static final int PREFIX = 8;

  /** In the store. */
  @Param({"10", "200"})
  public int snapshots;

  private Path directory;
  private SnapshotStore store;
  private String id;
  private String name;
  private String prefix;

  /**
   * Fills a store with empty snapshots.
   *
   * @throws IOException if there is no room for a directory.
   */
  @Setup
  public void fill() throws IOException {
    directory = Directories.make();
    store = SnapshotStore.open(new StoreConfig(directory, BUDGET), new NoHolder());
    for (int i = 0; i < snapshots; i++) {
      final SnapshotRequest request =
          new SnapshotRequest(
              "0123456789ab",
              Optional.of(new SnapshotName("bench", Integer.toString(i))),
              Optional.empty(),
              Optional.empty(),
              0,
              0);
      try (Draft draft = store.draft(request)) {
        final Snapshot snapshot =
            store.publish(draft, Image.getDefaultInstance(), new SnapshotFacts(0, 0, "map"));
        if (i == snapshots / 2) {
          id = snapshot.id();
          name = request.name().orElseThrow().toString();
          prefix = id.substring(0, PREFIX);
        }
      }
    }
  }

  /**
   * Leaves nothing behind.
   *
   * @throws IOException if that fails.
   */
  @TearDown
  public void close() throws IOException {
    store.close();
    Directories.delete(directory);
  }

  /**
   * By its whole id.
   *
   * @return the snapshot.
   */
  @Benchmark
  public Snapshot byId() {
    return store.get(id);
  }

  /**
   * By name and tag.
   *
   * @return the snapshot.
   */
  @Benchmark
  public Snapshot byName() {
    return store.get(name);
  }

  /**
   * By the beginning of its id.
   *
   * @return the snapshot.
   */
  @Benchmark
  public Snapshot byPrefix() {
    return store.get(prefix);
  }
}
