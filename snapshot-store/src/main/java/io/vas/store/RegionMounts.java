package io.vas.store;

import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.Errno;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.TmpfsMount.RegionFile;
import io.vas.core.memory.RegionKind;
import java.util.List;

/** Where region files are made: two file systems in memory, with and without huge pages. */
interface RegionMounts extends AutoCloseable {
  /**
   * The best that this kernel and this user's rights allow.
   *
   * @return mounts with limits of 0, or memfds that have no limit.
   */
  static RegionMounts create() {
    try {
      return TmpfsRegionMounts.create();
    } catch (final LinuxException e) {
      if (!isRefusal(e.errno())) {
        throw e;
      }
      return new MemFdRegionMounts("no mounts for regions: " + e.getMessage());
    }
  }

  /** Whether an error says that it is not allowed or not there. */
  static boolean isRefusal(final Errno errno) {
    return switch (errno) {
      case EPERM, EACCES, EINVAL, ENOSYS, ENODEV, EOPNOTSUPP -> true;
      default -> false;
    };
  }

  /** An empty file. */
  RegionFile createFile(RegionKind kind, String name);

  /** Make sure that nobody changes a file any more, whoever opens it. It is not mapped writable. */
  void seal(RegionFile file);

  /** The file system's st_dev. */
  DeviceNumber device(RegionKind kind);

  /** What all files of a kind take, as far as it can be told. */
  long usedBytes(RegionKind kind);

  /**
   * Let files of a kind take so much.
   *
   * @param bytes not less than they take already.
   */
  void limit(RegionKind kind, long bytes);

  /** Whether {@link #limit} has an effect. */
  boolean isLimitedByKernel();

  /** Whether dense memory gets huge pages. */
  boolean hasHugePages();

  /** What is missing, one line each. */
  List<String> limitations();

  /** Files that are open somewhere stay. */
  @Override
  void close();
}
