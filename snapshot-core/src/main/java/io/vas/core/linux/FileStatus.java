package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import org.agrona.concurrent.UnsafeBuffer;

/**
 * What statx(2) tells about a file.
 *
 * @param device the file system it is on.
 * @param inode its number there.
 * @param mode type and permissions.
 * @param links names it has; 0 if it was unlinked.
 * @param uid owner.
 * @param gid group.
 * @param deviceItself the device that a device node stands for.
 * @param size bytes.
 * @param allocated bytes of storage, a multiple of 512.
 * @param accessedNanos last access, since 1970.
 * @param modifiedNanos last change of its contents, since 1970.
 * @param changedNanos last change of contents or status, since 1970.
 * @param mountId the mount through which it was reached, as /proc/PID/mountinfo numbers it.
 */
public record FileStatus(
    DeviceNumber device,
    long inode,
    int mode,
    int links,
    int uid,
    int gid,
    DeviceNumber deviceItself,
    long size,
    long allocated,
    long accessedNanos,
    long modifiedNanos,
    long changedNanos,
    long mountId) {
  /** The bits of {@link #mode} that hold the type. */
  public static final int S_IFMT = 0170000;

  /** Type of a socket. */
  public static final int S_IFSOCK = 0140000;

  /** Type of a symbolic link. */
  public static final int S_IFLNK = 0120000;

  /** Type of a regular file. */
  public static final int S_IFREG = 0100000;

  /** Type of a block device. */
  public static final int S_IFBLK = 0060000;

  /** Type of a directory. */
  public static final int S_IFDIR = 0040000;

  /** Type of a character device. */
  public static final int S_IFCHR = 0020000;

  /** Type of a pipe or FIFO. */
  public static final int S_IFIFO = 0010000;

  private static final int AT_SYMLINK_NOFOLLOW = 0x100;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int STATX_BASIC_STATS = 0x7FF;
  private static final int STATX_MNT_ID = 0x1000;

  private static final int LINKS_OFFSET = 16;
  private static final int UID_OFFSET = 20;
  private static final int GID_OFFSET = 24;
  private static final int MODE_OFFSET = 28;
  private static final int INODE_OFFSET = 32;
  private static final int SIZE_OFFSET = 40;
  private static final int BLOCKS_OFFSET = 48;
  private static final int ATIME_OFFSET = 64;
  private static final int CTIME_OFFSET = 96;
  private static final int MTIME_OFFSET = 112;
  private static final int RDEV_OFFSET = 128;
  private static final int DEV_OFFSET = 136;
  private static final int MNT_ID_OFFSET = 144;
  private static final int STATX_LENGTH = 256;
  private static final int BLOCK = 512;

  /**
   * Of an open file.
   *
   * @param fd the file.
   * @return its status.
   * @throws LinuxException if it can not be told.
   */
  public static FileStatus of(final Fd fd) {
    return statx(fd.value(), "", AT_EMPTY_PATH);
  }

  /**
   * Of the file that a path leads to, through symbolic links.
   *
   * @param path the file.
   * @return its status.
   * @throws LinuxException if there is no such file.
   */
  public static FileStatus of(final String path) {
    return statx(OpenFlags.AT_FDCWD, path, 0);
  }

  /**
   * Of the file with this name, even if that is a symbolic link.
   *
   * @param path the file.
   * @return its status.
   * @throws LinuxException if there is no such file.
   */
  public static FileStatus ofLink(final String path) {
    return statx(OpenFlags.AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
  }

  /**
   * Of the file with this name in a directory, even if that is a symbolic link.
   *
   * @param directory that it is in.
   * @param name of the file.
   * @return its status.
   * @throws LinuxException if there is no such file.
   */
  public static FileStatus at(final Fd directory, final String name) {
    return statx(directory.value(), name, AT_SYMLINK_NOFOLLOW);
  }

  private static FileStatus statx(final int directory, final String path, final int flags) {
    final UnsafeBuffer buffer = Scratch.zeroed(STATX_LENGTH);
    if (LIBC.statx(
            directory,
            RawText.path(path),
            flags,
            STATX_BASIC_STATS | STATX_MNT_ID,
            buffer.addressOffset())
        < 0) {
      throw path.isEmpty()
          ? Kernel.failure("statx", "fd", directory)
          : Kernel.failure("statx", "path", path);
    }
    return new FileStatus(
        device(buffer, DEV_OFFSET),
        buffer.getLong(INODE_OFFSET),
        buffer.getShort(MODE_OFFSET) & 0xFFFF,
        buffer.getInt(LINKS_OFFSET),
        buffer.getInt(UID_OFFSET),
        buffer.getInt(GID_OFFSET),
        device(buffer, RDEV_OFFSET),
        buffer.getLong(SIZE_OFFSET),
        buffer.getLong(BLOCKS_OFFSET) * BLOCK,
        nanos(buffer, ATIME_OFFSET),
        nanos(buffer, MTIME_OFFSET),
        nanos(buffer, CTIME_OFFSET),
        buffer.getLong(MNT_ID_OFFSET));
  }

  private static DeviceNumber device(final UnsafeBuffer buffer, final int offset) {
    return new DeviceNumber(buffer.getInt(offset), buffer.getInt(offset + Integer.BYTES));
  }

  private static long nanos(final UnsafeBuffer buffer, final int offset) {
    return buffer.getLong(offset) * 1_000_000_000L + buffer.getInt(offset + Long.BYTES);
  }

  /**
   * The type of the file.
   *
   * @return one of the {@code S_IF} constants.
   */
  public int type() {
    return mode & S_IFMT;
  }

  /**
   * The permissions, with the set-id and sticky bits.
   *
   * @return the other bits of the mode.
   */
  public int permissions() {
    return mode & ~S_IFMT;
  }
}
