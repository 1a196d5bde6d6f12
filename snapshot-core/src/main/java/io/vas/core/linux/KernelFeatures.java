package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import io.vas.core.VasException;
import io.vas.core.linux.Finding.Status;
import io.vas.core.linux.TmpfsMount.HugePages;
import io.vas.core.linux.TmpfsMount.RegionFile;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Finds out, by trying it, what of the things that vas uses this kernel and this process's
 * privileges offer. Nothing is changed, nothing is left behind.
 */
public final class KernelFeatures {
  private static final int PAGE = 4096;
  private static final long HUGE_PAGE = 2 << 20;
  private static final long MIB = 1 << 20;

  private static final int CLONE_ARGS_LENGTH = 80;
  private static final int CLONE_EXIT_SIGNAL_OFFSET = 32;
  private static final int CLONE_SET_TID_OFFSET = 64;
  private static final int CLONE_SET_TID_SIZE_OFFSET = 72;

  private static final int PR_SET_MM = 35;
  private static final int PR_SET_MM_MAP_SIZE = 15;
  private static final int PR_TIMER_CREATE_RESTORE_IDS = 77; // Linux 6.15
  private static final int PR_TIMER_CREATE_RESTORE_IDS_GET = 2;
  private static final int KCMP_FILE = 0;

  private static final int AF_INET = 2;
  private static final int SOCK_STREAM = 1;
  private static final int SOCK_CLOEXEC = 02000000;
  private static final int IPPROTO_TCP = 6;
  private static final int TCP_REPAIR = 19;

  private static final long SCARCE_MEMORY_MIB = 1024;

  private final List<Finding> findings = new ArrayList<>();

  private KernelFeatures() {}

  /** Looks for one thing. */
  private interface Check {
    /**
     * Look.
     *
     * @return a detail to show.
     * @throws VasException if it is not there; the message says why.
     */
    String run();
  }

  /**
   * Look for everything.
   *
   * @return one finding for each thing.
   */
  public static List<Finding> probe() {
    final KernelFeatures features = new KernelFeatures();
    features.machine();
    features.privileges();
    features.tracing();
    features.memory();
    features.restoring();
    features.namespaces();
    features.regions();
    features.resources();
    return features.findings;
  }

  private void check(
      final String name, final Status otherwise, final String consequence, final Check check) {
    try {
      findings.add(new Finding(name, Status.OK, check.run(), ""));
    } catch (final VasException e) {
      findings.add(new Finding(name, otherwise, e.getMessage(), consequence));
    }
  }

  private static void require(final boolean present, final String reason) {
    if (!present) {
      throw new VasException(reason);
    }
  }

  private void machine() {
    check(
        "architecture",
        Status.MISSING,
        "vas runs on x86-64 only",
        () -> {
          final String architecture = System.getProperty("os.arch");
          require(architecture.equals("amd64"), architecture);
          return "x86-64, " + Machine.current().processors() + " processors";
        });
    check(
        "kernel",
        Status.DEGRADED,
        "parts of vas need Linux 6.7 or later, as shown below",
        () -> {
          final String release = Machine.current().kernelRelease();
          final String[] parts = release.split("[^0-9]+", 3);
          final int version = Integer.parseInt(parts[0]) * 1000 + Integer.parseInt(parts[1]);
          require(version >= 6007, release);
          return release;
        });
  }

  private void privileges() {
    check(
        "root",
        Status.MISSING,
        "the daemon has to run as root",
        () -> {
          final Credentials own = Credentials.current();
          require(own.isRoot(), "effective user " + own.effectiveUid());
          return "effective user 0";
        });
    final Map<Capability, String> essential = new EnumMap<>(Capability.class);
    essential.put(Capability.SYS_ADMIN, "no namespaces and mounts: nothing works");
    essential.put(Capability.SYS_PTRACE, "instances of other users can not be frozen");
    essential.put(Capability.NET_ADMIN, "instances have no loopback network");
    essential.put(Capability.SETUID, "users of tasks can not be restored");
    essential.put(Capability.SETGID, "groups of tasks can not be restored");
    essential.put(Capability.SETPCAP, "capabilities of tasks can not be restored");
    essential.put(Capability.SYS_CHROOT, "namespaces of instances can not be entered");
    final Map<Capability, String> helpful = new EnumMap<>(Capability.class);
    helpful.put(
        Capability.SYS_RESOURCE,
        "no raising of hard limits and no lowering of oom_score_adj: forks keep the daemon's where"
            + " theirs were higher");
    helpful.put(
        Capability.SYS_NICE, "real-time classes and negative nice values can not be restored");
    helpful.put(Capability.IPC_LOCK, "locked memory is limited by RLIMIT_MEMLOCK");
    final Set<Capability> effective = effectiveCapabilities();
    essential.forEach((capability, lack) -> capability(effective, capability, true, lack));
    helpful.forEach((capability, lack) -> capability(effective, capability, false, lack));
    check(
        "capabilities of instances",
        Status.DEGRADED,
        "instances do without those, which docker gives to containers",
        () -> {
          final Set<Capability> lacking = new TreeSet<>(Capability.DOCKER_DEFAULT);
          lacking.removeAll(effective);
          require(lacking.isEmpty(), "not held: " + lacking);
          return "docker's default set is held";
        });
    check(
        "seccomp",
        Status.DEGRADED,
        "instances inherit the filter, which may deny what a restore needs",
        () -> {
          require(ownStatus().number("Seccomp") == 0, "this process is filtered");
          return "this process is not filtered";
        });
  }

  private void capability(
      final Set<Capability> effective,
      final Capability capability,
      final boolean essential,
      final String lack) {
    check(
        capability.capName(),
        essential ? Status.MISSING : Status.DEGRADED,
        lack,
        () -> {
          require(effective.contains(capability), "not held");
          return "held";
        });
  }

  private void tracing() {
    check(
        "ptrace",
        Status.MISSING,
        "instances can not be frozen",
        () -> {
          final String scope = textOf("/proc/sys/kernel/yama/ptrace_scope", "0");
          require(!scope.equals("3"), "kernel.yama.ptrace_scope is 3: nobody may trace");
          return "kernel.yama.ptrace_scope is " + scope;
        });
    check(
        "pidfd_getfd",
        Status.MISSING,
        "descriptors of instances can not be examined",
        () -> {
          try (Pidfd self = Pidfd.open(LIBC.getpid());
              Fd file = MemFd.create("vas-check", 0, 0);
              Fd taken = self.take(file.value())) {
            return taken.isOpen() ? "works" : "";
          }
        });
    check(
        "kcmp",
        Status.MISSING,
        "duplicated descriptors can not be told from separate ones",
        () -> {
          try (Fd file = MemFd.create("vas-check", 0, 0);
              Fd copy = file.dup()) {
            final int pid = LIBC.getpid();
            final long order =
                Syscall.call(Syscall.KCMP, pid, pid, KCMP_FILE, file.value(), copy.value());
            if (order < 0) {
              throw Kernel.failure("kcmp", "type", "KCMP_FILE");
            }
            return "works";
          }
        });
    check(
        "/proc/PID/timers",
        Status.DEGRADED,
        "POSIX timers can not be found: they would be lost",
        () -> {
          FileIo.readAll("/proc/self/timers");
          return "readable";
        });
  }

  private void memory() {
    final long[] features = {0};
    check(
        "userfaultfd",
        Status.DEGRADED,
        "memory is restored by copying and every snapshot copies all of it",
        () -> {
          features[0] = userfaultfdFeatures();
          return "features 0x" + Long.toHexString(features[0]);
        });
    userfaultfd(
        "userfaultfd events",
        features[0],
        Userfaultfd.FEATURE_EVENT_FORK
            | Userfaultfd.FEATURE_EVENT_REMAP
            | Userfaultfd.FEATURE_EVENT_REMOVE
            | Userfaultfd.FEATURE_EVENT_UNMAP
            | Userfaultfd.FEATURE_MISSING_SHMEM,
        "mapped memory can not be guarded: memory is restored by copying");
    userfaultfd(
        "userfaultfd WP_ASYNC",
        features[0],
        Userfaultfd.FEATURE_WP_ASYNC
            | Userfaultfd.FEATURE_WP_UNPOPULATED
            | Userfaultfd.FEATURE_WP_HUGETLBFS_SHMEM,
        "dirty pages are not tracked: no live snapshots");
    check(
        "PAGEMAP_SCAN",
        Status.MISSING,
        "pages in use can not be found",
        () -> {
          pagemapScan();
          return "works";
        });
    check(
        "dirty tracking",
        Status.DEGRADED,
        "every snapshot reads all pages and compares them with the earlier one's; no live mode",
        () -> {
          final WriteTracking.Cost cost = WriteTracking.tryOut();
          return String.format(
              "by userfaultfd; each page costs %d ns to arm, and %d ns more at its first write",
              cost.armNanos(), cost.writeNanos());
        });
    check(
        "map_files",
        Status.MISSING,
        "files that are mapped and were deleted can not be examined",
        () -> {
          require(new java.io.File("/proc/self/map_files").list() != null, "not readable");
          return "readable";
        });
    check(
        "overcommit",
        Status.DEGRADED,
        "each fork counts as much committed memory as its snapshot is large",
        () -> {
          final String mode = textOf("/proc/sys/vm/overcommit_memory", "0");
          require(!mode.equals("2"), "vm.overcommit_memory is 2");
          return "vm.overcommit_memory is " + mode;
        });
    check(
        "memory available",
        Status.DEGRADED,
        "room for small snapshots only",
        () -> {
          final long mib = availableMemory() / MIB;
          require(mib >= SCARCE_MEMORY_MIB, mib + " MiB");
          return mib + " MiB";
        });
  }

  private void userfaultfd(
      final String name, final long features, final long wanted, final String consequence) {
    check(
        name,
        Status.DEGRADED,
        consequence,
        () -> {
          require(
              (features & wanted) == wanted,
              "lacking features 0x" + Long.toHexString(wanted & ~features));
          return "present";
        });
  }

  private void restoring() {
    check(
        "clone3 set_tid",
        Status.MISSING,
        "tasks can not get their pids back: no forks",
        () -> {
          cloneWithPid();
          final Set<Capability> effective = effectiveCapabilities();
          require(
              effective.contains(Capability.SYS_ADMIN)
                  || effective.contains(Capability.CHECKPOINT_RESTORE),
              "without CAP_CHECKPOINT_RESTORE and CAP_SYS_ADMIN");
          return "allowed";
        });
    check(
        "PR_SET_MM_MAP",
        Status.MISSING,
        "heap, command line and environment of forks would be those of the launcher",
        () -> {
          final UnsafeBuffer size = Scratch.zeroed(Integer.BYTES);
          if (LIBC.prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, size.addressOffset(), 0, 0) < 0) {
            throw Kernel.failure("prctl", "option", "PR_SET_MM_MAP_SIZE");
          }
          return "present";
        });
    check(
        "PR_TIMER_CREATE_RESTORE_IDS",
        Status.DEGRADED,
        "POSIX timers get their numbers back by making and deleting those before them",
        () -> {
          final int state =
              LIBC.prctl(PR_TIMER_CREATE_RESTORE_IDS, PR_TIMER_CREATE_RESTORE_IDS_GET, 0, 0, 0);
          if (state < 0) {
            throw Kernel.failure("prctl", "option", "PR_TIMER_CREATE_RESTORE_IDS");
          }
          return "present";
        });
    check(
        "TCP_REPAIR",
        Status.DEGRADED,
        "connections within an instance can not be restored",
        () -> {
          tcpRepair();
          return "allowed";
        });
  }

  private void namespaces() {
    for (final String name : List.of("pid", "mnt", "net", "ipc", "uts")) {
      namespace(name, Status.MISSING, "instances can not be kept apart");
    }
    namespace("cgroup", Status.DEGRADED, "instances see the host's cgroup paths");
    namespace(
        "time",
        Status.DEGRADED,
        "snapshots that were saved before a reboot are not loaded while the clocks are behind");
    fileSystem("overlay", "instances have no file layer of their own");
    fileSystem("proc", "instances have no /proc");
    fileSystem("sysfs", "instances have no /sys");
    fileSystem("devpts", "instances have no terminals");
    fileSystem("mqueue", "instances have no /dev/mqueue");
  }

  private void namespace(final String name, final Status otherwise, final String consequence) {
    check(
        name + " namespace",
        otherwise,
        consequence,
        () -> FileIo.readLink("/proc/self/ns/" + name));
  }

  private void fileSystem(final String type, final String consequence) {
    check(
        type + " file system",
        Status.MISSING,
        consequence,
        () -> {
          require(Mounts.isSupported(type), "not supported");
          return "present";
        });
  }

  private void regions() {
    check(
        "detached tmpfs",
        Status.DEGRADED,
        "snapshots are held in memfds: without a limit that the kernel enforces, and an instance"
            + " with privileges could change them",
        () -> {
          try (TmpfsMount mount = TmpfsMount.create(MIB, HugePages.NEVER);
              RegionFile file = mount.createFile()) {
            return file.readOnly().isOpen() ? "works, with a read-only second mount" : "";
          }
        });
    check(
        "huge pages for snapshots",
        Status.DEGRADED,
        "forks map 4 KiB pages: reading 1 GiB for the first time takes about 65 ms instead of 4",
        () -> {
          final long bytes = bytesBehindOne();
          require(
              bytes == HUGE_PAGE, "a byte takes " + bytes + " bytes of a tmpfs with huge=always");
          return "tmpfs with huge=always has them";
        });
    check(
        "tmpfs noswap",
        Status.DEGRADED,
        "snapshots may be swapped out",
        () -> {
          Mounts.create("tmpfs", Map.of("noswap", ""), 0).close();
          return "present";
        });
    final NumaNodes nodes = NumaNodes.withMemory();
    check(
        "NUMA",
        Status.DEGRADED,
        "pages of snapshots lie on the node where they were copied",
        () -> {
          TmpfsMount.create(MIB, HugePages.NEVER, nodes.spread()).close();
          return nodes.count() == 1
              ? "one node with memory, " + nodes.list()
              : "pages of snapshots are spread over nodes " + nodes.list();
        });
    check(
        "memfd",
        Status.MISSING,
        "the daemon and the keeper share no memory",
        () -> {
          MemFd.create("vas-check", PAGE, 0).close();
          return "works";
        });
  }

  private void resources() {
    check(
        "cgroups",
        Status.DEGRADED,
        "memory, processor time and tasks of instances can not be limited",
        () -> {
          final Set<String> controllers = new TreeSet<>();
          String version = "";
          for (final MountInfo mount : ownMounts()) {
            if (mount.type().equals("cgroup")) {
              controllers.addAll(List.of(mount.superOptions().split(",")));
              version = "v1";
            } else if (mount.type().equals("cgroup2")) {
              final String path = mount.mountPoint() + "/cgroup.controllers";
              controllers.addAll(List.of(textOf(path, "").split(" ")));
              version = version.isEmpty() ? "v2" : version;
            }
          }
          controllers.retainAll(Set.of("memory", "cpu", "pids", "freezer"));
          require(
              controllers.containsAll(Set.of("memory", "cpu", "pids")),
              version.isEmpty() ? "none mounted" : version + " with " + controllers + " only");
          return version + " with " + String.join(", ", controllers);
        });
    check(
        "mappings per process",
        Status.DEGRADED,
        "processes with many mappings can not be restored",
        () -> {
          final String count = textOf("/proc/sys/vm/max_map_count", "0");
          require(Integer.parseInt(count) >= 65530, "vm.max_map_count is " + count);
          return "vm.max_map_count is " + count;
        });
  }

  private static long userfaultfdFeatures() {
    try (Userfaultfd any = Userfaultfd.open(0)) {
      return any.features();
    }
  }

  private static void pagemapScan() {
    try (MappedMemory page = MappedMemory.anonymous(PAGE)) {
      page.buffer().putByte(0, (byte) 1);
      require(
          PagemapScan.count(page, PagemapScan.PAGE_IS_PRESENT, false) == 1,
          "a page that is present was not reported");
    }
  }

  /**
   * No child is made: the exit signal is one that does not exist. A kernel that knows {@code
   * set_tid} says so (EINVAL), an older one complains about the length first (E2BIG).
   */
  private static void cloneWithPid() {
    final UnsafeBuffer arguments = Scratch.zeroed(CLONE_ARGS_LENGTH + Integer.BYTES);
    final int noSuchSignal = 200;
    arguments.putLong(CLONE_EXIT_SIGNAL_OFFSET, noSuchSignal);
    arguments.putLong(CLONE_SET_TID_OFFSET, arguments.addressOffset() + CLONE_ARGS_LENGTH);
    arguments.putLong(CLONE_SET_TID_SIZE_OFFSET, 1);
    Syscall.call(Syscall.CLONE3, arguments.addressOffset(), CLONE_ARGS_LENGTH);
    if (Kernel.lastError() != Errno.EINVAL.number()) {
      throw Kernel.failure("clone3", "set_tid_size", 1);
    }
  }

  private static void tcpRepair() {
    final int value = LIBC.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (value < 0) {
      throw Kernel.failure("socket", "domain", "AF_INET");
    }
    try (Fd fd = Fd.owning(value)) {
      final UnsafeBuffer on = Scratch.zeroed(Integer.BYTES);
      on.putInt(0, 1);
      if (LIBC.setsockopt(fd.value(), IPPROTO_TCP, TCP_REPAIR, on.addressOffset(), Integer.BYTES)
          < 0) {
        throw Kernel.failure("setsockopt", "fd", fd.value(), "option", "TCP_REPAIR");
      }
    }
  }

  private static long bytesBehindOne() {
    try (TmpfsMount mount = TmpfsMount.create(2 * HUGE_PAGE, HugePages.ALWAYS);
        RegionFile file = mount.createFile()) {
      FileIo.pwrite(file.readWrite(), ByteBuffer.allocateDirect(1), 0);
      return mount.status().usedBytes();
    }
  }

  private static Set<Capability> effectiveCapabilities() {
    return Capability.setOf(ownStatus().mask("CapEff"));
  }

  private static ProcStatus ownStatus() {
    return ProcStatus.parse(new UnsafeBuffer(FileIo.readAll("/proc/self/status")));
  }

  private static List<MountInfo> ownMounts() {
    return MountInfo.parse(new UnsafeBuffer(FileIo.readAll("/proc/self/mountinfo")));
  }

  private static long availableMemory() {
    final byte[] meminfo = FileIo.readAll("/proc/meminfo");
    return ProcStatus.parse(new UnsafeBuffer(meminfo)).bytes("MemAvailable");
  }

  private static String textOf(final String path, final String otherwise) {
    try {
      return RawText.decode(FileIo.readAll(path)).trim();
    } catch (final LinuxException e) {
      if (e.errno() == Errno.ENOENT) {
        return otherwise;
      }
      throw e;
    }
  }
}
