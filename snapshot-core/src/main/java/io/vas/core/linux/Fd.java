package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * A file descriptor of this process. It closes once, whoever and how often it is asked to. All
 * descriptors made here are closed by exec.
 *
 * <p>Closing while another thread is in a call with it is a race (the kernel may give the number to
 * another file): its owner closes it after its users are done. {@link SeqPacketSocket#shutdown()}
 * wakes a reader without closing.
 */
public final class Fd implements AutoCloseable {
  private static final int CLOSED = -1;
  private static final int F_GETFD = 1;
  private static final int F_SETFD = 2;
  private static final int F_GETFL = 3;
  private static final int FD_CLOEXEC = 1;
  private static final int F_DUPFD_CLOEXEC = 1030;

  private final AtomicInteger value;

  private Fd(final int value) {
    this.value = new AtomicInteger(value);
  }

  /**
   * Take ownership of a descriptor.
   *
   * @param value an open descriptor of this process that nothing else will close.
   * @return its owner.
   */
  public static Fd owning(final int value) {
    if (value < 0) {
      throw new IllegalArgumentException("not a descriptor: " + value);
    }
    return new Fd(value);
  }

  /**
   * Open a file. {@code O_CLOEXEC} is added to the flags.
   *
   * @param path the file.
   * @param flags of {@link OpenFlags}.
   * @return the open file.
   * @throws LinuxException if it can not be opened.
   */
  public static Fd open(final String path, final int flags) {
    return openAt(OpenFlags.AT_FDCWD, path, flags, 0);
  }

  /**
   * Open a file, making it if {@code O_CREAT} is among the flags. {@code O_CLOEXEC} is added to
   * them.
   *
   * @param path the file.
   * @param flags of {@link OpenFlags}.
   * @param mode permissions of a file that is made, before the umask.
   * @return the open file.
   * @throws LinuxException if it can not be opened.
   */
  public static Fd open(final String path, final int flags, final int mode) {
    return openAt(OpenFlags.AT_FDCWD, path, flags, mode);
  }

  /**
   * Open a file below a directory. {@code O_CLOEXEC} is added to the flags.
   *
   * @param directory where a relative path begins.
   * @param path the file.
   * @param flags of {@link OpenFlags}.
   * @param mode permissions of a file that is made, before the umask.
   * @return the open file.
   * @throws LinuxException if it can not be opened.
   */
  public static Fd openAt(final Fd directory, final String path, final int flags, final int mode) {
    return openAt(directory.value(), path, flags, mode);
  }

  private static Fd openAt(
      final int directory, final String path, final int flags, final int mode) {
    final byte[] name = RawText.path(path);
    while (true) {
      final int fd = LIBC.openat(directory, name, flags | OpenFlags.O_CLOEXEC, mode);
      if (fd >= 0) {
        return new Fd(fd);
      }
      if (!Kernel.wasInterrupted()) {
        throw Kernel.failure("openat", "path", path, "flags", "0" + Integer.toOctalString(flags));
      }
    }
  }

  /**
   * The number of the descriptor.
   *
   * @return 0 or more.
   * @throws IllegalStateException if it is closed.
   */
  public int value() {
    final int fd = value.get();
    if (fd == CLOSED) {
      throw new IllegalStateException("the descriptor is closed");
    }
    return fd;
  }

  /**
   * Whether it is open still.
   *
   * @return false after {@link #close()} or {@link #release()}.
   */
  public boolean isOpen() {
    return value.get() != CLOSED;
  }

  /**
   * A second descriptor of the same open file.
   *
   * @return the new descriptor, to be closed on its own.
   * @throws LinuxException if there are too many.
   */
  public Fd dup() {
    final int fd = LIBC.fcntl(value(), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
      throw Kernel.failure("fcntl", "fd", value, "command", "F_DUPFD_CLOEXEC");
    }
    return new Fd(fd);
  }

  /**
   * Give the descriptor away: this object is closed from now on, the descriptor is not.
   *
   * @return its number, now the caller's to close.
   */
  public int release() {
    final int fd = value.getAndSet(CLOSED);
    if (fd == CLOSED) {
      throw new IllegalStateException("the descriptor is closed");
    }
    return fd;
  }

  /**
   * Keep the descriptor open in a program that is executed, or not.
   *
   * @param closed whether exec closes it, which is so at first.
   */
  public void closeOnExec(final boolean closed) {
    final int flags = LIBC.fcntl(value(), F_GETFD, 0);
    final int wanted = closed ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC;
    if (flags < 0 || LIBC.fcntl(value(), F_SETFD, wanted) < 0) {
      throw Kernel.failure("fcntl", "fd", value, "command", "F_SETFD");
    }
  }

  /**
   * The flags of the open file.
   *
   * @return flags of {@link OpenFlags}.
   */
  public int flags() {
    final int flags = LIBC.fcntl(value(), F_GETFL, 0);
    if (flags < 0) {
      throw Kernel.failure("fcntl", "fd", value, "command", "F_GETFL");
    }
    return flags;
  }

  /** Close the descriptor. Only the first call does something. */
  @Override
  public void close() {
    final int fd = value.getAndSet(CLOSED);
    // Linux frees the number even when close fails (EINTR, EIO), so there is nothing to try again.
    if (fd != CLOSED && LIBC.close(fd) < 0 && Kernel.lastError() == Errno.EBADF.number()) {
      throw Kernel.failure("close", "fd", fd);
    }
  }

  @Override
  public String toString() {
    final int fd = value.get();
    return fd == CLOSED ? "Fd(closed)" : "Fd(" + fd + ")";
  }
}
