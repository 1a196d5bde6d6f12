package io.vas.store;

import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.OpenFlags;
import io.vas.core.linux.TmpfsMount;
import io.vas.core.linux.TmpfsMount.RegionFile;
import io.vas.core.memory.RegionKind;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Regions on mounts of their own, which the kernel limits. The files have names, which only who has
 * a descriptor of a mount can use: a daemon that is started again finds them by these, and needs no
 * descriptor for each meanwhile.
 */
final class TmpfsRegionMounts implements RegionMounts {
  /** A size of 0 would mean no limit. */
  static final long SMALLEST_LIMIT = 4096;

  private final StoreMounts mounts;
  private final Map<RegionKind, DeviceNumber> devices = new EnumMap<>(RegionKind.class);

  /**
   * Regions.
   *
   * @param mounts that they are on; closed by others.
   */
  TmpfsRegionMounts(final StoreMounts mounts) {
    this.mounts = mounts;
    for (final RegionKind kind : RegionKind.values()) {
      devices.put(kind, FileStatus.of(mount(kind).readOnlyMount()).device());
    }
  }

  private TmpfsMount mount(final RegionKind kind) {
    return mounts.mount(kind == RegionKind.HUGE ? StoreMounts.Role.HUGE : StoreMounts.Role.SMALL);
  }

  private static String name(final int number) {
    return Integer.toString(number);
  }

  @Override
  public RegionFile createFile(final RegionKind kind, final int number) {
    return mount(kind).createFile(name(number));
  }

  @Override
  public void seal(final RegionFile file) {
    // The mount that it was opened through for good is read-only.
    file.readWrite().close();
  }

  @Override
  public Fd open(final RegionKind kind, final int number) {
    return mount(kind).openFile(name(number));
  }

  @Override
  public void remove(final RegionKind kind, final int number) {
    mount(kind).removeFile(name(number));
  }

  @Override
  public void punch(final RegionKind kind, final int number, final long offset, final long length) {
    try (Fd file = Fd.openAt(mount(kind).readWriteMount(), name(number), OpenFlags.O_RDWR, 0)) {
      FileIo.punchHole(file, offset, length);
    }
  }

  @Override
  public long allocated(final RegionKind kind, final int number) {
    final int directory = mount(kind).readWriteMount().value();
    return FileStatus.ofLink("/proc/self/fd/" + directory + "/" + name(number)).allocated();
  }

  @Override
  public Set<Integer> numbers(final RegionKind kind) {
    return mount(kind).files().stream().map(Integer::valueOf).collect(Collectors.toSet());
  }

  @Override
  public DeviceNumber device(final RegionKind kind) {
    return devices.get(kind);
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
    return TmpfsMount.hasHugePages();
  }

  @Override
  public String numaPolicy() {
    return mount(RegionKind.HUGE).policy();
  }

  @Override
  public List<String> limitations() {
    return hasHugePages() ? List.of() : List.of("no huge pages: the kernel has none for tmpfs");
  }

  @Override
  public void close() {
    // The mounts are closed by their owner.
  }
}
