package io.vas.store;

import io.vas.core.linux.Fd;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.TmpfsMount;
import io.vas.core.linux.TmpfsMount.HugePages;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;

/**
 * The mounts that a store is on. They are attached nowhere; the keeper holds their descriptors, and
 * so they, and all that is on them, outlive the daemon.
 */
final class StoreMounts implements AutoCloseable {
  /*
   * Numbers of descriptors that the keeper holds:
   *
   *   63      56 55                    8 7      0
   *  +----------+-----------------------+--------+
   *  |   'M'    |           0           |  role  |
   *  +----------+-----------------------+--------+
   */
  private static final long HELD_TYPE = (long) 'M' << 56;

  private final Map<Role, TmpfsMount> mounts;

  private StoreMounts(final Map<Role, TmpfsMount> mounts) {
    this.mounts = mounts;
  }

  /** What is on a mount. */
  enum Role {
    /** Regions with huge pages. */
    HUGE(0),
    /** Regions with pages of 4 KiB. */
    SMALL(2),
    /** Directories with instances' own files. */
    LAYERS(4),
    /** The journal. */
    METADATA(6);

    /** The keeper's number for the descriptor that can be written through. */
    private final long readWrite;

    /** The keeper's number for the other one. */
    private final long readOnly;

    Role(final int number) {
      readWrite = HELD_TYPE | number;
      readOnly = HELD_TYPE | (number + 1);
    }
  }

  /**
   * New ones.
   *
   * @param policy from which NUMA nodes the regions' memory comes; empty: where it is touched.
   * @throws LinuxException if that is not allowed.
   */
  static StoreMounts create(final Optional<String> policy) {
    final Map<Role, TmpfsMount> mounts = new EnumMap<>(Role.class);
    try {
      for (final Role role : Role.values()) {
        mounts.put(role, create(role, policy));
      }
      return new StoreMounts(mounts);
    } catch (final LinuxException e) {
      mounts.values().forEach(TmpfsMount::close);
      throw e;
    }
  }

  private static TmpfsMount create(final Role role, final Optional<String> policy) {
    final boolean huge = role == Role.HUGE && TmpfsMount.hasHugePages();
    final boolean isRegion = role == Role.HUGE || role == Role.SMALL;
    return TmpfsMount.create(
        TmpfsRegionMounts.SMALLEST_LIMIT,
        huge ? HugePages.ALWAYS : HugePages.NEVER,
        policy.filter(asked -> isRegion));
  }

  /**
   * Those that a former daemon has left.
   *
   * @param holder who holds them.
   * @return empty if there are none, or not all, since that daemon died while it made them.
   */
  static Optional<StoreMounts> take(final DescriptorHolder holder) {
    final Map<Role, TmpfsMount> mounts = new EnumMap<>(Role.class);
    for (final Role role : Role.values()) {
      final Optional<Fd> readWrite = holder.take(role.readWrite);
      final Optional<Fd> readOnly = holder.take(role.readOnly);
      if (readWrite.isEmpty() || readOnly.isEmpty()) {
        readWrite.ifPresent(Fd::close);
        readOnly.ifPresent(Fd::close);
        mounts.values().forEach(TmpfsMount::close);
        return Optional.empty();
      }
      mounts.put(role, TmpfsMount.of(readWrite.get(), readOnly.get()));
    }
    return Optional.of(new StoreMounts(mounts));
  }

  /** Have new ones held in place of any others. */
  void hold(final DescriptorHolder holder) {
    holder.dropAll(HELD_TYPE);
    mounts.forEach(
        (role, mount) -> {
          holder.hold(role.readWrite, mount.readWriteMount());
          holder.hold(role.readOnly, mount.readOnlyMount());
        });
  }

  /** Have them held no more: when nothing else holds them, all that is on them is gone. */
  static void drop(final DescriptorHolder holder) {
    holder.dropAll(HELD_TYPE);
  }

  TmpfsMount mount(final Role role) {
    return mounts.get(role);
  }

  /** Close the descriptors here. Those that are held stay. */
  @Override
  public void close() {
    mounts.values().forEach(TmpfsMount::close);
  }
}
