package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import java.nio.ByteBuffer;

/** Files in memory, without a name in any directory. */
public final class MemFd {
  /** Seals may be added later. */
  public static final int MFD_ALLOW_SEALING = 2;

  /** Backed by huge pages of the reserved pool. */
  public static final int MFD_HUGETLB = 4;

  /** Not executable, and sealed so (Linux 6.3). */
  public static final int MFD_NOEXEC_SEAL = 8;

  /** Executable, whatever sysctl vm.memfd_noexec says (Linux 6.3). */
  public static final int MFD_EXEC = 16;

  /** No more seals. */
  public static final int F_SEAL_SEAL = 1;

  /** The file becomes no shorter. */
  public static final int F_SEAL_SHRINK = 2;

  /** The file becomes no longer. */
  public static final int F_SEAL_GROW = 4;

  /** What is in the file stays as it is, whoever opens it. */
  public static final int F_SEAL_WRITE = 8;

  private static final int MFD_CLOEXEC = 1;
  private static final int F_ADD_SEALS = 1033;

  private MemFd() {}

  /**
   * A new file of a given size, all of it a hole.
   *
   * @param name shown in /proc, at most 249 bytes; need not be unique.
   * @param size bytes.
   * @param flags of this class; close-on-exec is always added.
   * @return the file, open for reading and writing.
   * @throws LinuxException if it can not be made.
   */
  public static Fd create(final String name, final long size, final int flags) {
    final int value = LIBC.memfd_create(RawText.path(name), flags | MFD_CLOEXEC);
    if (value < 0) {
      throw Kernel.failure("memfd_create", "name", name, "flags", flags);
    }
    final Fd fd = Fd.owning(value);
    try {
      FileIo.truncate(fd, size);
      return fd;
    } catch (final LinuxException e) {
      fd.close();
      throw e;
    }
  }

  /**
   * A new file with contents.
   *
   * @param name as for {@link #create}.
   * @param bytes what is in it.
   * @return the file, open for reading and writing.
   * @throws LinuxException if it can not be made.
   */
  public static Fd of(final String name, final byte[] bytes) {
    return of(name, bytes, 0);
  }

  /**
   * A new file with contents that nobody can change, whoever gets it.
   *
   * @param name as for {@link #create}.
   * @param bytes what is in it.
   * @return the file, sealed.
   * @throws LinuxException if it can not be made.
   */
  public static Fd ofConstant(final String name, final byte[] bytes) {
    final Fd fd = of(name, bytes, MFD_ALLOW_SEALING);
    try {
      seal(fd, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
      return fd;
    } catch (final LinuxException e) {
      fd.close();
      throw e;
    }
  }

  private static Fd of(final String name, final byte[] bytes, final int flags) {
    final Fd fd = create(name, bytes.length, flags);
    try {
      final ByteBuffer buffer = ByteBuffer.allocateDirect(bytes.length);
      buffer.put(bytes).flip();
      FileIo.pwrite(fd, buffer, 0);
      return fd;
    } catch (final RuntimeException e) {
      fd.close();
      throw e;
    }
  }

  /**
   * Forbid changes for ever.
   *
   * @param fd a file made with {@link #MFD_ALLOW_SEALING}, open for writing.
   * @param seals of the {@code F_SEAL_} constants.
   * @throws LinuxException EBUSY while it is mapped shared and writable, EPERM if it can not be
   *     sealed (any more).
   */
  public static void seal(final Fd fd, final int seals) {
    if (LIBC.fcntl(fd.value(), F_ADD_SEALS, seals) < 0) {
      throw Kernel.failure("fcntl", "fd", fd.value(), "command", "F_ADD_SEALS", "seals", seals);
    }
  }
}
