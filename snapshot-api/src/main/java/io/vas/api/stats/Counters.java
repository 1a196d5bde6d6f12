package io.vas.api.stats;

import static io.vas.api.stats.CountersFileDescriptor.BUCKETS_LENGTH_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.BUCKETS_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.BUCKETS_OFFSET_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.ENDED_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.LENGTH;
import static io.vas.api.stats.CountersFileDescriptor.MAGIC;
import static io.vas.api.stats.CountersFileDescriptor.MAGIC_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.METADATA_LENGTH_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.METADATA_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.METADATA_OFFSET_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.PID_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.STARTED_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.START_TICKS_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.UPDATED_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.VALUES_LENGTH_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.VALUES_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.VALUES_OFFSET_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.VERSION;
import static io.vas.api.stats.CountersFileDescriptor.VERSION_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.bucketOffset;

import io.vas.api.FileErrors;
import io.vas.core.VasException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.status.AtomicCounter;
import org.agrona.concurrent.status.CountersManager;

/**
 * Writes the file of counters. All methods may be called by any thread; those that count allocate
 * nothing and take no lock, and go on harmlessly after {@link #close()}.
 */
public final class Counters implements AutoCloseable {
  private final Path path;
  private final UnsafeBuffer header;
  private final UnsafeBuffer buckets;
  private final Map<Counter, AtomicCounter> counters = new EnumMap<>(Counter.class);
  private final Map<Latency, Times> latencies = new EnumMap<>(Latency.class);

  private record Times(AtomicCounter count, AtomicCounter sum, AtomicCounter max) {}

  /** The views hold the mapping, which goes when nobody can count any more. */
  private Counters(final Path path, final ByteBuffer file) {
    this.path = path;
    header = new UnsafeBuffer(file, 0, CountersFileDescriptor.HEADER_LENGTH);
    buckets = new UnsafeBuffer(file, BUCKETS_OFFSET, LENGTH - BUCKETS_OFFSET);
    final CountersManager manager =
        new CountersManager(
            new UnsafeBuffer(file, METADATA_OFFSET, VALUES_OFFSET - METADATA_OFFSET),
            new UnsafeBuffer(file, VALUES_OFFSET, BUCKETS_OFFSET - VALUES_OFFSET),
            StandardCharsets.US_ASCII);
    for (final Counter counter : Counter.values()) {
      counters.put(counter, manager.newCounter(counter.label(), counter.typeId()));
    }
    for (final Latency latency : Latency.values()) {
      final String label = "latencies." + latency.field() + ".";
      latencies.put(
          latency,
          new Times(
              manager.newCounter(label + "count", latency.countTypeId()),
              manager.newCounter(label + "sum_us", latency.sumTypeId()),
              manager.newCounter(label + "max_us", latency.maxTypeId())));
    }
    writeHeader();
  }

  private void writeHeader() {
    final WriterProcess writer = WriterProcess.current();
    final long now = unixMicros();
    header.putLong(MAGIC_OFFSET, MAGIC);
    header.putInt(VERSION_OFFSET, VERSION);
    header.putInt(PID_OFFSET, writer.pid());
    header.putLong(START_TICKS_OFFSET, writer.startTicks());
    header.putLong(STARTED_OFFSET, now);
    header.putLong(UPDATED_OFFSET, now);
    header.putInt(METADATA_OFFSET_OFFSET, METADATA_OFFSET);
    header.putInt(METADATA_LENGTH_OFFSET, VALUES_OFFSET - METADATA_OFFSET);
    header.putInt(VALUES_OFFSET_OFFSET, VALUES_OFFSET);
    header.putInt(VALUES_LENGTH_OFFSET, BUCKETS_OFFSET - VALUES_OFFSET);
    header.putInt(BUCKETS_OFFSET_OFFSET, BUCKETS_OFFSET);
    header.putInt(BUCKETS_LENGTH_OFFSET, LENGTH - BUCKETS_OFFSET);
  }

  /**
   * Makes the file, in place of one that another process has left.
   *
   * @param path of the file; it will be its owner's alone.
   * @return the counters, all 0.
   * @throws VasException if it can't be made.
   */
  public static Counters create(final Path path) {
    final Path part = path.resolveSibling(path.getFileName() + ".part");
    try {
      Files.deleteIfExists(part);
      final Counters counters;
      try (FileChannel channel =
          FileChannel.open(
              part,
              Set.of(
                  StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE),
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
        // Written, not only made longer: a store to a page for which there is no room would be
        // fatal.
        final ByteBuffer zeros = ByteBuffer.allocate(LENGTH);
        while (zeros.hasRemaining()) {
          channel.write(zeros);
        }
        counters = new Counters(path, channel.map(MapMode.READ_WRITE, 0, LENGTH));
      }
      Files.move(part, path, StandardCopyOption.ATOMIC_MOVE);
      return counters;
    } catch (final IOException e) {
      throw new VasException(
          "cannot make the file of counters " + path + ": " + FileErrors.reason(e), e);
    }
  }

  /**
   * Counts one.
   *
   * @param counter of what.
   */
  public void increment(final Counter counter) {
    counters.get(counter).increment();
  }

  /**
   * Counts several.
   *
   * @param counter of what.
   * @param number how many.
   */
  public void add(final Counter counter, final long number) {
    counters.get(counter).getAndAdd(number);
  }

  /**
   * Sets a gauge, or a counter that somebody else counts.
   *
   * @param gauge which one.
   * @param value of now.
   */
  public void set(final Counter gauge, final long value) {
    counters.get(gauge).setRelease(value);
  }

  /**
   * Notes a time.
   *
   * @param latency of what.
   * @param micros how long it took.
   */
  public void record(final Latency latency, final long micros) {
    final Times times = latencies.get(latency);
    times.sum().getAndAdd(micros);
    final AtomicCounter max = times.max();
    // Not proposeMax(): that is for one thread.
    long known = max.get();
    while (micros > known && !max.compareAndSet(known, micros)) {
      known = max.get();
    }
    // Last, for a reader goes by them: what it finds here is in sum and maximum, which it reads
    // next.
    buckets.getAndAddLong(bucketOffset(latency, LatencyBuckets.index(micros)), 1);
    times.count().increment();
  }

  /** Notes that gauges were brought up to date. */
  public void updated() {
    header.putLongRelease(UPDATED_OFFSET, unixMicros());
  }

  /** Tells who has the file mapped that nothing will be counted any more, and removes it. */
  @Override
  public void close() {
    header.putLongRelease(ENDED_OFFSET, unixMicros());
    try {
      Files.deleteIfExists(path);
    } catch (final IOException e) {
      throw new VasException(
          "cannot remove the file of counters " + path + ": " + FileErrors.reason(e), e);
    }
  }

  private static long unixMicros() {
    return ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
  }
}
