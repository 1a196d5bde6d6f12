package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import java.util.Set;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Facts about this machine that decide where a snapshot can be restored.
 *
 * @param pageSize bytes of a page.
 * @param processors how many are online.
 * @param kernelRelease as {@code uname -r} prints it.
 * @param bootId changes whenever the machine starts.
 * @param processorFlags features of the processor, as /proc/cpuinfo names them.
 * @param xstateComponents mask of the register sets that the kernel saves (XCR0), 0 before Linux
 *     5.16.
 * @param minSignalStackBytes stack that a signal needs, nearly all of it for registers; 0 if the
 *     kernel does not tell.
 */
public record Machine(
    int pageSize,
    int processors,
    String kernelRelease,
    String bootId,
    Set<String> processorFlags,
    long xstateComponents,
    int minSignalStackBytes) {
  private static final int SC_PAGESIZE = 30;
  private static final int SC_NPROCESSORS_ONLN = 84;
  private static final int ARCH_GET_XCOMP_SUPP = 0x1021;

  /**
   * This machine.
   *
   * @return its facts.
   */
  public static Machine current() {
    return new Machine(
        (int) LIBC.sysconf(SC_PAGESIZE),
        (int) LIBC.sysconf(SC_NPROCESSORS_ONLN),
        line("/proc/sys/kernel/osrelease"),
        line("/proc/sys/kernel/random/boot_id"),
        flags(),
        xstate(),
        (int) LIBC.getauxval(Auxv.AT_MINSIGSTKSZ));
  }

  private static String line(final String path) {
    return RawText.decode(FileIo.readAll(path)).trim();
  }

  private static Set<String> flags() {
    return RawText.decode(FileIo.readAll("/proc/cpuinfo"))
        .lines()
        .filter(line -> line.startsWith("flags"))
        .findFirst()
        .map(line -> Set.of(line.substring(line.indexOf(':') + 1).trim().split(" ")))
        .orElse(Set.of());
  }

  private static long xstate() {
    final UnsafeBuffer mask = Scratch.zeroed(Long.BYTES);
    final long result = Syscall.call(Syscall.ARCH_PRCTL, ARCH_GET_XCOMP_SUPP, mask.addressOffset());
    return result < 0 ? 0 : mask.getLong(0);
  }
}
