package io.vas.core.linux;

import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.Optional;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * What a file system calls a file itself: name_to_handle_at(2).
 *
 * @param type how the bytes are meant.
 * @param bytes in hexadecimal.
 */
public record FileHandle(int type, String bytes) {
  private static final int LENGTH_OFFSET = 0;
  private static final int TYPE_OFFSET = 4;
  private static final int BYTES_OFFSET = 8;

  /** AT_HANDLE_FID (Linux 6.5): as fdinfo shows it, though it may not be opened by it. */
  private static final int AT_HANDLE_FID = 0x200;

  private static final int BYTES_MAX = 128;

  /**
   * The handle of a file, not following a symbolic link.
   *
   * @param path the file.
   * @return the handle as fdinfo shows it; empty if there is no such file or the kernel does not
   *     tell.
   */
  public static Optional<FileHandle> of(final String path) {
    final UnsafeBuffer buffer = Scratch.zeroed(BYTES_OFFSET + BYTES_MAX + Integer.BYTES);
    buffer.putInt(LENGTH_OFFSET, BYTES_MAX);
    final int mountId = BYTES_OFFSET + BYTES_MAX;
    final byte[] name = RawText.path(path);
    final UnsafeBuffer nameBuffer = new UnsafeBuffer(ByteBuffer.allocateDirect(name.length));
    nameBuffer.putBytes(0, name);
    final long result =
        Syscall.call(
            Syscall.NAME_TO_HANDLE_AT,
            OpenFlags.AT_FDCWD,
            nameBuffer.addressOffset(),
            buffer.addressOffset(),
            buffer.addressOffset() + mountId,
            AT_HANDLE_FID);
    if (result < 0) {
      return Optional.empty();
    }
    final byte[] bytes = new byte[buffer.getInt(LENGTH_OFFSET)];
    buffer.getBytes(BYTES_OFFSET, bytes);
    return Optional.of(new FileHandle(buffer.getInt(TYPE_OFFSET), HexFormat.of().formatHex(bytes)));
  }

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
