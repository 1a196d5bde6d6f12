package io.vas.core.resource;

import io.vas.core.VasException;
import io.vas.core.linux.Errno;
import io.vas.core.program.ProgramResults;
import org.agrona.DirectBuffer;

/** What several resources do with what was recorded. */
final class Recorded {
  private Recorded() {}

  /** What a step that should have worked returned. */
  static long result(final ProgramResults results, final String step) {
    final long result = results.result(step);
    if (results.failed(step)) {
      throw new VasException(
          "the instance's state could not be read: " + step + ": " + Errno.describe((int) -result));
    }
    return result;
  }

  static byte[] bytes(final DirectBuffer buffer) {
    return bytes(buffer, 0, buffer.capacity());
  }

  static byte[] bytes(final DirectBuffer buffer, final int offset, final int length) {
    final byte[] bytes = new byte[length];
    buffer.getBytes(offset, bytes);
    return bytes;
  }
}
