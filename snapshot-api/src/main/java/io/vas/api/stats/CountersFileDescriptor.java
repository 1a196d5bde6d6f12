package io.vas.api.stats;

import org.agrona.BitUtil;
import org.agrona.concurrent.status.CountersReader;

/**
 * Layout of the file of counters: a header, metadata and values as Agrona's {@link
 * org.agrona.concurrent.status.CountersManager} lays them out, and the buckets of latencies. Little
 * endian. Whoever has the file mapped reads it with plain 64-bit loads.
 *
 * <pre>
 *   0               8              16
 *  +---------------+-------+-------+
 *  |     magic     |version|  pid  |
 *  +---------------+-------+-------+
 *  |  start ticks  |  started, us  |
 *  +---------------+---------------+
 *  |  updated, us  |   ended, us   |
 *  +-------+-------+-------+-------+
 *  |  metadata ->  |   values ->   |
 *  +-------+-------+-------+-------+
 *  |  buckets ->   |   0 ...           up to 128 bytes
 *  +---------------+---------------+
 *  |  metadata: 512 bytes a counter ...
 *  +-------------------------------+
 *  |  values: 128 bytes a counter  ...
 *  +-------------------------------+
 *  |  buckets: u64[4][304] ...         a row for each {@link Latency}
 *  +-------------------------------+
 * </pre>
 *
 * <p>An arrow stands for a u32 that says where a part begins, and one that says how long it is.
 *
 * <p>The file is filled under another name and renamed, so nobody sees half of it, and a new daemon
 * has a new file: who has mapped the one of a daemon that has ended keeps its last figures.
 */
public final class CountersFileDescriptor {
  /** "VASCNTR1". */
  public static final long MAGIC = 0x3152544e43534156L;

  /** Raised when the layout, or which counters there are, has changed. */
  public static final int VERSION = 1;

  /** u64. */
  public static final int MAGIC_OFFSET = 0;

  /** u32. */
  public static final int VERSION_OFFSET = MAGIC_OFFSET + Long.BYTES;

  /** s32: of the daemon that writes. */
  public static final int PID_OFFSET = VERSION_OFFSET + Integer.BYTES;

  /** u64: when that process started, as field 22 of /proc/PID/stat: a pid may be used again. */
  public static final int START_TICKS_OFFSET = PID_OFFSET + Integer.BYTES;

  /** s64: when counting began, microseconds since 1970. */
  public static final int STARTED_OFFSET = START_TICKS_OFFSET + Long.BYTES;

  /** s64: when gauges were brought up to date, microseconds since 1970; once a second. */
  public static final int UPDATED_OFFSET = STARTED_OFFSET + Long.BYTES;

  /** s64: when the daemon ended well, microseconds since 1970; 0: it has not. */
  public static final int ENDED_OFFSET = UPDATED_OFFSET + Long.BYTES;

  /** u32: where Agrona's metadata begins. */
  public static final int METADATA_OFFSET_OFFSET = ENDED_OFFSET + Long.BYTES;

  /** u32: bytes. */
  public static final int METADATA_LENGTH_OFFSET = METADATA_OFFSET_OFFSET + Integer.BYTES;

  /** u32: where Agrona's values begin. */
  public static final int VALUES_OFFSET_OFFSET = METADATA_LENGTH_OFFSET + Integer.BYTES;

  /** u32: bytes. */
  public static final int VALUES_LENGTH_OFFSET = VALUES_OFFSET_OFFSET + Integer.BYTES;

  /** u32: where the buckets begin. */
  public static final int BUCKETS_OFFSET_OFFSET = VALUES_LENGTH_OFFSET + Integer.BYTES;

  /** u32: bytes. */
  public static final int BUCKETS_LENGTH_OFFSET = BUCKETS_OFFSET_OFFSET + Integer.BYTES;

  /** Bytes of the header: as far as two cache lines reach. */
  public static final int HEADER_LENGTH = 2 * BitUtil.CACHE_LINE_LENGTH;

  /** How many counters of Agrona's there are: three for each latency. */
  public static final int COUNTERS = Counter.values().length + 3 * Latency.values().length;

  /** Where Agrona's metadata begins. */
  public static final int METADATA_OFFSET = HEADER_LENGTH;

  /** Where Agrona's values begin. */
  public static final int VALUES_OFFSET =
      METADATA_OFFSET + COUNTERS * CountersReader.METADATA_LENGTH;

  /** Where the buckets begin. */
  public static final int BUCKETS_OFFSET = VALUES_OFFSET + COUNTERS * CountersReader.COUNTER_LENGTH;

  /** Bytes of the file. */
  public static final int LENGTH =
      BUCKETS_OFFSET + Latency.values().length * LatencyBuckets.COUNT * Long.BYTES;

  private CountersFileDescriptor() {}

  /**
   * Where a bucket is, counted from where the buckets begin.
   *
   * @param latency which one.
   * @param index of the bucket, as {@link LatencyBuckets#index} tells.
   * @return bytes.
   */
  public static int bucketOffset(final Latency latency, final int index) {
    return (latency.number() * LatencyBuckets.COUNT + index) * Long.BYTES;
  }
}
