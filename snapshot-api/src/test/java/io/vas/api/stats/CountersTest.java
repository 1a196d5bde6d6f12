package io.vas.api.stats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vas.api.client.CountersFile;
import io.vas.api.client.LatencyFigures;
import io.vas.core.NotFoundException;
import io.vas.core.VasException;
import io.vas.core.testing.LeakCheck;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.status.CountersReader;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Who writes counters and who reads them. */
@ExtendWith(LeakCheck.class)
class CountersTest {
  private static final int WRITERS = 3;
  private static final int ROUNDS = 50_000;

  @TempDir private Path directory;

  private Path path;

  @BeforeEach
  void choosePath() {
    path = directory.resolve("counters");
  }

  @Test
  void shouldReadWhatIsWritten() {
    try (Counters counters = Counters.create(path)) {
      final CountersFile file = CountersFile.open(path);
      long value = 0;
      for (final Counter counter : Counter.values()) {
        assertThat(file.value(counter)).isZero();
        counters.add(counter, ++value);
        counters.increment(counter);
      }
      counters.set(Counter.STORE_USED, 1L << 40);

      value = 0;
      for (final Counter counter : Counter.values()) {
        assertThat(file.value(counter))
            .as(counter.label())
            .isEqualTo(counter == Counter.STORE_USED ? 1L << 40 : value + 2);
        value++;
      }
      assertThat(file.pid()).isEqualTo((int) ProcessHandle.current().pid());
      assertThat(file.startedUnixMicros()).isEqualTo(file.updatedUnixMicros());
      counters.updated();
      assertThat(file.updatedUnixMicros()).isGreaterThanOrEqualTo(file.startedUnixMicros());
    }
  }

  @Test
  void shouldBelongToItsOwnerAlone() throws IOException {
    try (Counters counters = Counters.create(path)) {
      counters.updated();
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
          .isEqualTo("rw-------");
      assertThat(Files.size(path)).isEqualTo(CountersFileDescriptor.LENGTH);
    }
  }

  @Test
  void shouldBeReadByAgronaToo() throws IOException {
    try (Counters counters = Counters.create(path);
        FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      counters.add(Counter.FORKS_MADE, 7);
      counters.record(Latency.FORK, 1000);
      counters.record(Latency.FORK, 3000);
      final ByteBuffer file =
          channel
              .map(FileChannel.MapMode.READ_ONLY, 0, channel.size())
              .order(ByteOrder.LITTLE_ENDIAN);
      final CountersReader reader =
          new CountersReader(
              section(file, CountersFileDescriptor.METADATA_OFFSET_OFFSET),
              section(file, CountersFileDescriptor.VALUES_OFFSET_OFFSET));
      final TreeMap<String, Long> found = new TreeMap<>();
      reader.forEach((value, id, label) -> found.put(label, value));

      assertThat(found)
          .hasSize(CountersFileDescriptor.COUNTERS)
          .containsEntry("forks.made", 7L)
          .containsEntry("latencies.fork.count", 2L)
          .containsEntry("latencies.fork.sum_us", 4000L)
          .containsEntry("latencies.fork.max_us", 3000L);
    }
  }

  private static UnsafeBuffer section(final ByteBuffer file, final int field) {
    return new UnsafeBuffer(file, file.getInt(field), file.getInt(field + Integer.BYTES));
  }

  @Test
  void shouldTellPercentilesToAnEighth() {
    try (Counters counters = Counters.create(path)) {
      final CountersFile file = CountersFile.open(path);
      assertThat(file.latency(Latency.FROZEN).percentileMicros(0.5)).isZero();
      final Random random = new Random(7);
      final long[] times = new long[10_000];
      for (int i = 0; i < times.length; i++) {
        times[i] = (long) Math.exp(random.nextDouble() * 15);
        counters.record(Latency.FROZEN, times[i]);
      }
      Arrays.sort(times);

      final LatencyFigures figures = file.latency(Latency.FROZEN);
      for (final double share : new double[] {0.01, 0.5, 0.9, 0.99, 0.999}) {
        final long exact = times[(int) Math.ceil(share * times.length) - 1];
        assertThat(figures.percentileMicros(share)).isBetween(exact, exact + exact / 8);
      }
      assertThat(figures.percentileMicros(1)).isEqualTo(times[times.length - 1]);
      assertThat(figures.maxMicros()).isEqualTo(times[times.length - 1]);
      assertThat(figures.sumMicros()).isEqualTo(Arrays.stream(times).sum());
      assertThat(figures.count()).isEqualTo(times.length);
      assertThat(file.latency(Latency.FORK).count()).isZero();
    }
  }

  @Test
  void shouldLoseNothingThatManyThreadsCountWhileOthersRead() {
    try (Counters counters = Counters.create(path)) {
      final CountersFile file = CountersFile.open(path);
      final List<CompletableFuture<Void>> writers = new ArrayList<>();
      for (int i = 0; i < WRITERS; i++) {
        final int writer = i;
        writers.add(CompletableFuture.runAsync(() -> write(counters, writer)));
      }
      final CompletableFuture<Void> all =
          CompletableFuture.allOf(writers.toArray(CompletableFuture[]::new));
      long forks = 0;
      while (!all.isDone()) {
        final long now = file.value(Counter.FORKS_MADE);
        assertThat(now).isGreaterThanOrEqualTo(forks);
        forks = now;
        final LatencyFigures figures = file.latency(Latency.FORK);
        // All times but 0 are in the sum before they are in a bucket.
        assertThat(figures.sumMicros()).isGreaterThanOrEqualTo(figures.count() - WRITERS);
        assertThat(figures.percentileMicros(1)).isLessThanOrEqualTo(figures.maxMicros());
      }
      all.join();

      assertThat(file.value(Counter.FORKS_MADE)).isEqualTo(WRITERS * ROUNDS);
      final LatencyFigures figures = file.latency(Latency.FORK);
      assertThat(figures.count()).isEqualTo(WRITERS * ROUNDS);
      assertThat(figures.maxMicros()).isEqualTo((ROUNDS - 1) * WRITERS + WRITERS - 1);
      assertThat(figures.sumMicros())
          .isEqualTo((long) WRITERS * ROUNDS * (WRITERS * ROUNDS - 1) / 2);
    }
  }

  /** The writers note all numbers from 0 on, in turn. */
  private static void write(final Counters counters, final int writer) {
    for (int i = 0; i < ROUNDS; i++) {
      counters.increment(Counter.FORKS_MADE);
      counters.record(Latency.FORK, (long) i * WRITERS + writer);
    }
  }

  @Test
  void shouldTellWhoHasItMappedThatItsWriterHasEnded() {
    final Counters counters = Counters.create(path);
    final CountersFile file = CountersFile.open(path);
    assertThat(file.isWriterAlive()).isTrue();
    counters.increment(Counter.FORKS_MADE);

    counters.close();

    assertThat(file.isWriterAlive()).isFalse();
    assertThat(file.value(Counter.FORKS_MADE)).isEqualTo(1);
    assertThat(path).doesNotExist();
    assertThatThrownBy(() -> CountersFile.open(path))
        .isInstanceOf(NotFoundException.class)
        .hasMessageContaining(path.toString());
    counters.increment(Counter.FORKS_MADE);
  }

  @Test
  void shouldNotBeTakenForAnotherProcessWithTheSamePid() throws Exception {
    final Process process = new ProcessBuilder("sleep", "1000").start();
    final int pid = (int) process.pid();
    try {
      final WriterProcess self = WriterProcess.current();
      assertThat(self.isAlive()).isTrue();
      assertThat(new WriterProcess(self.pid(), self.startTicks() - 1).isAlive()).isFalse();
      assertThat(new WriterProcess(pid, self.startTicks()).isAlive()).isFalse();
    } finally {
      process.destroyForcibly();
      assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
    }
    assertThat(new WriterProcess(pid, 0).isAlive()).isFalse();
  }

  @Test
  void shouldTakeThePlaceOfWhatAnotherDaemonHasLeft() throws IOException {
    Files.writeString(path, "something else");
    Files.writeString(path.resolveSibling("counters.part"), "cut off");

    try (Counters first = Counters.create(path)) {
      first.increment(Counter.FORKS_MADE);
      final CountersFile mapped = CountersFile.open(path);
      try (Counters second = Counters.create(path)) {
        second.add(Counter.FORKS_MADE, 5);

        assertThat(mapped.value(Counter.FORKS_MADE)).isEqualTo(1);
        assertThat(CountersFile.open(path).value(Counter.FORKS_MADE)).isEqualTo(5);
      }
    }
    assertThat(directory).isEmptyDirectory();
  }

  private void expectRefusal(final String message) {
    assertThatThrownBy(() -> CountersFile.open(path))
        .isInstanceOf(VasException.class)
        .hasMessageContaining(path.toString())
        .hasMessageContaining(message);
  }

  private void overwrite(final int offset, final int value) throws IOException {
    try (Counters counters = Counters.create(path);
        FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
      counters.updated();
      final ByteBuffer word = ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      word.putInt(0, value);
      assertThat(channel.write(word, offset)).isEqualTo(Integer.BYTES);
      Files.copy(path, path.resolveSibling("copy"));
    }
    Files.move(path.resolveSibling("copy"), path);
  }

  @Test
  void shouldRefuseAnotherVersion() throws IOException {
    overwrite(CountersFileDescriptor.VERSION_OFFSET, 99);
    expectRefusal("has version 99, and this program knows version 1");
  }

  @Test
  void shouldRefuseWhatIsNoFileOfCounters() throws IOException {
    overwrite(CountersFileDescriptor.MAGIC_OFFSET, 0x41414141);
    expectRefusal("is no file of counters: it begins with 0x3152544e41414141");
  }

  @Test
  void shouldRefuseOffsetsThatLeadOutOfIt() throws IOException {
    for (final int field :
        new int[] {
          CountersFileDescriptor.METADATA_OFFSET_OFFSET,
          CountersFileDescriptor.VALUES_LENGTH_OFFSET,
          CountersFileDescriptor.BUCKETS_OFFSET_OFFSET
        }) {
      for (final int value : new int[] {-8, Integer.MAX_VALUE, 1 << 20}) {
        overwrite(field, value);
        expectRefusal("is damaged");
        Files.delete(path);
      }
    }
    overwrite(CountersFileDescriptor.METADATA_LENGTH_OFFSET, 512);
    expectRefusal("it has no counter 2, snapshots.held");
    Files.delete(path);
    overwrite(CountersFileDescriptor.BUCKETS_LENGTH_OFFSET, 8);
    expectRefusal("its buckets take less than");
  }

  @Test
  void shouldRefuseATruncatedFile() throws IOException {
    overwrite(CountersFileDescriptor.VERSION_OFFSET, CountersFileDescriptor.VERSION);
    assertThat(CountersFile.open(path).value(Counter.FORKS_MADE)).isZero();
    for (final int length :
        new int[] {
          CountersFileDescriptor.LENGTH - 8, CountersFileDescriptor.HEADER_LENGTH, 100, 0
        }) {
      try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
        assertThat(channel.truncate(length).size()).isEqualTo(length);
      }
      expectRefusal(length + " bytes");
    }
  }
}
