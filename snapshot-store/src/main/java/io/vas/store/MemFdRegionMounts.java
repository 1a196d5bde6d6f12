package io.vas.store;

import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.Errno;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.MemFd;
import io.vas.core.linux.OpenFlags;
import io.vas.core.linux.TmpfsMount.RegionFile;
import io.vas.core.memory.RegionKind;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Regions without mounts, where those are not allowed. No huge pages, unless the host gives them to
 * every memfd; no limit by the kernel; what keeps a file from being changed is a seal.
 */
final class MemFdRegionMounts implements RegionMounts {
  private final String reason;
  private final Map<RegionKind, Map<Integer, RegionFile>> files = new EnumMap<>(RegionKind.class);
  private final DeviceNumber device;

  MemFdRegionMounts(final String reason) {
    this.reason = reason;
    for (final RegionKind kind : RegionKind.values()) {
      files.put(kind, new HashMap<>());
    }
    try (Fd fd = create("vas-probe")) {
      device = FileStatus.of(fd).device();
    }
  }

  private static Fd create(final String name) {
    try {
      return MemFd.create(name, 0, MemFd.MFD_ALLOW_SEALING | MemFd.MFD_EXEC);
    } catch (final LinuxException e) {
      if (e.errno() != Errno.EINVAL) {
        throw e;
      }
      // Before Linux 6.3 all of them are executable.
      return MemFd.create(name, 0, MemFd.MFD_ALLOW_SEALING);
    }
  }

  @Override
  public synchronized RegionFile createFile(final RegionKind kind, final int number) {
    final Fd readWrite = create("vas-" + kind + "-" + number);
    try {
      final RegionFile file = new RegionFile(readWrite, reopen(readWrite));
      files.get(kind).put(number, new RegionFile(readWrite, reopen(readWrite)));
      return file;
    } catch (final LinuxException e) {
      readWrite.close();
      throw e;
    }
  }

  private static Fd reopen(final Fd fd) {
    return Fd.open("/proc/self/fd/" + fd.value(), OpenFlags.O_RDONLY);
  }

  @Override
  public void seal(final RegionFile file) {
    MemFd.seal(
        file.readWrite(),
        MemFd.F_SEAL_WRITE | MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW | MemFd.F_SEAL_SEAL);
    file.readWrite().close();
  }

  @Override
  public synchronized Fd open(final RegionKind kind, final int number) {
    final RegionFile file = files.get(kind).get(number);
    if (file == null) {
      throw new LinuxException("open", "vas-" + kind + "-" + number, Errno.ENOENT.number());
    }
    return reopen(file.readOnly());
  }

  @Override
  public synchronized void remove(final RegionKind kind, final int number) {
    final RegionFile file = files.get(kind).remove(number);
    if (file != null) {
      file.readOnly().close();
    }
  }

  @Override
  public void punch(final RegionKind kind, final int number, final long offset, final long length) {
    // Nobody may write to a sealed file, not even zeros.
    throw new LinuxException("fallocate", "punch", Errno.EPERM.number());
  }

  @Override
  public synchronized long allocated(final RegionKind kind, final int number) {
    return FileStatus.of(files.get(kind).get(number).readOnly()).allocated();
  }

  @Override
  public synchronized Set<Integer> numbers(final RegionKind kind) {
    return Set.copyOf(files.get(kind).keySet());
  }

  @Override
  public DeviceNumber device(final RegionKind kind) {
    return device;
  }

  /** Of the files that are not removed: what only instances map still is not known. */
  @Override
  public synchronized long usedBytes(final RegionKind kind) {
    return files.get(kind).values().stream()
        .mapToLong(file -> FileStatus.of(file.readOnly()).allocated())
        .sum();
  }

  @Override
  public void limit(final RegionKind kind, final long bytes) {
    // The store looks at what is used before and after each snapshot; that is all there is.
  }

  @Override
  public boolean isLimitedByKernel() {
    return false;
  }

  @Override
  public boolean hasHugePages() {
    return false;
  }

  @Override
  public String numaPolicy() {
    return "default";
  }

  @Override
  public List<String> limitations() {
    return List.of(
        reason,
        "regions are memfds: no huge pages, the budget is kept by the store alone, and snapshots end"
            + " with the daemon");
  }

  @Override
  public synchronized void close() {
    files.values().forEach(map -> map.values().forEach(RegionFile::close));
    files.values().forEach(Map::clear);
  }
}
