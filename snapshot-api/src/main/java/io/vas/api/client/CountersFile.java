package io.vas.api.client;

import static io.vas.api.stats.CountersFileDescriptor.BUCKETS_LENGTH_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.BUCKETS_OFFSET_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.ENDED_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.HEADER_LENGTH;
import static io.vas.api.stats.CountersFileDescriptor.MAGIC;
import static io.vas.api.stats.CountersFileDescriptor.MAGIC_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.METADATA_LENGTH_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.METADATA_OFFSET_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.PID_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.STARTED_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.START_TICKS_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.UPDATED_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.VALUES_LENGTH_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.VALUES_OFFSET_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.VERSION;
import static io.vas.api.stats.CountersFileDescriptor.VERSION_OFFSET;
import static io.vas.api.stats.CountersFileDescriptor.bucketOffset;

import io.vas.api.FileErrors;
import io.vas.api.stats.Counter;
import io.vas.api.stats.Latency;
import io.vas.api.stats.LatencyBuckets;
import io.vas.api.stats.WriterProcess;
import io.vas.core.ForbiddenException;
import io.vas.core.NotFoundException;
import io.vas.core.VasException;
import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import org.agrona.concurrent.status.CountersReader;

/**
 * The counters of a daemon, read from the file that it shares: the daemon is not asked, and need
 * not be able to answer. Each figure is of the moment when it is read; two of them need not be of
 * the same moment. May be used by many threads.
 *
 * <p>The mapping goes with this object, so there is nothing to close. It shows one daemon: the next
 * one has a new file, which is to be opened again.
 *
 * <pre>{@code
 * CountersFile counters = CountersFile.open(StateDirectory.fromEnvironment().counters());
 * long forks = counters.value(Counter.FORKS_MADE);
 * long p99 = counters.latency(Latency.FORK).percentileMicros(0.99);
 * }</pre>
 */
public final class CountersFile {
  private static final VarHandle LONG =
      MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  // Agrona's layout and not its reader: that needs options of the Java virtual machine.
  private static final int RECORD_ALLOCATED = CountersReader.RECORD_ALLOCATED;
  private static final int METADATA_STEP = CountersReader.METADATA_LENGTH;
  private static final int VALUE_STEP = CountersReader.COUNTER_LENGTH;

  private final Path path;
  private final ByteBuffer file;
  private final Map<Integer, Integer> offsets = new HashMap<>();
  private final int buckets;

  private CountersFile(final Path path, final ByteBuffer file) {
    this.path = path;
    this.file = file;
    final int metadata = section(METADATA_OFFSET_OFFSET, METADATA_LENGTH_OFFSET);
    final int values = section(VALUES_OFFSET_OFFSET, VALUES_LENGTH_OFFSET);
    this.buckets = section(BUCKETS_OFFSET_OFFSET, BUCKETS_LENGTH_OFFSET);
    final int counters =
        Math.min(
            file.getInt(METADATA_LENGTH_OFFSET) / METADATA_STEP,
            file.getInt(VALUES_LENGTH_OFFSET) / VALUE_STEP);
    for (int id = 0; id < counters; id++) {
      final int at = metadata + id * METADATA_STEP;
      if (file.getInt(at) == RECORD_ALLOCATED) {
        offsets.put(file.getInt(at + CountersReader.TYPE_ID_OFFSET), values + id * VALUE_STEP);
      }
    }
    for (final Counter counter : Counter.values()) {
      check(counter.typeId(), counter.label());
    }
    for (final Latency latency : Latency.values()) {
      check(latency.countTypeId(), latency.field());
      check(latency.sumTypeId(), latency.field());
      check(latency.maxTypeId(), latency.field());
    }
    final int needed = Latency.values().length * LatencyBuckets.COUNT * Long.BYTES;
    if (file.getInt(BUCKETS_LENGTH_OFFSET) < needed) {
      throw damaged("its buckets take less than " + needed + " bytes");
    }
  }

  private int section(final int offsetField, final int lengthField) {
    final int offset = file.getInt(offsetField);
    final int length = file.getInt(lengthField);
    if (offset < HEADER_LENGTH
        || offset % Long.BYTES != 0
        || length < 0
        || length > file.capacity() - offset) {
      throw damaged(
          "it has " + file.capacity() + " bytes, and says of " + length + " at " + offset);
    }
    return offset;
  }

  private void check(final int typeId, final String label) {
    if (!offsets.containsKey(typeId)) {
      throw damaged("it has no counter " + typeId + ", " + label);
    }
  }

  private VasException damaged(final String what) {
    return new VasException("the file of counters " + path + " is damaged: " + what);
  }

  /**
   * Maps a file of counters.
   *
   * @param path of the file; see {@link io.vas.api.StateDirectory#counters()}.
   * @return its counters.
   * @throws NotFoundException if there is none: no daemon has run, or the last one has ended well.
   * @throws ForbiddenException if this process may not read it.
   * @throws VasException if it can't be read, is of another version or no such file.
   */
  public static CountersFile open(final Path path) {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      final long length = channel.size();
      if (length < HEADER_LENGTH || length > Integer.MAX_VALUE) {
        throw new VasException(
            "the file of counters "
                + path
                + " has "
                + length
                + " bytes, which is no header of "
                + HEADER_LENGTH);
      }
      final ByteBuffer file =
          channel.map(MapMode.READ_ONLY, 0, length).order(ByteOrder.LITTLE_ENDIAN);
      if (file.getLong(MAGIC_OFFSET) != MAGIC) {
        throw new VasException(
            path
                + " is no file of counters: it begins with 0x"
                + Long.toHexString(file.getLong(MAGIC_OFFSET)));
      }
      if (file.getInt(VERSION_OFFSET) != VERSION) {
        throw new VasException(
            "the file of counters "
                + path
                + " has version "
                + file.getInt(VERSION_OFFSET)
                + ", and this program knows version "
                + VERSION);
      }
      return new CountersFile(path, file);
    } catch (final NoSuchFileException e) {
      throw new NotFoundException(
          "no daemon counts in " + path + "; vas daemon, or any command that needs it, starts one",
          e);
    } catch (final AccessDeniedException e) {
      throw new ForbiddenException(
          "the daemon's counters are root's; vas stats INSTANCE shows one of your own", e);
    } catch (final IOException e) {
      throw new VasException(
          "cannot read the file of counters " + path + ": " + FileErrors.reason(e), e);
    }
  }

  /**
   * A counter, or a gauge.
   *
   * @param counter which one.
   * @return its value.
   */
  public long value(final Counter counter) {
    return at(offsets.get(counter.typeId()));
  }

  /**
   * A latency.
   *
   * @param latency which one.
   * @return what is known of it.
   */
  public LatencyFigures latency(final Latency latency) {
    final long[] found = new long[LatencyBuckets.COUNT];
    for (int i = 0; i < found.length; i++) {
      found[i] = at(buckets + bucketOffset(latency, i));
    }
    // Later than the buckets: it is to be no less than what is found there.
    return new LatencyFigures(
        at(offsets.get(latency.sumTypeId())), at(offsets.get(latency.maxTypeId())), found);
  }

  /**
   * The daemon that writes, or wrote.
   *
   * @return its pid, as its pid namespace numbers it.
   */
  public int pid() {
    return file.getInt(PID_OFFSET);
  }

  /**
   * Whether the daemon that writes lives. That need not mean that it does anything: {@link
   * #updatedUnixMicros()} tells.
   *
   * @return false if it has ended, in whatever way; then the figures are its last ones.
   */
  public boolean isWriterAlive() {
    return at(ENDED_OFFSET) == 0 && new WriterProcess(pid(), at(START_TICKS_OFFSET)).isAlive();
  }

  /**
   * When counting began.
   *
   * @return microseconds since 1970.
   */
  public long startedUnixMicros() {
    return at(STARTED_OFFSET);
  }

  /**
   * When the daemon has last brought its gauges up to date, which it does once a second.
   *
   * @return microseconds since 1970.
   */
  public long updatedUnixMicros() {
    return at(UPDATED_OFFSET);
  }

  private long at(final int offset) {
    return (long) LONG.getVolatile(file, offset);
  }
}
