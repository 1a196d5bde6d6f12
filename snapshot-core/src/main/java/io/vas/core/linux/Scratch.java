package io.vas.core.linux;

import org.agrona.BufferUtil;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Native memory of the calling thread for the structures of one call. It is valid until the
 * thread's next use of it, so nothing that is kept may point into it.
 */
final class Scratch {
  /** Bytes of it: room for a path (PATH_MAX), the largest thing put here. */
  static final int LENGTH = 8192;

  private static final ThreadLocal<UnsafeBuffer> BUFFER =
      ThreadLocal.withInitial(
          () -> new UnsafeBuffer(BufferUtil.allocateDirectAligned(LENGTH, Long.BYTES)));

  private Scratch() {}

  static UnsafeBuffer buffer() {
    return BUFFER.get();
  }

  /** The thread's memory with its first {@code length} bytes set to zero. */
  static UnsafeBuffer zeroed(final int length) {
    final UnsafeBuffer buffer = BUFFER.get();
    buffer.setMemory(0, length, (byte) 0);
    return buffer;
  }
}
