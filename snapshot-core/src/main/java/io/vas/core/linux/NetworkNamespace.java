package io.vas.core.linux;

/** A process's network namespace, to be entered by a thread that is given up for it. */
public final class NetworkNamespace {
  private static final long CLONE_NEWNET = 0x40000000L;

  private NetworkNamespace() {}

  /**
   * Moves the calling thread, and only it, into a process's network namespace: sockets that it
   * makes from now on are there. The thread stays there until it ends.
   *
   * @param pid the process, on the host.
   * @throws LinuxException ENOENT if there is no such process, EPERM without CAP_SYS_ADMIN.
   */
  public static void enter(final int pid) {
    try (Fd namespace = Fd.open("/proc/" + pid + "/ns/net", OpenFlags.O_RDONLY)) {
      if (Syscall.call(Syscall.SETNS, namespace.value(), CLONE_NEWNET) < 0) {
        throw Kernel.failure("setns", "pid", pid, "type", "net");
      }
    }
  }
}
