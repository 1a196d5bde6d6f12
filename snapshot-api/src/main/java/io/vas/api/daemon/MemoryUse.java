package io.vas.api.daemon;

import io.vas.api.v1.Memory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the processes of an instance cost in memory, read in /proc. */
final class MemoryUse {
  private static final long KIB = 1024;

  private MemoryUse() {}

  /**
   * Adds up a process and its descendants. Visitors are children of the keeper, so they don't
   * count.
   *
   * @param pid of the first process, on the host.
   * @return the sums; zeros for what has ended meanwhile.
   */
  static Memory of(final int pid) {
    final Memory.Builder sum = Memory.newBuilder();
    for (final String process : processes(pid)) {
      final String rollup = read(process, "smaps_rollup");
      sum.setOwnBytes(sum.getOwnBytes() + kib(rollup, "Pss_Anon"));
      sum.setResidentBytes(sum.getResidentBytes() + kib(rollup, "Rss"));
      sum.setPageTableBytes(sum.getPageTableBytes() + kib(read(process, "status"), "VmPTE"));
    }
    return sum.build();
  }

  /**
   * Finds a process and its descendants.
   *
   * @param pid of the first process, on the host.
   * @return pids; some may have ended.
   */
  static List<String> processes(final int pid) {
    final List<String> pids = new ArrayList<>();
    pids.add(Integer.toString(pid));
    for (int i = 0; i < pids.size(); i++) {
      for (final String child : children(pids.get(i)).split(" ", -1)) {
        if (!child.isBlank()) {
          pids.add(child.strip());
        }
      }
    }
    return pids;
  }

  /**
   * About how much of a process a snapshot has to store.
   *
   * @param pid on the host.
   * @return bytes of anonymous and shared memory, in memory or swapped out.
   */
  static long stored(final int pid) {
    final String status = read(Integer.toString(pid), "status");
    return kib(status, "RssAnon") + kib(status, "RssShmem") + kib(status, "VmSwap");
  }

  private static String children(final String pid) {
    final StringBuilder all = new StringBuilder();
    final String[] tasks = Path.of("/proc", pid, "task").toFile().list();
    if (tasks != null) {
      for (final String task : tasks) {
        all.append(read(pid, "task/" + task + "/children")).append(' ');
      }
    }
    return all.toString();
  }

  private static long kib(final String text, final String field) {
    final Matcher matcher =
        Pattern.compile("^" + field + ":\\s+([0-9]+) kB", Pattern.MULTILINE).matcher(text);
    return matcher.find() ? Long.parseLong(matcher.group(1)) * KIB : 0;
  }

  /** Returns all of a file; empty if the process has ended. */
  static String read(final String pid, final String file) {
    try {
      return Files.readString(Path.of("/proc", pid, file));
    } catch (final IOException e) {
      return "";
    }
  }
}
