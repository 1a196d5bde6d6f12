package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import org.agrona.concurrent.UnsafeBuffer;

/**
 * How full a file system is.
 *
 * @param type its magic number, see statfs(2).
 * @param totalBytes what it can hold, 0 for a file system without limit.
 * @param freeBytes what is left of that.
 */
public record FileSystemStatus(long type, long totalBytes, long freeBytes) {
  /** Type of tmpfs. */
  public static final long TMPFS_MAGIC = 0x01021994;

  /** Type of the second version of the cgroup tree. */
  public static final long CGROUP2_MAGIC = 0x63677270;

  private static final int BLOCK_SIZE_OFFSET = 8;
  private static final int BLOCKS_OFFSET = 16;
  private static final int FREE_BLOCKS_OFFSET = 24;
  private static final int STATFS_LENGTH = 120;

  /**
   * Of the file system that a file, directory or mount is on.
   *
   * @param fd the file, directory or mount.
   * @return its status.
   * @throws LinuxException if it can not be told.
   */
  public static FileSystemStatus of(final Fd fd) {
    final UnsafeBuffer buffer = Scratch.zeroed(STATFS_LENGTH);
    if (LIBC.fstatfs(fd.value(), buffer.addressOffset()) < 0) {
      throw Kernel.failure("fstatfs", "fd", fd.value());
    }
    final long blockSize = buffer.getLong(BLOCK_SIZE_OFFSET);
    return new FileSystemStatus(
        buffer.getLong(0),
        buffer.getLong(BLOCKS_OFFSET) * blockSize,
        buffer.getLong(FREE_BLOCKS_OFFSET) * blockSize);
  }

  /**
   * What is in use.
   *
   * @return bytes.
   */
  public long usedBytes() {
    return totalBytes - freeBytes;
  }
}
