package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.O_APPEND;
import static io.vas.core.linux.OpenFlags.O_ASYNC;
import static io.vas.core.linux.OpenFlags.O_DIRECT;
import static io.vas.core.linux.OpenFlags.O_NOATIME;
import static io.vas.core.linux.OpenFlags.O_NONBLOCK;

import com.google.protobuf.ByteString;
import io.vas.core.linux.RawText;
import io.vas.core.program.SystemCall;
import org.agrona.DirectBuffer;

/** What files of most kinds have in common. */
final class OpenFiles {
  static final int F_GETFL = 3;
  static final int F_SETFL = 4;
  static final String DELETED = " (deleted)";

  /** What F_SETFL sets; the others are given when the file is opened. */
  private static final int SETTABLE = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME;

  private OpenFiles() {}

  /** The flags of the open file description; who is to get SIGIO is not known, so it is refused. */
  static int flags(
      final DescriptorRecord descriptor, final CaptureContext context, final String kind) {
    if ((descriptor.flags() & O_ASYNC) != 0) {
      throw context.unsupported(descriptor, kind, "it asks for signals (O_ASYNC)");
    }
    return descriptor.flags();
  }

  /** Sets the flags of a file that was made without any, and is where it is to be left. */
  static void setFlags(final DescriptorRestore restore, final int flags) {
    setFlags(restore, restore.descriptor(), flags);
  }

  /** Sets the flags of a file that was made without any. */
  static void setFlags(final DescriptorRestore restore, final int descriptor, final int flags) {
    if ((flags & SETTABLE) != 0) {
      restore
          .program()
          .call(
              restore.name("fcntl F_SETFL of " + descriptor),
              SystemCall.FCNTL,
              descriptor,
              F_SETFL,
              flags & SETTABLE);
    }
  }

  /** A path that opens the file at a descriptor anew. */
  static String pathOf(final int descriptor) {
    return "/proc/self/fd/" + descriptor;
  }

  static ByteString copyOf(final DirectBuffer buffer) {
    return copyOf(buffer, 0, buffer.capacity());
  }

  static ByteString copyOf(final DirectBuffer buffer, final int offset, final int length) {
    final byte[] bytes = new byte[length];
    buffer.getBytes(offset, bytes);
    return ByteString.copyFrom(bytes);
  }

  static ByteString bytesOf(final String text) {
    return ByteString.copyFrom(RawText.encode(text));
  }

  static String textOf(final ByteString bytes) {
    return RawText.decode(bytes.toByteArray());
  }
}
