package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.util.Arrays;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * The registers that XSAVE saves, in the standard format, as PTRACE_GETREGSET(NT_X86_XSTATE) gives
 * them: 512 bytes as of FXSAVE, a header of 64 bytes, then the components at the processor's
 * offsets. In the last 48 of the 512 bytes ptrace tells which components the kernel knows, where a
 * signal frame has {@code struct _fpx_sw_bytes}.
 */
final class XsaveArea {
  private static final int SOFTWARE_OFFSET = 464;
  private static final int SOFTWARE_LENGTH = 48;
  private static final int MAGIC1_OFFSET = SOFTWARE_OFFSET;
  private static final int EXTENDED_SIZE_OFFSET = MAGIC1_OFFSET + Integer.BYTES;
  private static final int FEATURES_OFFSET = EXTENDED_SIZE_OFFSET + Integer.BYTES;
  private static final int SIZE_OFFSET = FEATURES_OFFSET + Long.BYTES;

  static final int PRESENT_OFFSET = 512;
  private static final int HEADER_END = 576;

  /** FP_XSTATE_MAGIC1, FP_XSTATE_MAGIC2: without them the kernel takes the area for FXSAVE's. */
  private static final int MAGIC1 = 0x46505853;

  private static final int MAGIC2 = 0x46505845;

  /** AMX's tile configuration and tiles, which a task must ask for; and where they begin. */
  static final long DYNAMIC_COMPONENTS = 3L << 17;

  private static final int DYNAMIC_OFFSET = 2752;

  private XsaveArea() {}

  /**
   * Whether the task uses registers that a signal frame can not bring back.
   *
   * @param xstate the area.
   * @return whether AMX tiles are in use.
   */
  static boolean hasDynamicComponents(final DirectBuffer xstate) {
    return (xstate.getLong(PRESENT_OFFSET, LITTLE_ENDIAN) & DYNAMIC_COMPONENTS) != 0;
  }

  /**
   * The area as rt_sigreturn(2) takes it.
   *
   * @param xstate the area as ptrace gave it.
   * @return a copy with what a signal frame has in addition.
   */
  static byte[] forSignalFrame(final byte[] xstate) {
    if (xstate.length < HEADER_END) {
      throw new IllegalArgumentException(
          "an XSAVE area has " + HEADER_END + " bytes at least, not " + xstate.length);
    }
    // ptrace gives room for tiles even if the task has none; the kernel refuses a frame with more
    // room than the task has.
    final int size = xstate.length > DYNAMIC_OFFSET ? DYNAMIC_OFFSET : xstate.length;
    final byte[] bytes = Arrays.copyOf(xstate, size + Integer.BYTES);
    final UnsafeBuffer area = new UnsafeBuffer(bytes);
    final long features = area.getLong(SOFTWARE_OFFSET, LITTLE_ENDIAN) & ~DYNAMIC_COMPONENTS;
    area.setMemory(SOFTWARE_OFFSET, SOFTWARE_LENGTH, (byte) 0);
    area.putInt(MAGIC1_OFFSET, MAGIC1, LITTLE_ENDIAN);
    area.putInt(EXTENDED_SIZE_OFFSET, size + Integer.BYTES, LITTLE_ENDIAN);
    area.putLong(FEATURES_OFFSET, features, LITTLE_ENDIAN);
    area.putInt(SIZE_OFFSET, size, LITTLE_ENDIAN);
    area.putInt(size, MAGIC2, LITTLE_ENDIAN);
    return bytes;
  }
}
