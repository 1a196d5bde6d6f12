package io.vas.core.sandbox;

import static io.vas.core.linux.OpenFlags.AT_FDCWD;
import static io.vas.core.linux.OpenFlags.O_CLOEXEC;
import static io.vas.core.linux.OpenFlags.O_DIRECTORY;
import static io.vas.core.linux.OpenFlags.O_PATH;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.keeper.ReadyMessage.Kept;
import io.vas.core.linux.Mounts;
import io.vas.core.linux.RawText;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
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
 * <p>The root is an overlay in a tmpfs of the instance's own, above the layers of a snapshot if
 * there are any, above the host's root. Nothing on it is a device: the few that there are, docker's
 * list, are the host's nodes, each bound to its place.
 *
 * <p>Needs Linux 6.15, from which on a mount that is attached nowhere can be a layer of an overlay.
 * The child is a fresh one with {@link #CLONE_FLAGS}, has all capabilities, and its descriptors are
 * closed later, by execve or by {@code close_range}: no step closes any.
 */
public final class Sandbox {
  /** The namespaces that an instance has of its own: pid, mount, net, ipc and uts. */
  public static final long CLONE_FLAGS =
      0x20000000L | 0x00020000L | 0x40000000L | 0x08000000L | 0x04000000L;

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

  private static final Map<String, String> DEV_LINKS = new LinkedHashMap<>();

  static {
    DEV_LINKS.put("fd", "/proc/self/fd");
    DEV_LINKS.put("stdin", "/proc/self/fd/0");
    DEV_LINKS.put("stdout", "/proc/self/fd/1");
    DEV_LINKS.put("stderr", "/proc/self/fd/2");
    DEV_LINKS.put("ptmx", "pts/ptmx");
  }

  private static final long MS_REC = 1 << 14;
  private static final long MS_PRIVATE = 1 << 18;
  private static final int MNT_DETACH = 2;
  private static final int FSOPEN_CLOEXEC = 1;
  private static final int FSMOUNT_CLOEXEC = 1;
  private static final int FSCONFIG_SET_STRING = 1;
  private static final int FSCONFIG_SET_FD = 5;
  private static final int FSCONFIG_CMD_CREATE = 6;
  private static final int MOVE_MOUNT_F_EMPTY_PATH = 4;
  private static final int OPEN_TREE_CLONE = 1;
  private static final int MOUNT_ATTR_LENGTH = 32;
  private static final int S_IFREG = 0100000;

  private static final int AF_NETLINK = 16;
  private static final int SOCK_RAW = 3;
  private static final int SOCK_CLOEXEC = 02000000;
  private static final int NETLINK_SOCK_DIAG = 4;
  private static final int SIOCSIFFLAGS = 0x8914;
  private static final int IFREQ_LENGTH = 40;
  private static final int IFREQ_FLAGS_OFFSET = 16;
  private static final short IFF_UP_RUNNING = 0x41;

  private final ProgramBuilder b;
  private final SandboxSpec spec;
  private Result root;
  private Data noAttributes;

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
   * Add the steps. When they have run, the child is in the root directory of its new root.
   *
   * @param b the program.
   * @param spec what the sandbox is like.
   * @param layers numbers of directories that lie between the host's root and what the instance
   *     writes, the uppermost first.
   * @return descriptors that were left open, at numbers that the kernel chose.
   */
  public static Entered enter(
      final ProgramBuilder b, final SandboxSpec spec, final List<Value> layers) {
    return new Sandbox(b, spec).enter(layers);
  }

  private Entered enter(final List<Value> layers) {
    b.resource("sandbox");
    b.call("private mounts", SystemCall.MOUNT, 0, b.string("/"), 0, MS_REC | MS_PRIVATE, 0);
    final Result upper = overlay(layers);
    proc();
    sys();
    dev();
    hostMounts();
    pivot();
    b.call(
        "host name",
        SystemCall.SETHOSTNAME,
        b.string(spec.hostname()),
        RawText.encode(spec.hostname()).length);
    return new Entered(upper, loopback(), root);
  }

  private Result overlay(final List<Value> layers) {
    final Result hostRoot =
        b.call(
            "open the host's root",
            SystemCall.OPENAT,
            AT_FDCWD,
            b.string("/"),
            O_PATH | O_DIRECTORY | O_CLOEXEC,
            0);
    final Result scratch =
        mount(context("root tmpfs", "tmpfs"), "root tmpfs", Mounts.MOUNT_ATTR_NODEV);
    b.call("make upper", SystemCall.MKDIRAT, scratch, b.string("upper"), 0755);
    b.call("make work", SystemCall.MKDIRAT, scratch, b.string("work"), 0700);
    final Result upper =
        b.call(
            "open upper",
            SystemCall.OPENAT,
            scratch,
            b.string("upper"),
            O_DIRECTORY | O_CLOEXEC,
            0);
    final Result work =
        b.call(
            "open work",
            SystemCall.OPENAT,
            scratch,
            b.string("work"),
            O_PATH | O_DIRECTORY | O_CLOEXEC,
            0);
    final Result overlay = context("root", "overlay");
    int index = 0;
    for (final Value layer : layers) {
      setDescriptor(overlay, "layer " + index++, "lowerdir+", layer);
    }
    setDescriptor(overlay, "lower layer", "lowerdir+", hostRoot);
    setDescriptor(overlay, "upper layer", "upperdir", upper);
    setDescriptor(overlay, "work directory", "workdir", work);
    root = mount(overlay, "root", Mounts.MOUNT_ATTR_NODEV);
    // Where the root is for now: a directory that every host has, and that is not needed any more.
    b.call(
        "attach root",
        SystemCall.MOVE_MOUNT,
        root,
        b.string(""),
        AT_FDCWD,
        b.string("/proc"),
        MOVE_MOUNT_F_EMPTY_PATH);
    return upper;
  }

  private void proc() {
    final long attributes =
        Mounts.MOUNT_ATTR_NOSUID | Mounts.MOUNT_ATTR_NODEV | Mounts.MOUNT_ATTR_NOEXEC;
    final Result proc = mount(context("/proc", "proc"), "/proc", attributes);
    attach("/proc", proc, root, "proc");
    if (!spec.privileged()) {
      for (final String path : READ_ONLY) {
        if (exists(path)) {
          final String below = path.substring("/proc/".length());
          attach(path, clone(path, proc, below, Mounts.MOUNT_ATTR_RDONLY), proc, below);
        }
      }
      mask("/proc/", proc);
    }
  }

  private void sys() {
    final long attributes =
        Mounts.MOUNT_ATTR_NOSUID
            | Mounts.MOUNT_ATTR_NODEV
            | Mounts.MOUNT_ATTR_NOEXEC
            | (spec.privileged() ? 0 : Mounts.MOUNT_ATTR_RDONLY);
    final Result sys = mount(context("/sys", "sysfs"), "/sys", attributes);
    attach("/sys", sys, root, "sys");
    if (!spec.privileged()) {
      mask("/sys/", sys);
    }
  }

  /** Covers what there is of the masked paths below a directory. */
  private void mask(final String above, final Result mount) {
    for (final String path : MASKED) {
      if (path.startsWith(above) && exists(path)) {
        final boolean directory = Files.isDirectory(Path.of(path), LinkOption.NOFOLLOW_LINKS);
        final Result cover =
            directory
                ? emptyDirectory("cover of " + path)
                : clone("cover of " + path, null, "/dev/null", 0);
        attach(path, cover, mount, path.substring(above.length()));
      }
    }
  }

  private static boolean exists(final String path) {
    return Files.exists(Path.of(path), LinkOption.NOFOLLOW_LINKS);
  }

  private void dev() {
    final Result context = context("/dev", "tmpfs");
    set(context, "/dev", "mode", "0755");
    set(context, "/dev", "size", "65536k");
    final Result dev = mount(context, "/dev", Mounts.MOUNT_ATTR_NOSUID | Mounts.MOUNT_ATTR_NODEV);
    attach("/dev", dev, root, "dev");
    for (final String device : DEVICES) {
      final String path = "/dev/" + device;
      b.call("mount point " + path, SystemCall.MKNODAT, dev, b.string(device), S_IFREG | 0666, 0);
      attach(path, clone(path, null, path, 0), dev, device);
    }
    DEV_LINKS.forEach(
        (link, target) ->
            b.call(
                "link /dev/" + link, SystemCall.SYMLINKAT, b.string(target), dev, b.string(link)));
    for (final String directory : List.of("pts", "shm", "mqueue")) {
      b.call("mount point /dev/" + directory, SystemCall.MKDIRAT, dev, b.string(directory), 0755);
    }
    final long noExecutables = Mounts.MOUNT_ATTR_NOSUID | Mounts.MOUNT_ATTR_NOEXEC;
    final Result pts = context("/dev/pts", "devpts");
    set(pts, "/dev/pts", "ptmxmode", "0666");
    set(pts, "/dev/pts", "mode", "0620");
    // Group tty.
    set(pts, "/dev/pts", "gid", "5");
    attach("/dev/pts", mount(pts, "/dev/pts", noExecutables), dev, "pts");
    final Result shm = context("/dev/shm", "tmpfs");
    set(shm, "/dev/shm", "mode", "1777");
    set(shm, "/dev/shm", "size", "65536k");
    attach("/dev/shm", mount(shm, "/dev/shm", noExecutables | Mounts.MOUNT_ATTR_NODEV), dev, "shm");
    attach(
        "/dev/mqueue",
        mount(
            context("/dev/mqueue", "mqueue"),
            "/dev/mqueue",
            noExecutables | Mounts.MOUNT_ATTR_NODEV),
        dev,
        "mqueue");
  }

  private void hostMounts() {
    for (final String path : spec.hostMounts()) {
      final String name = "host's " + path;
      attach(
          name,
          clone(name, null, path, Mounts.MOUNT_ATTR_RDONLY | Mounts.MOUNT_ATTR_NODEV),
          root,
          path.substring(1));
    }
    for (final String path : spec.hidden()) {
      attach("cover of " + path, emptyDirectory("cover of " + path), root, path.substring(1));
    }
  }

  private void pivot() {
    b.call("go to root", SystemCall.FCHDIR, root);
    final Data here = b.string(".");
    b.call("change root", SystemCall.PIVOT_ROOT, here, here);
    b.call("detach the host's root", SystemCall.UMOUNT2, here, MNT_DETACH);
    b.call("go to the new root", SystemCall.CHDIR, b.string("/"));
  }

  private Result loopback() {
    b.resource("loopback device");
    final Result socket =
        b.call(
            "open sock_diag",
            SystemCall.SOCKET,
            AF_NETLINK,
            SOCK_RAW | SOCK_CLOEXEC,
            NETLINK_SOCK_DIAG);
    final UnsafeBuffer request = new UnsafeBuffer(new byte[IFREQ_LENGTH]);
    request.putStringWithoutLengthAscii(0, "lo");
    request.putShort(IFREQ_FLAGS_OFFSET, IFF_UP_RUNNING, LITTLE_ENDIAN);
    // Any socket of the net namespace will do.
    b.call("set it up", SystemCall.IOCTL, socket, SIOCSIFFLAGS, b.data(request.byteArray()));
    return socket;
  }

  // ---- one mount

  private Result context(final String name, final String type) {
    return b.call("prepare " + name, SystemCall.FSOPEN, b.string(type), FSOPEN_CLOEXEC);
  }

  private void set(final Result context, final String name, final String key, final String value) {
    b.call(
        name + " " + key,
        SystemCall.FSCONFIG,
        context,
        FSCONFIG_SET_STRING,
        b.string(key),
        b.string(value),
        0);
  }

  private void setDescriptor(
      final Result context, final String name, final String key, final Value descriptor) {
    b.call(
        "root's " + name,
        SystemCall.FSCONFIG,
        context,
        FSCONFIG_SET_FD,
        b.string(key),
        0,
        descriptor);
  }

  private Result mount(final Result context, final String name, final long attributes) {
    b.call("make " + name, SystemCall.FSCONFIG, context, FSCONFIG_CMD_CREATE, 0, 0, 0);
    return b.call("mount " + name, SystemCall.FSMOUNT, context, FSMOUNT_CLOEXEC, attributes);
  }

  private Result emptyDirectory(final String name) {
    return mount(context(name, "tmpfs"), name, Mounts.MOUNT_ATTR_RDONLY);
  }

  /** A second mount of a file or directory, below a directory or, without one, of a path. */
  private Result clone(
      final String step, final Result directory, final String path, final long attributes) {
    final Data set;
    if (attributes == 0) {
      if (noAttributes == null) {
        noAttributes = b.data(new byte[MOUNT_ATTR_LENGTH]);
      }
      set = noAttributes;
    } else {
      final UnsafeBuffer buffer = new UnsafeBuffer(new byte[MOUNT_ATTR_LENGTH]);
      buffer.putLong(0, attributes, LITTLE_ENDIAN);
      set = b.data(buffer.byteArray());
    }
    return b.call(
        "clone " + step,
        SystemCall.OPEN_TREE_ATTR,
        directory == null ? Value.of(AT_FDCWD) : directory,
        b.string(path),
        OPEN_TREE_CLONE | O_CLOEXEC,
        set,
        MOUNT_ATTR_LENGTH);
  }

  private void attach(
      final String step, final Result mount, final Value directory, final String path) {
    b.call(
        "attach " + step,
        SystemCall.MOVE_MOUNT,
        mount,
        b.string(""),
        directory,
        b.string(path),
        MOVE_MOUNT_F_EMPTY_PATH);
  }
}
