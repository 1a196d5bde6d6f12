package io.vas.core.linux;

import java.util.List;
import java.util.Map;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Mounts that are attached nowhere: only whoever has their descriptor reaches them, and they end
 * with the last descriptor of them and of their files.
 */
public final class Mounts {
  /** Nothing on it can be changed. */
  public static final long MOUNT_ATTR_RDONLY = 1;

  /** Set-id bits of files have no effect. */
  public static final long MOUNT_ATTR_NOSUID = 2;

  /** Device nodes can not be opened. */
  public static final long MOUNT_ATTR_NODEV = 4;

  /** No file can be executed, nor mapped executable. */
  public static final long MOUNT_ATTR_NOEXEC = 8;

  private static final int FSOPEN_CLOEXEC = 1;
  private static final int FSMOUNT_CLOEXEC = 1;
  private static final int FSCONFIG_SET_STRING = 1;
  private static final int FSCONFIG_SET_FLAG = 0;
  private static final int FSCONFIG_SET_FD = 5;
  private static final int FSCONFIG_CMD_CREATE = 6;
  private static final int FSCONFIG_CMD_RECONFIGURE = 7;
  private static final int FSPICK_CLOEXEC = 1;
  private static final int FSPICK_EMPTY_PATH = 8;
  private static final int OPEN_TREE_CLONE = 1;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int MOUNT_ATTR_LENGTH = 32;
  private static final int MOUNT_ATTR_PROPAGATION_OFFSET = 16;
  private static final long MS_PRIVATE = 1 << 18;

  private Mounts() {}

  /**
   * Make a file system and a mount of it.
   *
   * @param type of the file system, for example {@code tmpfs}.
   * @param options its options; an empty value makes a flag.
   * @param attributes of the {@code MOUNT_ATTR_} constants.
   * @return the mount.
   * @throws LinuxException if the kernel refuses; it holds what the kernel said about it.
   */
  public static Fd create(
      final String type, final Map<String, String> options, final long attributes) {
    try (Fd context = context(type)) {
      configure(type, context, options);
      return create(type, context, attributes);
    }
  }

  /**
   * Make an overlay that can only be read, and a mount of it.
   *
   * @param layers directories, the uppermost first; two at least. None may be on a mount of another
   *     mount namespace.
   * @return the mount.
   * @throws LinuxException if the kernel refuses; it holds what the kernel said about it.
   */
  public static Fd createOverlay(final List<Fd> layers) {
    final String type = "overlay";
    try (Fd context = context(type)) {
      for (final Fd layer : layers) {
        configure(type, context, FSCONFIG_SET_FD, "lowerdir+", "", layer.value());
      }
      return create(
          type,
          context,
          MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    }
  }

  private static Fd create(final String type, final Fd context, final long attributes) {
    configure(type, context, FSCONFIG_CMD_CREATE, "", "");
    final int mount =
        (int) Syscall.call(Syscall.FSMOUNT, context.value(), FSMOUNT_CLOEXEC, attributes);
    if (mount < 0) {
      throw Kernel.failure("fsmount", "type", type, "attributes", attributes);
    }
    return Fd.owning(mount);
  }

  /**
   * Whether the kernel has a type of file system, loading its module if there is one.
   *
   * @param type for example {@code overlay}.
   * @return false if there is none.
   * @throws LinuxException EPERM without CAP_SYS_ADMIN.
   */
  public static boolean isSupported(final String type) {
    try (Fd context = context(type)) {
      return context.isOpen();
    } catch (final LinuxException e) {
      if (e.errno() == Errno.ENODEV) {
        return false;
      }
      throw e;
    }
  }

  /**
   * A second mount of the same files.
   *
   * @param mount a mount, or a directory or file to be the clone's root.
   * @param attributes of the {@code MOUNT_ATTR_} constants, set in addition to those it has.
   * @return the clone.
   * @throws LinuxException EINVAL for a mount that is attached nowhere on kernels before 6.15.
   */
  public static Fd clone(final Fd mount, final long attributes) {
    final UnsafeBuffer scratch = Scratch.zeroed(MOUNT_ATTR_LENGTH);
    final long empty = scratch.addressOffset();
    final int value =
        (int)
            Syscall.call(
                Syscall.OPEN_TREE,
                mount.value(),
                empty,
                OPEN_TREE_CLONE | AT_EMPTY_PATH | OpenFlags.O_CLOEXEC);
    if (value < 0) {
      throw Kernel.failure("open_tree", "fd", mount.value(), "flags", "OPEN_TREE_CLONE");
    }
    final Fd clone = Fd.owning(value);
    final int attributesOffset = Long.BYTES;
    scratch.setMemory(attributesOffset, MOUNT_ATTR_LENGTH, (byte) 0);
    scratch.putLong(attributesOffset, attributes);
    if (Syscall.call(
            Syscall.MOUNT_SETATTR,
            value,
            empty,
            AT_EMPTY_PATH,
            empty + attributesOffset,
            MOUNT_ATTR_LENGTH)
        < 0) {
      final LinuxException failure =
          Kernel.failure("mount_setattr", "fd", value, "attributes", attributes);
      clone.close();
      throw failure;
    }
    return clone;
  }

  /**
   * Change the options of a file system, through any mount of it.
   *
   * @param type of the file system, for the message of an error.
   * @param mount a mount of it.
   * @param options those that change; an empty value makes a flag.
   * @throws LinuxException if the kernel refuses; it holds what the kernel said about it.
   */
  public static void reconfigure(
      final String type, final Fd mount, final Map<String, String> options) {
    final UnsafeBuffer scratch = Scratch.zeroed(1);
    final int value =
        (int)
            Syscall.call(
                Syscall.FSPICK,
                mount.value(),
                scratch.addressOffset(),
                FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
    if (value < 0) {
      throw Kernel.failure("fspick", "type", type, "fd", mount.value());
    }
    try (Fd context = Fd.owning(value)) {
      configure(type, context, options);
      configure(type, context, FSCONFIG_CMD_RECONFIGURE, "", "");
    }
  }

  /**
   * Let nothing that is mounted on a mount, or on those it was cloned from, appear on the other.
   *
   * @param mount a mount that is attached nowhere.
   * @throws LinuxException if the kernel refuses.
   */
  public static void makePrivate(final Fd mount) {
    final UnsafeBuffer scratch = Scratch.zeroed(Long.BYTES + MOUNT_ATTR_LENGTH);
    final long empty = scratch.addressOffset();
    scratch.putLong(Long.BYTES + MOUNT_ATTR_PROPAGATION_OFFSET, MS_PRIVATE);
    if (Syscall.call(
            Syscall.MOUNT_SETATTR,
            mount.value(),
            empty,
            AT_EMPTY_PATH,
            empty + Long.BYTES,
            MOUNT_ATTR_LENGTH)
        < 0) {
      throw Kernel.failure("mount_setattr", "fd", mount.value(), "propagation", "private");
    }
  }

  private static Fd context(final String type) {
    final UnsafeBuffer scratch = Scratch.buffer();
    scratch.putBytes(0, RawText.path(type));
    final int value = (int) Syscall.call(Syscall.FSOPEN, scratch.addressOffset(), FSOPEN_CLOEXEC);
    if (value < 0) {
      throw Kernel.failure("fsopen", "type", type);
    }
    return Fd.owning(value);
  }

  private static void configure(
      final String type, final Fd context, final Map<String, String> options) {
    options.forEach(
        (key, value) ->
            configure(
                type,
                context,
                value.isEmpty() ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING,
                key,
                value));
  }

  private static void configure(
      final String type,
      final Fd context,
      final int command,
      final String key,
      final String value) {
    configure(type, context, command, key, value, 0);
  }

  private static void configure(
      final String type,
      final Fd context,
      final int command,
      final String key,
      final String value,
      final int auxiliary) {
    final UnsafeBuffer scratch = Scratch.buffer();
    final byte[] keyBytes = RawText.path(key);
    scratch.putBytes(0, keyBytes);
    scratch.putBytes(keyBytes.length, RawText.path(value));
    final long address = scratch.addressOffset();
    if (Syscall.call(
            Syscall.FSCONFIG,
            context.value(),
            command,
            key.isEmpty() ? 0 : address,
            value.isEmpty() ? 0 : address + keyBytes.length,
            auxiliary)
        < 0) {
      final int number = Kernel.lastError();
      throw Kernel.failureOf(
          number,
          "fsconfig",
          "type",
          type,
          key.isEmpty() ? "command" : key,
          key.isEmpty() ? command == FSCONFIG_CMD_CREATE ? "create" : "reconfigure" : value,
          "kernel",
          message(context));
    }
  }

  /** What the kernel has to say about the last failure, as each read of the context returns it. */
  private static String message(final Fd context) {
    final UnsafeBuffer scratch = Scratch.buffer();
    final long length = Kernel.LIBC.read(context.value(), scratch.addressOffset(), Scratch.LENGTH);
    if (length <= 0) {
      return "(nothing)";
    }
    final byte[] bytes = new byte[(int) length];
    scratch.getBytes(0, bytes);
    return RawText.decode(bytes).trim();
  }
}
