package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import org.agrona.concurrent.UnsafeBuffer;

/**
 * A process, held so that its number can not become another's meanwhile. It need not be a child.
 */
public final class Pidfd implements AutoCloseable {
  private static final short POLLIN = 1;
  private static final int POLLFD_EVENTS_OFFSET = 4;
  private static final int POLLFD_LENGTH = 8;

  private final Fd fd;
  private final int pid;

  private Pidfd(final Fd fd, final int pid) {
    this.fd = fd;
    this.pid = pid;
  }

  /**
   * Hold a process.
   *
   * @param pid its number in this process's pid namespace.
   * @return the process.
   * @throws LinuxException ESRCH if there is no such process.
   */
  public static Pidfd open(final int pid) {
    final int value = (int) Syscall.call(Syscall.PIDFD_OPEN, pid, 0);
    if (value < 0) {
      throw Kernel.failure("pidfd_open", "pid", pid);
    }
    return new Pidfd(Fd.owning(value), pid);
  }

  /**
   * The descriptor, readable when the process has ended.
   *
   * @return a descriptor that belongs to this object.
   */
  public Fd fd() {
    return fd;
  }

  /**
   * Its number, which may be another's after the process was reaped.
   *
   * @return the pid it was opened with.
   */
  public int pid() {
    return pid;
  }

  /**
   * Send a signal.
   *
   * @param signal 1 to 64, or 0 to learn whether the process is there.
   * @throws LinuxException ESRCH if it has been reaped.
   */
  public void signal(final int signal) {
    if (Syscall.call(Syscall.PIDFD_SEND_SIGNAL, fd.value(), signal, 0) < 0) {
      throw Kernel.failure("pidfd_send_signal", "pid", pid, "signal", signal);
    }
  }

  /**
   * A descriptor of the same open file as one of the process.
   *
   * @param descriptor its number there.
   * @return a descriptor of this process.
   * @throws LinuxException EBADF if it has no such descriptor, EPERM if it may not be traced.
   */
  public Fd take(final int descriptor) {
    final int value = (int) Syscall.call(Syscall.PIDFD_GETFD, fd.value(), descriptor, 0);
    if (value < 0) {
      throw Kernel.failure("pidfd_getfd", "pid", pid, "descriptor", descriptor);
    }
    return Fd.owning(value);
  }

  /**
   * Wait until the process has ended.
   *
   * @param timeoutMillis how long at most; -1: for ever.
   * @return false if it runs still. A signal to the waiting thread may make it return early.
   * @throws LinuxException if waiting fails.
   */
  public boolean awaitExit(final int timeoutMillis) {
    final UnsafeBuffer poll = Scratch.zeroed(POLLFD_LENGTH);
    poll.putInt(0, fd.value());
    poll.putShort(POLLFD_EVENTS_OFFSET, POLLIN);
    final int count = LIBC.poll(poll.addressOffset(), 1, timeoutMillis);
    if (count < 0 && !Kernel.wasInterrupted()) {
      throw Kernel.failure("poll", "pid", pid);
    }
    return count > 0;
  }

  /** Let the process go; it does not end by that. */
  @Override
  public void close() {
    fd.close();
  }
}
