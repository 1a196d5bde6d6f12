package io.vas.benchmarks;

import io.vas.core.linux.FileIo;
import io.vas.core.linux.ProcMaps;
import io.vas.core.linux.ProcStatus;
import io.vas.core.linux.Vma;
import java.util.List;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/** What /proc tells about memory. */
final class ProcFiles {
  private ProcFiles() {}

  /** Private anonymous memory of a process, pages it shares by share: bytes. */
  static long ownBytes(final int pid) {
    final List<Vma> rollup = ProcMaps.parseWithSizes(read("/proc/" + pid + "/smaps_rollup"));
    return rollup.get(0).size("Pss_Anon");
  }

  /** What the page tables of a process take: bytes. */
  static long pageTableBytes(final int pid) {
    return ProcStatus.parse(read("/proc/" + pid + "/status")).bytes("VmPTE");
  }

  /** What new programs could use without swapping: bytes. */
  static long availableBytes() {
    return ProcStatus.parse(read("/proc/meminfo")).bytes("MemAvailable");
  }

  static List<Vma> maps(final int pid) {
    return ProcMaps.parse(read("/proc/" + pid + "/maps"));
  }

  private static DirectBuffer read(final String path) {
    return new UnsafeBuffer(FileIo.readAll(path));
  }
}
