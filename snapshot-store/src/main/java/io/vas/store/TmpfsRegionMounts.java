package io.vas.store;

import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.Errno;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.TmpfsMount;
import io.vas.core.linux.TmpfsMount.HugePages;
import io.vas.core.linux.TmpfsMount.RegionFile;
import io.vas.core.memory.RegionKind;
import java.util.List;

/** Regions on mounts of their own, which the kernel limits. */
final class TmpfsRegionMounts implements RegionMounts {
  /** A size of 0 would mean no limit. */
  static final long SMALLEST_LIMIT = 4096;

  private final TmpfsMount huge;
  private final TmpfsMount small;
  private final boolean hugePages;

  private TmpfsRegionMounts(
      final TmpfsMount huge, final TmpfsMount small, final boolean hugePages) {
    this.huge = huge;
    this.small = small;
    this.hugePages = hugePages;
  }

  static TmpfsRegionMounts create() {
    final TmpfsMount small = TmpfsMount.create(SMALLEST_LIMIT, HugePages.NEVER);
    try {
      return new TmpfsRegionMounts(
          TmpfsMount.create(SMALLEST_LIMIT, HugePages.ALWAYS), small, true);
    } catch (final LinuxException e) {
      if (e.errno() != Errno.EINVAL) {
        small.close();
        throw e;
      }
    }
    // A kernel without transparent huge pages.
    try {
      return new TmpfsRegionMounts(
          TmpfsMount.create(SMALLEST_LIMIT, HugePages.NEVER), small, false);
    } catch (final LinuxException e) {
      small.close();
      throw e;
    }
  }

  private TmpfsMount mount(final RegionKind kind) {
    return kind == RegionKind.HUGE ? huge : small;
  }

  @Override
  public RegionFile createFile(final RegionKind kind, final String name) {
    return mount(kind).createFile();
  }

  @Override
  public void seal(final RegionFile file) {
    // The mount that it was opened through for good is read-only.
    file.readWrite().close();
  }

  @Override
  public DeviceNumber device(final RegionKind kind) {
    return FileStatus.of(mount(kind).readOnlyMount()).device();
  }

  @Override
  public long usedBytes(final RegionKind kind) {
    return mount(kind).status().usedBytes();
  }

  @Override
  public void limit(final RegionKind kind, final long bytes) {
    mount(kind).limit(Math.max(bytes, SMALLEST_LIMIT));
  }

  @Override
  public boolean isLimitedByKernel() {
    return true;
  }

  @Override
  public boolean hasHugePages() {
    return hugePages;
  }

  @Override
  public List<String> limitations() {
    return hugePages ? List.of() : List.of("no huge pages: the kernel has none for tmpfs");
  }

  @Override
  public void close() {
    huge.close();
    small.close();
  }
}
