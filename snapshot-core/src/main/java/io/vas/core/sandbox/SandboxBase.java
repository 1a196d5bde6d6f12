package io.vas.core.sandbox;

import static io.vas.core.linux.OpenFlags.AT_FDCWD;

import io.vas.core.NotFoundException;
import io.vas.core.VasException;
import io.vas.core.keeper.ExitStatus;
import io.vas.core.keeper.Keeper;
import io.vas.core.keeper.Params;
import io.vas.core.keeper.ProgramFile;
import io.vas.core.keeper.ReadyMessage;
import io.vas.core.keeper.SpawnReply;
import io.vas.core.keeper.SpawnRequest;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.MemFd;
import io.vas.core.linux.Mounts;
import io.vas.core.linux.OpenFlags;
import io.vas.core.linux.Pidfd;
import io.vas.core.linux.Signals;
import io.vas.core.program.Data;
import io.vas.core.program.Program;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * What all sandboxes of a keeper begin with, made once and held by the keeper: a mount namespace
 * with nothing of the host in it, and the host's root to be the lowest layer of overlays.
 *
 * <p>A sandbox takes a copy of the namespace. To take one of the host's instead would cost more
 * with every mount that the host has, and then its root would have to be unmounted: that waits for
 * the kernel's other processors, 50 us on an idle machine and 1 ms on a busy one. The root of this
 * one, a read-only tmpfs, can stay where it is, out of sight.
 *
 * <pre>
 *  /root           where a sandbox's own root is mounted
 *  /empty          what directories are covered with
 *  /null, ...      the devices
 *  /layer          the layer between the host's root and an instance's: /dev with its links
 * </pre>
 */
public final class SandboxBase {
  /** The directory where a sandbox's own root is mounted. */
  static final String ROOT = "/root";

  /** An empty directory. */
  static final String EMPTY = "empty";

  /** The layer between the host's root and an instance's. */
  static final String LAYER = "/layer";

  /** Parameter: the mount namespace. */
  static final String NAMESPACE_PARAMETER = "sandbox's mount namespace";

  /** Parameter: the host's root. */
  static final String HOST_ROOT_PARAMETER = "host's root";

  /** Under which the keeper holds them; others choose smaller numbers. */
  private static final long FIRST_ID = 0x7600_0000_0000_0000L;

  private static final long NAMESPACE_ID = FIRST_ID;
  private static final long HOST_ROOT_ID = FIRST_ID + 1;
  private static final long NETWORK_ID = FIRST_ID + 2;
  private static final long LAYER_ID = FIRST_ID + 3;

  /** Number of the layer's clone in the process that makes the namespace. */
  private static final int LAYER_NUMBER = 100;

  private static final long CLONE_NEWNS = 0x00020000L;
  private static final long MS_RDONLY = 1;
  private static final long MS_NOSUID = 2;
  private static final long MS_NOEXEC = 8;
  private static final long MS_REMOUNT = 32;
  private static final long MS_BIND = 4096;
  private static final long MS_REC = 16384;
  private static final long MS_PRIVATE = 1 << 18;
  private static final int MNT_DETACH = 2;
  private static final int MOVE_MOUNT_F_EMPTY_PATH = 4;
  private static final int OPEN_TREE_CLONE = 1;
  private static final int FSCONFIG_CMD_CREATE = 6;
  private static final int S_IFCHR = 0020000;
  private static final int S_IFREG = 0100000;
  private static final long PATIENCE_SECONDS = 30;

  private static final Map<Keeper, SandboxBase> BASES = new WeakHashMap<>();

  private final Keeper keeper;
  private final Program network = NetworkNamespace.maker();

  private SandboxBase(final Keeper keeper) {
    this.keeper = keeper;
  }

  /**
   * The base of a keeper's sandboxes, which is made when it is first asked for.
   *
   * @param keeper the keeper.
   * @return its base.
   * @throws VasException if it can not be made.
   */
  public static SandboxBase of(final Keeper keeper) {
    synchronized (BASES) {
      SandboxBase base = BASES.get(keeper);
      if (base == null) {
        base = new SandboxBase(keeper);
        base.make();
        BASES.put(keeper, base);
      }
      return base;
    }
  }

  /**
   * Ask for a child whose program enters a {@link Sandbox}: with the parameters that this needs,
   * its namespaces, and those that the keeper's assistant makes.
   *
   * @param id of the child, not 0 and not used by another one that lives.
   * @param file its program.
   * @param params values of the program's other parameters.
   * @return the request.
   */
  public SpawnRequest request(final long id, final ProgramFile file, final Params params) {
    return requestWithoutNetwork(id, file, params).beside(NETWORK_ID, network);
  }

  /**
   * The same, but nobody makes a net namespace for it: it gets that of a {@link KeptNetwork}.
   *
   * @param id of the child, not 0 and not used by another one that lives.
   * @param file its program.
   * @param params values of the program's other parameters.
   * @return the request.
   */
  public SpawnRequest requestWithoutNetwork(
      final long id, final ProgramFile file, final Params params) {
    return new SpawnRequest(
            id,
            file,
            params.held(NAMESPACE_PARAMETER, NAMESPACE_ID).held(HOST_ROOT_PARAMETER, HOST_ROOT_ID))
        .cloneFlags(Sandbox.CLONE_FLAGS);
  }

  /**
   * The layers that lie below those of all snapshots, each on a mount that is attached nowhere.
   *
   * @return the uppermost first; to be closed.
   */
  List<Fd> lowestLayers() {
    final Fd layer = keeper.take(LAYER_ID);
    try {
      return List.of(layer, keeper.take(HOST_ROOT_ID));
    } catch (final RuntimeException e) {
      layer.close();
      throw e;
    }
  }

  private void make() {
    try (ProgramFile file = ProgramFile.of(program())) {
      // Not an instance's, and above all that they have.
      final long id = FIRST_ID + ProcessHandle.current().pid();
      final SpawnReply reply =
          keeper.spawn(
              new SpawnRequest(id, file, Params.forSpawn(file.program()).control("control"))
                  .cloneFlags(CLONE_NEWNS));
      try (Fd namespace = Fd.open("/proc/" + reply.pid() + "/ns/mnt", OpenFlags.O_RDONLY);
          Pidfd process = Pidfd.open(reply.pid());
          Fd layer = process.take(LAYER_NUMBER)) {
        hold(NAMESPACE_ID, namespace);
        hold(LAYER_ID, layer);
      } finally {
        keeper.signal(id, Signals.SIGKILL);
        await(reply);
      }
    }
    try (Fd file = MemFd.of("vas-network", network.bytes())) {
      hold(NETWORK_ID, file);
    }
    try (Fd root = Fd.open("/", OpenFlags.O_PATH);
        Fd clone = Mounts.clone(root, Mounts.MOUNT_ATTR_RDONLY)) {
      // Or it would get what the host mounts on its root later.
      Mounts.makePrivate(clone);
      hold(HOST_ROOT_ID, clone);
    }
  }

  private static void await(final SpawnReply reply) {
    try {
      final ExitStatus status = reply.exit().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      if (status.signal() != Signals.SIGKILL) {
        throw new VasException("making the base of sandboxes failed: " + status);
      }
    } catch (final ExecutionException | TimeoutException e) {
      throw new VasException("making the base of sandboxes failed", e);
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new VasException("interrupted while the base of sandboxes was made", e);
    }
  }

  /**
   * A former daemon's is replaced; programs that were compiled for it are gone with that daemon.
   */
  private void hold(final long id, final Fd fd) {
    try {
      keeper.drop(id);
    } catch (final NotFoundException e) {
      // The usual case: this daemon is the keeper's first.
    }
    keeper.hold(id, fd);
  }

  /** A program whose child makes a mount namespace and then waits for its end. */
  private static Program program() {
    final ProgramBuilder b = new ProgramBuilder();
    b.resource("base of sandboxes");
    final Result control = b.parameter("control");
    b.call("umask", SystemCall.UMASK, 0);
    b.call("private mounts", SystemCall.MOUNT, 0, b.string("/"), 0, MS_REC | MS_PRIVATE, 0);
    final Result context = b.call("prepare tmpfs", SystemCall.FSOPEN, b.string("tmpfs"), 1);
    b.call("its mode", SystemCall.FSCONFIG, context, 1, b.string("mode"), b.string("0755"), 0);
    b.call("make tmpfs", SystemCall.FSCONFIG, context, FSCONFIG_CMD_CREATE, 0, 0, 0);
    final Result tmpfs =
        b.call(
            "mount tmpfs",
            SystemCall.FSMOUNT,
            context,
            1,
            Mounts.MOUNT_ATTR_NOSUID | Mounts.MOUNT_ATTR_NOEXEC);
    // For as long as it is made: a directory that every host has.
    b.call(
        "attach tmpfs",
        SystemCall.MOVE_MOUNT,
        tmpfs,
        b.string(""),
        AT_FDCWD,
        b.string("/proc"),
        MOVE_MOUNT_F_EMPTY_PATH);
    b.call("go there", SystemCall.FCHDIR, tmpfs);
    for (final String directory :
        List.of(
            ROOT, "/" + EMPTY, LAYER, LAYER + "/dev", LAYER + "/dev/pts", LAYER + "/dev/mqueue")) {
      b.call("make " + directory, SystemCall.MKDIR, b.string("." + directory), 0755);
    }
    b.call("make /dev/shm", SystemCall.MKDIR, b.string("." + LAYER + "/dev/shm"), 01777);
    final byte[] yes = "y".getBytes(StandardCharsets.US_ASCII);
    b.call(
        "hide what the host's root has in /dev",
        SystemCall.SETXATTR,
        b.string("." + LAYER + "/dev"),
        b.string("trusted.overlay.opaque"),
        b.data(yes),
        yes.length,
        0);
    Sandbox.DEV_LINKS.forEach(
        (link, target) ->
            b.call(
                "link " + link,
                SystemCall.SYMLINK,
                b.string(target),
                b.string("." + LAYER + "/dev/" + link)));
    for (final String device : Sandbox.DEVICES) {
      b.call(
          "make " + device,
          SystemCall.MKNOD,
          b.string(device),
          S_IFCHR | 0666,
          FileStatus.of("/dev/" + device).deviceItself().encoded());
      b.call(
          "mount point of " + device,
          SystemCall.MKNOD,
          b.string("." + LAYER + "/dev/" + device),
          S_IFREG | 0666,
          0);
    }
    final Data old = b.string("." + ROOT);
    b.call("change root", SystemCall.PIVOT_ROOT, b.string("."), old);
    b.call("detach the host's root", SystemCall.UMOUNT2, old, MNT_DETACH);
    b.call(
        "read-only",
        SystemCall.MOUNT,
        0,
        b.string("/"),
        0,
        MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOEXEC,
        0);
    // For overlays that are not made in the namespace: see SnapshotRoot.
    final Result layer =
        b.call(
            "clone the layer",
            SystemCall.OPEN_TREE,
            AT_FDCWD,
            b.string(LAYER),
            OPEN_TREE_CLONE | OpenFlags.O_CLOEXEC);
    b.callExpecting(
        LAYER_NUMBER,
        "place the layer's clone",
        SystemCall.DUP3,
        layer,
        LAYER_NUMBER,
        OpenFlags.O_CLOEXEC);
    ReadyMessage.send(b, control, List.of());
    b.call("close the control socket", SystemCall.CLOSE, control);
    // All signals are blocked but SIGKILL.
    b.call("wait", SystemCall.PAUSE);
    return b.build();
  }
}
