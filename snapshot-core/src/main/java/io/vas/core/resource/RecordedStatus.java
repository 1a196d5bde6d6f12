package io.vas.core.resource;

import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.FileStatus;

/**
 * What the keeper's fstat(2) told about a file.
 *
 * @param device the file system it is on.
 * @param inode its number there.
 * @param mode type and permissions.
 * @param links names it has; 0 if it was unlinked.
 * @param uid owner.
 * @param gid group.
 * @param size bytes.
 * @param changedNanos last change of contents or status, since 1970.
 * @param deviceItself the device that a device node stands for.
 */
public record RecordedStatus(
    DeviceNumber device,
    long inode,
    int mode,
    int links,
    int uid,
    int gid,
    long size,
    long changedNanos,
    DeviceNumber deviceItself) {

  /**
   * The type of the file.
   *
   * @return one of the {@code S_IF} constants of {@link FileStatus}.
   */
  public int type() {
    return mode & FileStatus.S_IFMT;
  }

  /**
   * The permissions, with the set-id and sticky bits.
   *
   * @return the other bits of the mode.
   */
  public int permissions() {
    return mode & ~FileStatus.S_IFMT;
  }
}
