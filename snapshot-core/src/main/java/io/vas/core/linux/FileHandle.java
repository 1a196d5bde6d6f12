package io.vas.core.linux;

import java.util.Optional;
import org.agrona.concurrent.UnsafeBuffer;

/** Files by what a file system calls them itself: open_by_handle_at(2). */
public final class FileHandle {
  private static final int LENGTH_OFFSET = 0;
  private static final int TYPE_OFFSET = 4;
  private static final int BYTES_OFFSET = 8;

  private FileHandle() {}

  /**
   * Where the file of a handle is. Needs CAP_DAC_READ_SEARCH.
   *
   * @param mount any file on a mount of the file system.
   * @param type of the handle.
   * @param handle its bytes.
   * @return a path as this process sees it; empty if the file system has no such file, or none
   *     whose name it knows.
   */
  public static Optional<String> pathOf(final Fd mount, final int type, final byte[] handle) {
    final UnsafeBuffer buffer = Scratch.zeroed(BYTES_OFFSET + handle.length);
    buffer.putInt(LENGTH_OFFSET, handle.length);
    buffer.putInt(TYPE_OFFSET, type);
    buffer.putBytes(BYTES_OFFSET, handle);
    final int opened =
        (int)
            Syscall.call(
                Syscall.OPEN_BY_HANDLE_AT,
                mount.value(),
                buffer.addressOffset(),
                OpenFlags.O_PATH | OpenFlags.O_CLOEXEC);
    if (opened < 0) {
      return Optional.empty();
    }
    try (Fd file = Fd.owning(opened)) {
      return Optional.of(FileIo.readLink("/proc/self/fd/" + file.value()))
          .filter(path -> path.startsWith("/"));
    }
  }
}
