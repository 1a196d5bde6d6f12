package io.vas.benchmarks;

import com.google.protobuf.ByteString;
import com.google.protobuf.BytesValue;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.MappedMemory;
import io.vas.core.linux.TmpfsMount;
import io.vas.core.linux.TmpfsMount.HugePages;
import io.vas.core.linux.TmpfsMount.RegionFile;
import io.vas.core.memory.PageSpace;
import io.vas.core.memory.RegionKind;
import io.vas.store.Draft;
import io.vas.store.SnapshotFacts;
import io.vas.store.SnapshotRequest;
import io.vas.store.SnapshotStore;
import io.vas.store.SnapshotUse;
import io.vas.store.StoreConfig;
import io.vas.store.StoreStatus;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.agrona.BufferUtil;
import org.agrona.concurrent.UnsafeBuffer;

/** The store alone, in this process: long chains of small deltas. */
final class StoreBenchmark implements Benchmark {
  private static final int PAGE = 4096;
  private static final int SPACE = 1;
  private static final long BUDGET = 8 * ByteSize.GIB;

  /** 256 MiB, and what is written between two snapshots. */
  private static final int BASE_PAGES = 65_536;

  private static final int DIRTY_PAGES = 100;

  private static final int RESTART_SNAPSHOTS = 1_000;
  private static final int CHAIN = 10_000;
  private static final int MANY = 100_000;
  private static final int LOOKUPS = 1_000;

  /** Of Redis, about. */
  private static final int IMAGE_BYTES = 24_576;

  private static final int CHANGES = 64;

  private static final long APPENDED = 256 * ByteSize.MIB;

  /** How long the copy alone takes, by how long it takes with the store's part. */
  private static final Goal APPEND = new Goal(1 / 0.8, 1 / 0.95);

  /** So that 500 a second leave time for the rest. */
  private static final Goal PUBLISH = new Goal(1_000, 500);

  private static final Goal LOOKUP = new Goal(2, 0.2);
  private static final Goal DELETE = new Goal(10_000, 1_000);
  private static final Goal RESTART = new Goal(2_000_000, 700_000);
  private static final Goal OVERHEAD = new Goal(0.10, 0.02);
  private static final Goal HEAP = new Goal(512L << 20, 128L << 20);

  private final Random random = new Random(1);

  private byte[] image = new byte[0];

  /** Pages of the draft that is being filled. */
  private long stored;

  @Override
  public String name() {
    return "store";
  }

  @Override
  public String description() {
    return "the store with chains of deltas of " + DIRTY_PAGES + " pages";
  }

  @Override
  public List<Row> run(final Session session) throws Exception {
    session.requireMemory(BUDGET);
    final List<Row> rows = new ArrayList<>();
    final Path directory = Files.createTempDirectory("vas-bench-store");
    try {
      rows.addAll(append(session, directory));
      rows.addAll(thousand(session, directory));
      rows.addAll(chain(session, directory));
      rows.add(heap(session, directory));
    } finally {
      try (var left = Files.newDirectoryStream(directory)) {
        for (final Path path : left) {
          Files.delete(path);
        }
      }
      Files.delete(directory);
    }
    return rows;
  }

  // ---- appending pages

  private List<Row> append(final Session session, final Path directory) {
    final Samples appended = new Samples();
    final Samples copied = new Samples();
    final Samples fresh = new Samples();
    final UnsafeBuffer source =
        new UnsafeBuffer(BufferUtil.allocateDirectAligned((int) APPENDED, PAGE));
    source.setMemory(0, (int) APPENDED, (byte) 1);
    try (SnapshotStore store =
            SnapshotStore.open(new StoreConfig(directory, BUDGET), new InProcessHolder());
        TmpfsMount mount = TmpfsMount.create(APPENDED, HugePages.ALWAYS);
        RegionFile file = mount.createFile()) {
      FileIo.truncate(file.readWrite(), APPENDED);
      try (MappedMemory plain = MappedMemory.mapShared(file.readWrite(), 0, APPENDED)) {
        for (int i = -3; i < session.options().rounds(20); i++) {
          final long start = System.nanoTime();
          plain.buffer().putBytes(0, source, 0, (int) APPENDED);
          final long between = System.nanoTime();
          final String id = append(store, source);
          final long end = System.nanoTime();
          store.remove(id);
          final long again = System.nanoTime();
          copyToNewFile(source);
          if (i >= 0) {
            fresh.add(System.nanoTime() - again);
            copied.add(between - start);
            appended.add(end - between);
          }
        }
      }
    }
    return List.of(
        Row.measured(name(), "copy of 256 MiB to written memory", Unit.MICROSECONDS, copied),
        Row.measured(name(), "the same to a new file, freed memory", Unit.MICROSECONDS, fresh),
        Row.measured(name(), "the same as a snapshot", Unit.MICROSECONDS, appended),
        Row.ratio(name(), "the same against that copy, time", appended, copied, APPEND));
  }

  /** What the kernel asks for memory that was given back: it clears it again. */
  private static void copyToNewFile(final UnsafeBuffer source) {
    try (TmpfsMount mount = TmpfsMount.create(APPENDED, HugePages.ALWAYS);
        RegionFile file = mount.createFile()) {
      FileIo.truncate(file.readWrite(), APPENDED);
      try (MappedMemory memory = MappedMemory.mapShared(file.readWrite(), 0, APPENDED)) {
        memory.buffer().putBytes(0, source, 0, (int) APPENDED);
      }
    }
  }

  private static String append(final SnapshotStore store, final UnsafeBuffer source) {
    final SnapshotRequest request =
        new SnapshotRequest(
            "0123456789ab", Optional.empty(), Optional.empty(), Optional.empty(), APPENDED, 0);
    try (Draft draft = store.draft(request)) {
      final Fd region = draft.region(RegionKind.HUGE);
      FileIo.truncate(region, APPENDED);
      try (MappedMemory memory = MappedMemory.mapShared(region, 0, APPENDED)) {
        memory.buffer().putBytes(0, source, 0, (int) APPENDED);
      }
      draft.store(SPACE, 0, APPENDED, RegionKind.HUGE, 0);
      return store
          .publish(draft, BytesValue.getDefaultInstance(), new SnapshotFacts(0, 0, "map"))
          .id();
    }
  }

  // ---- a thousand snapshots of one instance

  private List<Row> thousand(final Session session, final Path directory) throws IOException {
    final InProcessHolder holder = new InProcessHolder();
    SnapshotStore store = SnapshotStore.open(new StoreConfig(directory, BUDGET), holder);
    try {
      fill(store, RESTART_SNAPSHOTS, IMAGE_BYTES);
      final StoreStatus status = store.status();
      final long pages = (BASE_PAGES + (RESTART_SNAPSHOTS - 1L) * DIRTY_PAGES) * PAGE;
      final Samples beyond = new Samples();
      beyond.add(status.usedBytes() - pages + status.metadataBytes());
      final Samples payload = new Samples();
      payload.add(pages);
      final Samples nanos = new Samples();
      for (int i = 0; i < session.options().rounds(10); i++) {
        store.leave();
        final long start = System.nanoTime();
        store = SnapshotStore.open(new StoreConfig(directory, BUDGET), holder);
        nanos.add(System.nanoTime() - start);
      }
      return List.of(
          Row.measured(
              name(), "open again with 1,000 snapshots", Unit.MICROSECONDS, nanos, RESTART),
          Row.ratio(
              name(),
              "1,000 of 256 MiB, 100 dirty pages each: beyond pages",
              beyond,
              payload,
              OVERHEAD));
    } finally {
      store.close();
    }
  }

  // ---- a long chain

  private List<Row> chain(final Session session, final Path directory) throws IOException {
    final Samples lookups = new Samples();
    final Samples deletes = new Samples();
    final Samples publications = new Samples();
    try (SnapshotStore store =
        SnapshotStore.open(new StoreConfig(directory, BUDGET), new InProcessHolder())) {
      final List<String> ids = fill(store, CHAIN, IMAGE_BYTES);
      for (int i = -session.options().warmUpRounds(); i < session.options().rounds(); i++) {
        final long start = System.nanoTime();
        try (SnapshotUse parent = store.use(ids.get(ids.size() - 1))) {
          ids.add(publish(store, Optional.of(parent), DIRTY_PAGES, IMAGE_BYTES));
        }
        if (i >= 0) {
          publications.add(System.nanoTime() - start);
        }
      }
      try (SnapshotUse use = store.use(ids.get(CHAIN - 1))) {
        for (int i = -session.options().warmUpRounds(); i < session.options().rounds(); i++) {
          final long start = System.nanoTime();
          for (int n = 0; n < LOOKUPS; n++) {
            final long address = (long) random.nextInt(BASE_PAGES) * PAGE;
            if (use.extents(SPACE, address, address + PAGE).isEmpty()) {
              throw new IllegalStateException("page " + address + " is missing");
            }
          }
          if (i >= 0) {
            lookups.add((System.nanoTime() - start) / LOOKUPS);
          }
        }
      }
      for (int i = 0; i < session.options().rounds(100); i++) {
        final String middle = ids.remove(ids.size() / 2);
        final long start = System.nanoTime();
        store.remove(middle);
        deletes.add(System.nanoTime() - start);
      }
    }
    return List.of(
        Row.measured(
            name(), "publish one more delta of it", Unit.MICROSECONDS, publications, PUBLISH),
        Row.measured(
            name(), "look-up of a page, chain of 10,000", Unit.MICROSECONDS, lookups, LOOKUP),
        Row.measured(
            name(), "delete in the middle of that chain", Unit.MICROSECONDS, deletes, DELETE));
  }

  // ---- very many

  private Row heap(final Session session, final Path directory) throws IOException {
    session.say("store: " + MANY + " snapshots");
    final Samples heap = new Samples();
    try (SnapshotStore store =
        SnapshotStore.open(new StoreConfig(directory, BUDGET), new InProcessHolder())) {
      final long before = usedHeap();
      publish(store, Optional.empty(), 1, 1);
      final String base = store.list().get(0).id();
      for (int i = 1; i < MANY; i++) {
        // Of one page each: what the heap holds does not depend on it.
        try (SnapshotUse use = store.use(base)) {
          publish(store, Optional.of(use), 1, 1);
        }
      }
      heap.add(usedHeap() - before);
    }
    return Row.measured(name(), "heap of 100,000 snapshots", Unit.BYTES, heap, HEAP);
  }

  private static long usedHeap() {
    System.gc();
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  // ---- snapshots

  private List<String> fill(final SnapshotStore store, final int count, final int imageBytes)
      throws IOException {
    final List<String> ids = new ArrayList<>();
    ids.add(publish(store, Optional.empty(), BASE_PAGES, imageBytes));
    for (int i = 1; i < count; i++) {
      try (SnapshotUse parent = store.use(ids.get(i - 1))) {
        ids.add(publish(store, Optional.of(parent), DIRTY_PAGES, imageBytes));
      }
    }
    return ids;
  }

  private String publish(
      final SnapshotStore store,
      final Optional<SnapshotUse> parent,
      final int pages,
      final int imageBytes) {
    try (Draft draft =
        store.draft(
            new SnapshotRequest(
                "0123456789ab",
                Optional.empty(),
                parent.map(use -> use.snapshot().id()),
                parent,
                (long) pages * PAGE,
                0))) {
      FileIo.allocate(draft.region(RegionKind.SMALL), 0, (long) pages * PAGE);
      if (parent.isPresent()) {
        draft.share(SPACE, 0, PageSpace.END, parent.get(), SPACE, 0);
        random
            .ints(0, BASE_PAGES)
            .distinct()
            .limit(pages)
            .forEach(
                page -> {
                  final long next = stored * PAGE;
                  draft.store(SPACE, (long) page * PAGE, PAGE, RegionKind.SMALL, next);
                  stored++;
                });
      } else {
        draft.store(SPACE, 0, (long) pages * PAGE, RegionKind.SMALL, 0);
      }
      stored = 0;
      final byte[] image = image(imageBytes);
      return store
          .publish(draft, BytesValue.of(ByteString.copyFrom(image)), new SnapshotFacts(0, 0, "map"))
          .id();
    }
  }

  /** It hardly differs from the last: registers, times. */
  private byte[] image(final int bytes) {
    if (image.length != bytes) {
      image = new byte[bytes];
      random.nextBytes(image);
    }
    for (int i = 0; i < Math.min(CHANGES, bytes); i++) {
      image[random.nextInt(bytes)]++;
    }
    return image;
  }
}
