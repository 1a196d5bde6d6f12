package io.vas.core.linux;

import java.util.List;

/** A process's network namespace. */
public final class NetworkNamespace {
  private static final long CLONE_NEWNET = 0x40000000L;

  private NetworkNamespace() {}

  /**
   * Opens it, so that it stays when the process has ended.
   *
   * @param pid the process, on the host.
   * @return a descriptor for setns(2).
   * @throws LinuxException ENOENT if there is no such process.
   */
  public static Fd open(final int pid) {
    return Fd.open("/proc/" + pid + "/ns/net", OpenFlags.O_RDONLY);
  }

  /**
   * What is in it but the loopback device, which each has.
   *
   * @param pid the process, on the host.
   * @return names of devices, also of those that are down.
   * @throws LinuxException ENOENT if there is no such process, EINVAL if it has ended.
   */
  public static List<String> devices(final int pid) {
    // Two lines of headings, then one for each device: "  eth0: 1234 ..."
    return RawText.decode(FileIo.readAll("/proc/" + pid + "/net/dev"))
        .lines()
        .skip(2)
        .map(line -> line.substring(0, line.indexOf(':')).strip())
        .filter(name -> !name.equals("lo"))
        .toList();
  }

  /**
   * Moves the calling thread, and only it, into a process's network namespace: sockets that it
   * makes from now on are there. The thread stays there until it ends.
   *
   * @param pid the process, on the host.
   * @throws LinuxException ENOENT if there is no such process, EPERM without CAP_SYS_ADMIN.
   */
  public static void enter(final int pid) {
    try (Fd namespace = open(pid)) {
      if (Syscall.call(Syscall.SETNS, namespace.value(), CLONE_NEWNET) < 0) {
        throw Kernel.failure("setns", "pid", pid, "type", "net");
      }
    }
  }
}
