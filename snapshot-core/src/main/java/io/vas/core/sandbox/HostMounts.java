package io.vas.core.sandbox;

import io.vas.core.linux.FileIo;
import io.vas.core.linux.MountInfo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Which of the host's file systems an instance sees. An overlay shows nothing of what is mounted on
 * its lower directories, so each of them is mounted again.
 *
 * @param mountPoints of those that are shown besides the root; parents before what is mounted on
 *     them.
 * @param hidden directories that are covered by an empty one, because they would be seen otherwise.
 */
public record HostMounts(List<String> mountPoints, List<String> hidden) {
  /** File systems that are the kernel's, not storage, or belong to another container or user. */
  private static final Set<String> NOT_SHOWN =
      Set.of(
          "autofs",
          "binfmt_misc",
          "bpf",
          "cgroup",
          "cgroup2",
          "configfs",
          "debugfs",
          "devpts",
          "devtmpfs",
          "efivarfs",
          "fuse",
          "fusectl",
          "hugetlbfs",
          "mqueue",
          "nfsd",
          "nsfs",
          "overlay",
          "proc",
          "pstore",
          "ramfs",
          "rpc_pipefs",
          "securityfs",
          "selinuxfs",
          "sysfs",
          "tmpfs",
          "tracefs");

  private static final List<String> OWN = List.of("/proc", "/sys", "/dev");

  /** Copies the lists. */
  public HostMounts {
    mountPoints = List.copyOf(mountPoints);
    hidden = List.copyOf(hidden);
  }

  /**
   * Those of this host, as this process sees it.
   *
   * @param stateDirectory which no instance may see: whoever reaches the keeper's socket there is
   *     master of all instances.
   * @return what is shown now.
   */
  public static HostMounts current(final Path stateDirectory) {
    return of(
        MountInfo.parse(new UnsafeBuffer(FileIo.readAll("/proc/self/mountinfo"))),
        stateDirectory.toAbsolutePath().normalize().toString());
  }

  static HostMounts of(final List<MountInfo> mounts, final String stateDirectory) {
    // Of several at one place only the last one is seen.
    final Map<String, MountInfo> seen = new LinkedHashMap<>();
    for (final MountInfo mount : mounts) {
      seen.remove(mount.mountPoint());
      seen.put(mount.mountPoint(), mount);
    }
    final Set<Integer> shownIds = new HashSet<>();
    final List<String> mountPoints = new ArrayList<>();
    final Map<Integer, MountInfo> byId = new HashMap<>();
    mounts.forEach(mount -> byId.put(mount.id(), mount));
    for (final MountInfo mount : seen.values()) {
      final String point = mount.mountPoint();
      if (point.equals("/")) {
        shownIds.add(mount.id());
      } else if (isShown(mount, byId, shownIds) && !isAtOrBelow(point, stateDirectory)) {
        shownIds.add(mount.id());
        mountPoints.add(point);
      }
    }
    // The mount that holds the state directory is the one with the longest path to it.
    MountInfo holder = null;
    for (final MountInfo mount : seen.values()) {
      if (isAtOrBelow(stateDirectory, mount.mountPoint())
          && (holder == null || mount.mountPoint().length() > holder.mountPoint().length())) {
        holder = mount;
      }
    }
    final boolean visible = holder == null || shownIds.contains(holder.id());
    return new HostMounts(mountPoints, visible ? List.of(stateDirectory) : List.of());
  }

  private static boolean isShown(
      final MountInfo mount, final Map<Integer, MountInfo> byId, final Set<Integer> shownIds) {
    if (NOT_SHOWN.contains(mount.type()) || mount.type().startsWith("fuse.")) {
      return false;
    }
    for (final String own : OWN) {
      if (isAtOrBelow(mount.mountPoint(), own)) {
        return false;
      }
    }
    // What it is mounted on may be covered itself, by one at the same place that is shown.
    final MountInfo parent = byId.get(mount.parent());
    return parent != null && shownIds.contains(parent.id());
  }

  private static boolean isAtOrBelow(final String path, final String directory) {
    return path.equals(directory)
        || path.startsWith(directory.endsWith("/") ? directory : directory + "/");
  }
}
