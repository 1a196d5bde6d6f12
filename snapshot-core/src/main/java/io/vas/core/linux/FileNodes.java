package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.agrona.BufferUtil;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Files of all types as entries of directories: listed, made and described with all that a file
 * system keeps of them. Directories are descriptors, so that neither a path that is too long nor a
 * symbolic link is in the way. Names are as in {@link RawText}.
 */
public final class FileNodes {
  private static final int AT_SYMLINK_NOFOLLOW = 0x100;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int NANOS = 1_000_000_000;
  private static final int TIMES_LENGTH = 32;

  // struct linux_dirent64
  private static final int ENTRY_LENGTH_OFFSET = 16;
  private static final int ENTRY_NAME_OFFSET = 19;

  /** XATTR_LIST_MAX and XATTR_SIZE_MAX. */
  private static final int ATTRIBUTE_MAX = 65536;

  private FileNodes() {}

  /**
   * List a directory.
   *
   * @param directory opened to be read, from its beginning.
   * @return the names in it, in no order, without the directory itself and the one above.
   * @throws LinuxException if it can not be read.
   */
  public static List<String> list(final Fd directory) {
    final UnsafeBuffer buffer = Scratch.buffer();
    final List<String> names = new ArrayList<>();
    FileIo.seek(directory, 0);
    while (true) {
      final long length =
          LIBC.getdents64(directory.value(), buffer.addressOffset(), Scratch.LENGTH);
      if (length < 0) {
        throw Kernel.failure("getdents64", "fd", directory.value());
      }
      if (length == 0) {
        return names;
      }
      for (int at = 0;
          at < length;
          at += Short.toUnsignedInt(buffer.getShort(at + ENTRY_LENGTH_OFFSET))) {
        final String name = text(buffer, at + ENTRY_NAME_OFFSET);
        if (!name.equals(".") && !name.equals("..")) {
          names.add(name);
        }
      }
    }
  }

  private static String text(final UnsafeBuffer buffer, final int offset) {
    int end = offset;
    while (buffer.getByte(end) != 0) {
      end++;
    }
    final byte[] bytes = new byte[end - offset];
    buffer.getBytes(offset, bytes);
    return RawText.decode(bytes);
  }

  /**
   * Where a symbolic link leads to.
   *
   * @param directory that it is in.
   * @param name of the link.
   * @return its target.
   * @throws LinuxException if it is none.
   */
  public static String readLink(final Fd directory, final String name) {
    final UnsafeBuffer buffer = Scratch.buffer();
    final long length =
        LIBC.readlinkat(
            directory.value(), RawText.path(name), buffer.addressOffset(), Scratch.LENGTH);
    if (length < 0) {
      throw Kernel.failure("readlinkat", "name", name);
    }
    final byte[] target = new byte[(int) length];
    buffer.getBytes(0, target);
    return RawText.decode(target);
  }

  /**
   * Make a directory.
   *
   * @param directory to make it in.
   * @param name of the new one.
   * @throws LinuxException if that is not possible.
   */
  public static void makeDirectory(final Fd directory, final String name) {
    check(LIBC.mkdirat(directory.value(), RawText.path(name), 0700), "mkdirat", name);
  }

  /**
   * Make a device node, FIFO or socket.
   *
   * @param directory to make it in.
   * @param name of the new one.
   * @param mode type and permissions.
   * @param device what a device node stands for.
   * @throws LinuxException if that is not possible.
   */
  public static void makeNode(
      final Fd directory, final String name, final int mode, final DeviceNumber device) {
    check(
        LIBC.mknodat(directory.value(), RawText.path(name), mode, device.encoded()),
        "mknodat",
        name);
  }

  /**
   * Make a symbolic link.
   *
   * @param directory to make it in.
   * @param name of the new one.
   * @param target where it leads to.
   * @throws LinuxException if that is not possible.
   */
  public static void makeSymbolicLink(final Fd directory, final String name, final String target) {
    check(
        LIBC.symlinkat(RawText.path(target), directory.value(), RawText.path(name)),
        "symlinkat",
        name);
  }

  /**
   * Give a file one more name.
   *
   * @param from a directory.
   * @param path of the file from there.
   * @param directory where the name is to be.
   * @param name the name.
   * @throws LinuxException if that is not possible.
   */
  public static void makeLink(
      final Fd from, final String path, final Fd directory, final String name) {
    check(
        LIBC.linkat(from.value(), RawText.path(path), directory.value(), RawText.path(name), 0),
        "linkat",
        name);
  }

  /**
   * Set owner and group of a file, also of a symbolic link.
   *
   * @param directory that it is in.
   * @param name of the file; empty: the directory itself.
   * @param uid owner.
   * @param gid group.
   * @throws LinuxException if that is not possible.
   */
  public static void setOwner(final Fd directory, final String name, final int uid, final int gid) {
    check(
        LIBC.fchownat(
            directory.value(), RawText.path(name), uid, gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH),
        "fchownat",
        name);
  }

  /**
   * Set the permissions of a file that is no symbolic link. To be done after {@link #setOwner},
   * which takes the set-id bits.
   *
   * @param directory that it is in.
   * @param name of the file; {@code .}: the directory itself.
   * @param permissions with the set-id and sticky bits.
   * @throws LinuxException if that is not possible.
   */
  public static void setPermissions(final Fd directory, final String name, final int permissions) {
    check(LIBC.fchmodat(directory.value(), RawText.path(name), permissions, 0), "fchmodat", name);
  }

  /**
   * Set the times of a file, also of a symbolic link.
   *
   * @param directory that it is in.
   * @param name of the file; {@code .}: the directory itself.
   * @param accessedNanos last access, since 1970.
   * @param modifiedNanos last change of its contents, since 1970.
   * @throws LinuxException if that is not possible.
   */
  public static void setTimes(
      final Fd directory, final String name, final long accessedNanos, final long modifiedNanos) {
    final UnsafeBuffer times = Scratch.zeroed(TIMES_LENGTH);
    times.putLong(0, Math.floorDiv(accessedNanos, NANOS));
    times.putLong(Long.BYTES, Math.floorMod(accessedNanos, NANOS));
    times.putLong(2 * Long.BYTES, Math.floorDiv(modifiedNanos, NANOS));
    times.putLong(3 * Long.BYTES, Math.floorMod(modifiedNanos, NANOS));
    check(
        LIBC.utimensat(
            directory.value(), RawText.path(name), times.addressOffset(), AT_SYMLINK_NOFOLLOW),
        "utimensat",
        name);
  }

  /**
   * The extended attributes of an open file or directory.
   *
   * @param file which one.
   * @return by name; none where the file system has none.
   * @throws LinuxException if they can not be read.
   */
  public static Map<String, byte[]> attributes(final Fd file) {
    final byte[] path = path(file);
    final Map<String, byte[]> attributes = new LinkedHashMap<>();
    if (LIBC.listxattr(path, 0, 0) <= 0) {
      return attributes;
    }
    final ByteBuffer memory = ByteBuffer.allocateDirect(ATTRIBUTE_MAX);
    final UnsafeBuffer buffer = new UnsafeBuffer(memory);
    final long length = LIBC.listxattr(path, buffer.addressOffset(), ATTRIBUTE_MAX);
    if (length < 0) {
      throw Kernel.failure("listxattr", "fd", file.value());
    }
    final List<String> names = new ArrayList<>();
    for (int at = 0; at < length; at += RawText.encode(names.get(names.size() - 1)).length + 1) {
      names.add(text(buffer, at));
    }
    for (final String name : names) {
      final long size =
          LIBC.getxattr(path, RawText.path(name), buffer.addressOffset(), ATTRIBUTE_MAX);
      if (size < 0) {
        throw Kernel.failure("getxattr", "fd", file.value(), "name", name);
      }
      final byte[] value = new byte[(int) size];
      buffer.getBytes(0, value);
      attributes.put(name, value);
    }
    return attributes;
  }

  /**
   * Set an extended attribute of an open file or directory.
   *
   * @param file which one.
   * @param name of the attribute.
   * @param value of the attribute.
   * @throws LinuxException if that is not possible.
   */
  public static void setAttribute(final Fd file, final String name, final byte[] value) {
    final ByteBuffer memory = ByteBuffer.allocateDirect(Math.max(1, value.length));
    memory.put(value);
    if (LIBC.setxattr(path(file), RawText.path(name), BufferUtil.address(memory), value.length, 0)
        < 0) {
      throw Kernel.failure("setxattr", "fd", file.value(), "name", name);
    }
  }

  private static byte[] path(final Fd file) {
    return RawText.path("/proc/self/fd/" + file.value());
  }

  private static void check(final int result, final String call, final String name) {
    if (result < 0) {
      throw Kernel.failure(call, "name", name);
    }
  }
}
