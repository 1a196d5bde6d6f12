package io.vas.benchmarks.jmh;

import com.google.protobuf.ByteString;
import com.google.protobuf.BytesValue;
import io.vas.core.linux.FileIo;
import io.vas.core.memory.PageSpace;
import io.vas.core.memory.RegionKind;
import io.vas.store.Draft;
import io.vas.store.Snapshot;
import io.vas.store.SnapshotFacts;
import io.vas.store.SnapshotRequest;
import io.vas.store.SnapshotStore;
import io.vas.store.SnapshotUse;
import io.vas.store.StoreConfig;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** What the store costs a recorder: a snapshot of 100 new pages, from the draft on. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
public class SnapshotPublishing {
  private static final long BUDGET = 4L << 30;
  private static final int PAGE = 4096;
  private static final int SPACE = 1;
  private static final int DIRTY_PAGES = 100;

  /** About as many as Redis has. */
  private static final int MAPPINGS = 250;

  /** Of the instance: 256 MiB. */
  private static final int PAGES = 65_536;

  private static final SnapshotFacts FACTS = new SnapshotFacts(0, 0, "map");

  /** In the store before. */
  @Param({"10", "10000"})
  public int snapshots;

  private final Random random = new Random(1);
  private final Deque<String> chain = new ArrayDeque<>();
  private Path directory;
  private SnapshotStore store;
  private BytesValue image;
  private String base;

  /**
   * Fills a store.
   *
   * @throws IOException if there is no room for a directory.
   */
  @Setup
  public void fill() throws IOException {
    directory = Directories.make();
    store = SnapshotStore.open(new StoreConfig(directory, BUDGET), new NoHolder());
    image = BytesValue.of(ByteString.copyFrom(mappings(), StandardCharsets.UTF_8));
    try (Draft draft = store.draft(request(Optional.empty(), PAGES))) {
      FileIo.allocate(draft.region(RegionKind.SMALL), 0, (long) PAGES * PAGE);
      draft.store(SPACE, 0, (long) PAGES * PAGE, RegionKind.SMALL, 0);
      base = store.publish(draft, image, FACTS).id();
    }
    for (int i = 1; i < snapshots; i++) {
      publish(base, 0);
    }
  }

  /** About what an image consists of. */
  private String mappings() {
    final StringBuilder text = new StringBuilder();
    for (int i = 0; i < MAPPINGS; i++) {
      text.append(
          String.format(
              Locale.ROOT,
              "%x-%x r-xp /usr/lib/x86_64-linux-gnu/lib%d.so.6 rd ex mr mw me sd %x",
              random.nextLong(),
              random.nextLong(),
              i,
              random.nextLong()));
    }
    return text.toString();
  }

  private static SnapshotRequest request(final Optional<SnapshotUse> parent, final int pages) {
    return new SnapshotRequest(
        "0123456789ab",
        Optional.empty(),
        parent.map(use -> use.snapshot().id()),
        parent,
        (long) pages * PAGE,
        0);
  }

  private Snapshot publish(final String parent, final int pages) {
    try (SnapshotUse use = store.use(parent);
        Draft draft = store.draft(request(Optional.of(use), pages))) {
      draft.share(SPACE, 0, PageSpace.END, use, SPACE, 0);
      if (pages > 0) {
        FileIo.allocate(draft.region(RegionKind.SMALL), 0, (long) pages * PAGE);
      }
      for (int i = 0; i < pages; i++) {
        final long address = (long) random.nextInt(PAGES) * PAGE;
        draft.store(SPACE, address, PAGE, RegionKind.SMALL, (long) i * PAGE);
      }
      return store.publish(draft, image, FACTS);
    }
  }

  /** Makes room for what the next iteration takes. */
  @TearDown(Level.Iteration)
  public void remove() {
    chain.forEach(store::remove);
    chain.clear();
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
   * One more snapshot of a chain.
   *
   * @return the snapshot.
   */
  @Benchmark
  public Snapshot delta() {
    final Snapshot snapshot = publish(chain.isEmpty() ? base : chain.getLast(), DIRTY_PAGES);
    chain.add(snapshot.id());
    return snapshot;
  }
}
