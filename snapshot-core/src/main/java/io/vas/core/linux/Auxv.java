package io.vas.core.linux;

import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * What the kernel told a program when it started it, from /proc/PID/auxv; see getauxval(3).
 *
 * @param values by type, in the order they were given; without the AT_NULL at the end.
 */
public record Auxv(Map<Long, Long> values) {
  /** Address of the program's headers. */
  public static final long AT_PHDR = 3;

  /** Bytes of a page. */
  public static final long AT_PAGESZ = 6;

  /** Address where the program starts. */
  public static final long AT_ENTRY = 9;

  /** Features of the processor (CPUID leaf 1, edx). */
  public static final long AT_HWCAP = 16;

  /** Address of 16 random bytes. */
  public static final long AT_RANDOM = 25;

  /** Further features of the processor. */
  public static final long AT_HWCAP2 = 26;

  /** Bytes of the registers that the kernel keeps for restartable sequences (Linux 6.3). */
  public static final long AT_RSEQ_FEATURE_SIZE = 27;

  /** Address of the vdso. */
  public static final long AT_SYSINFO_EHDR = 33;

  /** Bytes of stack that a signal needs at least; grows with the processor's registers. */
  public static final long AT_MINSIGSTKSZ = 51;

  private static final int ENTRY_LENGTH = 2 * Long.BYTES;

  /**
   * Read /proc/PID/auxv.
   *
   * @param bytes all of the file.
   * @return its values.
   */
  public static Auxv parse(final DirectBuffer bytes) {
    final Map<Long, Long> values = new LinkedHashMap<>();
    for (int offset = 0; offset + ENTRY_LENGTH <= bytes.capacity(); offset += ENTRY_LENGTH) {
      final long type = bytes.getLong(offset, ByteOrder.LITTLE_ENDIAN);
      if (type == 0) {
        break;
      }
      values.put(type, bytes.getLong(offset + Long.BYTES, ByteOrder.LITTLE_ENDIAN));
    }
    return new Auxv(values);
  }

  /**
   * That of this process.
   *
   * @return its values.
   */
  public static Auxv own() {
    return parse(new UnsafeBuffer(FileIo.readAll("/proc/self/auxv")));
  }

  /**
   * One value.
   *
   * @param type of the {@code AT_} constants.
   * @return the value, if the kernel gave one.
   */
  public OptionalLong value(final long type) {
    final Long value = values.get(type);
    return value == null ? OptionalLong.empty() : OptionalLong.of(value);
  }
}
