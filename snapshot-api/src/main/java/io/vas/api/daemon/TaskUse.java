package io.vas.api.daemon;

import io.vas.api.v1.Usage;
import io.vas.core.linux.ProcStat;
import java.nio.charset.StandardCharsets;
import org.agrona.concurrent.UnsafeBuffer;

/** What the processes of an instance cost besides memory, read in /proc. */
final class TaskUse {
  /** Of a clock tick, which is a hundredth of a second: USER_HZ on x86. */
  private static final long TICK_MICROS = 10_000;

  private static final int UTIME = 14;
  private static final int CSTIME = 17;

  private TaskUse() {}

  /**
   * Adds up a process and its descendants, without visitors.
   *
   * @param pid of the first process, on the host.
   * @return processes, tasks and processor time; what has ended meanwhile is left out.
   */
  static Usage.Builder of(final int pid) {
    final Usage.Builder sum = Usage.newBuilder();
    for (final String process : MemoryUse.processes(pid)) {
      final String text = MemoryUse.read(process, "stat");
      if (!text.isEmpty()) {
        final ProcStat stat =
            ProcStat.parse(new UnsafeBuffer(text.getBytes(StandardCharsets.ISO_8859_1)));
        long ticks = 0;
        // User and system time, its own and that of children that have ended.
        for (int field = UTIME; field <= CSTIME; field++) {
          ticks += stat.field(field);
        }
        sum.setProcesses(sum.getProcesses() + 1)
            .setTasks(sum.getTasks() + stat.threads())
            .setCpuUs(sum.getCpuUs() + ticks * TICK_MICROS);
      }
    }
    return sum;
  }
}
