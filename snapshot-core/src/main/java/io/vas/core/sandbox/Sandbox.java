package io.vas.core.sandbox;

import static io.vas.core.linux.OpenFlags.AT_FDCWD;
import static io.vas.core.linux.OpenFlags.O_CLOEXEC;
import static io.vas.core.linux.OpenFlags.O_DIRECTORY;
import static io.vas.core.linux.OpenFlags.O_PATH;
import static io.vas.core.linux.OpenFlags.O_WRONLY;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.keeper.ReadyMessage.Kept;
import io.vas.core.linux.Mounts;
import io.vas.core.linux.RawText;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * The steps that make a new child's namespaces fit for an instance: its root, /proc, /sys and /dev,
 * its host name and its loopback device.
 *
 * <p>The root is an overlay. What the instance writes, /dev and /dev/shm included, goes to a tmpfs
 * of its own; below that are the layers of a snapshot if there are any, {@link SandboxBase}'s layer
 * with the mount points in /dev, and the host's root. Nothing on it is a device: the few that there
 * are, docker's list, are nodes of the base, each bound to its place.
 *
 * <p>Needs Linux 6.15, from which on a mount that is attached nowhere can be a layer of an overlay.
 * The child is a fresh one, as {@link SandboxBase#request} asks for it, and has all capabilities.
 * Its descriptors are closed later, by execve or by {@code close_range}: no step closes any.
 *
 * <p>mount(2) is used where a path will do: fsopen(2) and its kin take three to four calls instead
 * of one, and 2 us each.
 */
public final class Sandbox {
  /**
   * The namespaces that the keeper is to make for an instance: pid, ipc and uts. The steps make the
   * others: its mount namespace is a copy of {@link SandboxBase}'s, its net namespace is the work
   * of the keeper's assistant.
   */
  static final long CLONE_FLAGS = 0x20000000L | 0x08000000L | 0x04000000L;

  /** Index among the kept descriptors: the directory with the files that the instance changed. */
  public static final int KEPT_UPPER = 0;

  /** Index among the kept descriptors: a NETLINK_SOCK_DIAG socket of the net namespace. */
  public static final int KEPT_SOCK_DIAG = 1;

  /** Index among the kept descriptors: the instance's root directory, opened with O_PATH. */
  public static final int KEPT_ROOT = 2;

  /**
   * Covered, so that an instance can't read what the host's kernel tells there: moby's default,
   * {@code oci/defaults.go}, of version 28.
   */
  static final List<String> MASKED =
      List.of(
          "/proc/asound",
          "/proc/acpi",
          "/proc/interrupts",
          "/proc/kcore",
          "/proc/keys",
          "/proc/latency_stats",
          "/proc/timer_list",
          "/proc/timer_stats",
          "/proc/sched_debug",
          "/proc/scsi",
          "/sys/firmware",
          "/sys/devices/virtual/powercap");

  /** Can be read only: moby's default, {@code oci/defaults.go}. */
  static final List<String> READ_ONLY =
      List.of("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger");

  /** The devices of every instance: the OCI runtime specification's list, as docker has it. */
  static final List<String> DEVICES = List.of("null", "zero", "full", "random", "urandom", "tty");

  /** Symbolic links in /dev. */
  static final Map<String, String> DEV_LINKS = new LinkedHashMap<>();

  static {
    DEV_LINKS.put("fd", "/proc/self/fd");
    DEV_LINKS.put("stdin", "/proc/self/fd/0");
    DEV_LINKS.put("stdout", "/proc/self/fd/1");
    DEV_LINKS.put("stderr", "/proc/self/fd/2");
    DEV_LINKS.put("ptmx", "pts/ptmx");
  }

  /** Of an instance with clocks of its own. */
  static final long CLONE_NEWTIME = 0x00000080L;

  private static final long CLONE_NEWNS = 0x00020000L;
  private static final long MS_RDONLY = 1;
  private static final long MS_NOSUID = 2;
  private static final long MS_NODEV = 4;
  private static final long MS_NOEXEC = 8;
  private static final long MS_BIND = 4096;
  private static final int FSOPEN_CLOEXEC = 1;
  private static final int FSMOUNT_CLOEXEC = 1;
  private static final int FSCONFIG_SET_FD = 5;
  private static final int FSCONFIG_CMD_CREATE = 6;
  private static final int MOVE_MOUNT_F_EMPTY_PATH = 4;
  private static final int OPEN_TREE_CLONE = 1;
  private static final int MOUNT_ATTR_LENGTH = 32;
  private static final int MOUNT_ATTR_PROPAGATION_OFFSET = 16;
  private static final long MS_PRIVATE = 1 << 18;

  /** Where the base's root is while the sandbox is made: what is mounted last hides it. */
  private static final String LAST = "sys";

  private final ProgramBuilder b;
  private final SandboxSpec spec;
  private Result upper;
  private Result root;

  private Sandbox(final ProgramBuilder b, final SandboxSpec spec) {
    this.b = b;
    this.spec = spec;
  }

  /**
   * Numbers of descriptors, in the child, that a sandbox leaves open.
   *
   * @param upper the directory with the files that the instance changed.
   * @param sockDiag a NETLINK_SOCK_DIAG socket.
   * @param root the root directory, opened with O_PATH.
   */
  public record Entered(Value upper, Value sockDiag, Value root) {
    /**
     * What the keeper is to keep, in the order of the KEPT constants.
     *
     * @return the three descriptors.
     */
    public List<Kept> kept() {
      return List.of(Kept.plain(upper), Kept.plain(sockDiag), Kept.plain(root));
    }
  }

  /**
   * Add all steps: {@link #begin} and {@link #finish}.
   *
   * @param b the program.
   * @param control number of the child's socket to the keeper.
   * @param spec what the sandbox is like.
   * @param layers numbers of directories that lie between the host's root and what the instance
   *     writes, the uppermost first.
   * @return descriptors that were left open, at numbers that the kernel chose.
   */
  public static Entered enter(
      final ProgramBuilder b,
      final Value control,
      final SandboxSpec spec,
      final List<Value> layers) {
    final Sandbox sandbox = begin(b, spec, layers);
    final Result sockDiag = NetworkNamespace.enter(b, control);
    sandbox.finish();
    return new Entered(sandbox.upper, sockDiag, sandbox.root);
  }

  /**
   * Add the steps that need no net namespace, which takes longer to be made than these take. When
   * they have run, absolute paths are the instance's; the current directory must stay as it is
   * until the sandbox is finished.
   *
   * @param b the program.
   * @param spec what the sandbox is like.
   * @param layers as for {@link #enter}.
   * @return the sandbox, to be finished.
   */
  public static Sandbox begin(
      final ProgramBuilder b, final SandboxSpec spec, final List<Value> layers) {
    final Sandbox sandbox = new Sandbox(b, spec);
    sandbox.begin(layers);
    return sandbox;
  }

  private void begin(final List<Value> layers) {
    b.resource("sandbox");
    final Result namespace = b.parameter(SandboxBase.NAMESPACE_PARAMETER);
    final Result hostRoot = b.parameter(SandboxBase.HOST_ROOT_PARAMETER);
    if (!spec.clocks().isNone()) {
      setClocks();
    }
    final List<Result> hostMounts = cloneHostMounts();
    b.call("enter the base", SystemCall.SETNS, namespace, CLONE_NEWNS);
    b.call("own mount namespace", SystemCall.UNSHARE, CLONE_NEWNS);
    upper = overlay(layers, hostRoot);
    changeRoot();
    proc();
    dev();
    attachHostMounts(hostMounts);
    b.call(
        "host name",
        SystemCall.SETHOSTNAME,
        b.string(spec.hostname()),
        RawText.encode(spec.hostname()).length);
  }

  /**
   * A new time namespace is for children until it is entered, and has its offsets by then. The
   * host's /proc is at hand still, where the child is known by its number outside.
   */
  private void setClocks() {
    final byte[] offsets = spec.clocks().text().getBytes(StandardCharsets.US_ASCII);
    b.call("own time namespace", SystemCall.UNSHARE, CLONE_NEWTIME);
    final Result file =
        b.call(
            "open clock offsets",
            SystemCall.OPENAT,
            AT_FDCWD,
            b.string("/proc/self/timens_offsets"),
            O_WRONLY | O_CLOEXEC,
            0);
    b.callExpecting(
        offsets.length, "clock offsets", SystemCall.WRITE, file, b.data(offsets), offsets.length);
    final Result namespace =
        b.call(
            "open time namespace",
            SystemCall.OPENAT,
            AT_FDCWD,
            b.string("/proc/self/ns/time_for_children"),
            O_CLOEXEC,
            0);
    b.call("enter the time namespace", SystemCall.SETNS, namespace, CLONE_NEWTIME);
    b.call("close clock offsets", SystemCall.CLOSE, file);
    b.call("close time namespace", SystemCall.CLOSE, namespace);
  }

  /**
   * Add the other steps. When they have run, the child is in the root directory of its new root.
   *
   * @param network number of the socket over which the net namespace comes: the child's socket to
   *     the keeper, or that of a {@link KeptNetwork}.
   * @param isKept whether it is that of a kept one, 1 or 0.
   * @return number of a NETLINK_SOCK_DIAG socket of the net namespace.
   */
  public Result finish(final Value network, final Value isKept) {
    final Result sockDiag = NetworkNamespace.enter(b, network, isKept);
    finish();
    return sockDiag;
  }

  private void finish() {
    b.resource("sandbox");
    // It shows the devices of the net namespace that it is mounted in.
    sys();
    b.call("go to the root", SystemCall.CHDIR, b.string("/"));
  }

  /**
   * The directory with the files that the instance changes.
   *
   * @return its number.
   */
  public Value upper() {
    return upper;
  }

  /**
   * The root directory, opened with O_PATH.
   *
   * @return its number.
   */
  public Value root() {
    return root;
  }

  private Result overlay(final List<Value> layers, final Value hostRoot) {
    final Result scratch = mount(context("tmpfs", "tmpfs"), "tmpfs");
    b.call("make upper", SystemCall.MKDIRAT, scratch, b.string("upper"), 0755);
    b.call("make work", SystemCall.MKDIRAT, scratch, b.string("work"), 0700);
    final Result writable = open("upper", scratch, "upper", 0);
    final Result work = open("work", scratch, "work", O_PATH);
    final Result base = open("base's layer", Value.of(AT_FDCWD), SandboxBase.LAYER, O_PATH);
    final Result overlay = context("root", "overlay");
    int index = 0;
    for (final Value layer : layers) {
      setDescriptor(overlay, "layer " + index++, "lowerdir+", layer);
    }
    setDescriptor(overlay, "base's layer", "lowerdir+", base);
    setDescriptor(overlay, "lowest layer", "lowerdir+", hostRoot);
    setDescriptor(overlay, "upper layer", "upperdir", writable);
    setDescriptor(overlay, "work directory", "workdir", work);
    root = mount(overlay, "root");
    attach("root", root, SandboxBase.ROOT);
    return writable;
  }

  /**
   * The base's root ends at the mount point of what is mounted last, and is the current directory.
   */
  private void changeRoot() {
    b.call("go to the new root", SystemCall.CHDIR, b.string(SandboxBase.ROOT));
    b.call("change root", SystemCall.PIVOT_ROOT, b.string("."), b.string(LAST));
    b.call("go to the base", SystemCall.CHDIR, b.string("/" + LAST));
  }

  private void proc() {
    mount("/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
    if (!spec.privileged()) {
      for (final String path : READ_ONLY) {
        if (exists(path)) {
          attach(path, clone(path, path, Mounts.MOUNT_ATTR_RDONLY), path);
        }
      }
      mask("/proc/");
    }
  }

  private void sys() {
    mount(
        "/" + LAST,
        "sysfs",
        MS_NOSUID | MS_NODEV | MS_NOEXEC | (spec.privileged() ? 0 : MS_RDONLY),
        "");
    if (!spec.privileged()) {
      mask("/sys/");
    }
  }

  /** Covers what there is of the masked paths below a directory. */
  private void mask(final String above) {
    for (final String path : MASKED) {
      if (path.startsWith(above) && exists(path)) {
        final boolean directory = Files.isDirectory(Path.of(path), LinkOption.NOFOLLOW_LINKS);
        bind(directory ? SandboxBase.EMPTY : "null", path);
      }
    }
  }

  private static boolean exists(final String path) {
    return Files.exists(Path.of(path), LinkOption.NOFOLLOW_LINKS);
  }

  private void dev() {
    for (final String device : DEVICES) {
      bind(device, "/dev/" + device);
    }
    // Group 5 is tty.
    mount("/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
    mount("/dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
  }

  /** Only in the host's mount namespace, where the keeper's children begin, can they be cloned. */
  private List<Result> cloneHostMounts() {
    return spec.hostMounts().stream()
        .map(
            path ->
                clone("host's " + path, path, Mounts.MOUNT_ATTR_RDONLY | Mounts.MOUNT_ATTR_NODEV))
        .toList();
  }

  private void attachHostMounts(final List<Result> clones) {
    for (int i = 0; i < clones.size(); i++) {
      final String path = spec.hostMounts().get(i);
      attach("host's " + path, clones.get(i), path);
    }
    for (final String path : spec.hidden()) {
      bind(SandboxBase.EMPTY, path);
    }
  }

  // ---- one mount

  private Result open(
      final String step, final Value directory, final String path, final int flags) {
    return b.call(
        "open " + step,
        SystemCall.OPENAT,
        directory,
        b.string(path),
        flags | O_DIRECTORY | O_CLOEXEC,
        0);
  }

  private Result context(final String step, final String type) {
    return b.call("prepare " + step, SystemCall.FSOPEN, b.string(type), FSOPEN_CLOEXEC);
  }

  private void setDescriptor(
      final Result context, final String step, final String key, final Value descriptor) {
    b.call(
        "root's " + step,
        SystemCall.FSCONFIG,
        context,
        FSCONFIG_SET_FD,
        b.string(key),
        0,
        descriptor);
  }

  private Result mount(final Result context, final String step) {
    b.call("make " + step, SystemCall.FSCONFIG, context, FSCONFIG_CMD_CREATE, 0, 0, 0);
    return b.call(
        "mount " + step, SystemCall.FSMOUNT, context, FSMOUNT_CLOEXEC, Mounts.MOUNT_ATTR_NODEV);
  }

  private void mount(final String path, final String type, final long flags, final String options) {
    final Data name = b.string(type);
    b.call("mount " + path, SystemCall.MOUNT, name, b.string(path), name, flags, b.string(options));
  }

  /** Bind what is in the base to a path. */
  private void bind(final String source, final String path) {
    b.call("bind " + path, SystemCall.MOUNT, b.string(source), b.string(path), 0, MS_BIND, 0);
  }

  private Result clone(final String step, final String path, final long attributes) {
    final UnsafeBuffer set = new UnsafeBuffer(new byte[MOUNT_ATTR_LENGTH]);
    set.putLong(0, attributes, LITTLE_ENDIAN);
    // Or what an instance mounts there would appear on the host.
    set.putLong(MOUNT_ATTR_PROPAGATION_OFFSET, MS_PRIVATE, LITTLE_ENDIAN);
    return b.call(
        "clone " + step,
        SystemCall.OPEN_TREE_ATTR,
        AT_FDCWD,
        b.string(path),
        OPEN_TREE_CLONE | O_CLOEXEC,
        b.data(set.byteArray()),
        MOUNT_ATTR_LENGTH);
  }

  private void attach(final String step, final Result mount, final String path) {
    b.call(
        "attach " + step,
        SystemCall.MOVE_MOUNT,
        mount,
        b.string(""),
        AT_FDCWD,
        b.string(path),
        MOVE_MOUNT_F_EMPTY_PATH);
  }
}
