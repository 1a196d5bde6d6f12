package io.vas.store;

import io.vas.core.linux.FileIo;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.RawText;
import java.nio.file.Path;

/** How much memory there is to be had, by the machine and by the control groups of this process. */
final class AvailableMemory {
  private static final String UNLIMITED = "max";
  private static final String V1_HIERARCHY = "/sys/fs/cgroup/memory";
  private static final String V2_HIERARCHY = "/sys/fs/cgroup";

  private AvailableMemory() {}

  /** Bytes of memory that the machine has. */
  static long totalBytes() {
    return meminfo(read("/proc/meminfo"), "MemTotal");
  }

  /** Bytes that can be used without swapping and without reaching the limit of a group. */
  static long availableBytes() {
    return Math.min(
        meminfo(read("/proc/meminfo"), "MemAvailable"), groupBytes(read("/proc/self/cgroup")));
  }

  /** The value of a line like {@code MemTotal: 24684036 kB}, in bytes. */
  static long meminfo(final String text, final String key) {
    return text.lines()
            .filter(line -> line.startsWith(key + ":"))
            .map(line -> line.substring(key.length() + 1).replace("kB", "").trim())
            .mapToLong(Long::parseLong)
            .findFirst()
            .orElseThrow(() -> new IllegalStateException("/proc/meminfo has no " + key))
        * ByteCount.KIB;
  }

  /** What the tightest of the groups above this process leaves. */
  private static long groupBytes(final String groups) {
    long least = Long.MAX_VALUE;
    for (final String line : groups.split("\n", -1)) {
      final String[] fields = line.split(":", 3);
      if (fields.length < 3) {
        continue;
      }
      if (fields[1].isEmpty()) {
        least = Math.min(least, left(V2_HIERARCHY, fields[2], "memory.max", "memory.current"));
      } else if (fields[1].equals("memory")) {
        least =
            Math.min(
                least,
                left(V1_HIERARCHY, fields[2], "memory.limit_in_bytes", "memory.usage_in_bytes"));
      }
    }
    return least;
  }

  private static long left(
      final String hierarchy, final String group, final String limitFile, final String usageFile) {
    long least = Long.MAX_VALUE;
    for (Path path = Path.of(group); path != null; path = path.getParent()) {
      final String directory = hierarchy + path + "/";
      // A group outside of this process's view of the tree has no directory; then its parents do.
      final long limit = number(directory + limitFile);
      final long usage = number(directory + usageFile);
      if (limit != Long.MAX_VALUE && usage != Long.MAX_VALUE) {
        least = Math.min(least, Math.max(0, limit - usage));
      }
    }
    return least;
  }

  private static long number(final String file) {
    try {
      final String text = read(file).trim();
      return text.equals(UNLIMITED) ? Long.MAX_VALUE : Long.parseLong(text);
    } catch (final LinuxException | NumberFormatException e) {
      return Long.MAX_VALUE;
    }
  }

  private static String read(final String file) {
    return RawText.decode(FileIo.readAll(file));
  }
}
