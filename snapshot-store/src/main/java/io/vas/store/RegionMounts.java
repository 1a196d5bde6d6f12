package io.vas.store;

import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.Errno;
import io.vas.core.linux.Fd;
import io.vas.core.linux.TmpfsMount;
import io.vas.core.linux.TmpfsMount.RegionFile;
import io.vas.core.memory.RegionKind;
import java.util.List;
import java.util.Set;

/**
 * Where region files are made: two file systems in memory, with and without huge pages. Files are
 * known by numbers of the store's choice, of which each kind has its own.
 */
interface RegionMounts {
  /** Whether an error says that it is not allowed or not there. */
  static boolean isRefusal(final Errno errno) {
    return switch (errno) {
      case EPERM, EACCES, EINVAL, ENOSYS, ENODEV, EOPNOTSUPP -> true;
      default -> false;
    };
  }

  /** An empty file. */
  RegionFile createFile(RegionKind kind, int number);

  /** Make sure that nobody changes a file any more, whoever opens it. It is not mapped writable. */
  void seal(RegionFile file);

  /** A file that is sealed, to read it. */
  Fd open(RegionKind kind, int number);

  /** Remove a file, if there is one. It lasts as long as it is open or mapped somewhere. */
  void remove(RegionKind kind, int number);

  /** Give the memory of a range of a sealed file back. */
  void punch(RegionKind kind, int number, long offset, long length);

  /** What a file that is there takes, in bytes. */
  long allocated(RegionKind kind, int number);

  /** The files that there are. */
  Set<Integer> numbers(RegionKind kind);

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

  /** From which NUMA nodes their memory comes, as {@link TmpfsMount#policy} tells. */
  String numaPolicy();

  /** What is missing, one line each. */
  List<String> limitations();

  /** Files that are open somewhere stay. */
  void close();
}
