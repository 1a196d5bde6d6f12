package io.vas.core.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.natives.NativeBinaries;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Fails a test that leaves something behind: processes in keepers' pid namespaces, keepers, mounts
 * below temporary directories, namespaces, cgroups, and descriptors of this process and of keepers
 * that were there before, by kind (memfd, socket, region file, ...).
 *
 * <p>What other programs on the machine do meanwhile does not count: only keepers that were started
 * by this process are looked at, and what hangs on them.
 */
public final class LeakCheck implements BeforeEachCallback, AfterEachCallback {
  private static final ExtensionContext.Namespace NAMESPACE =
      ExtensionContext.Namespace.create(LeakCheck.class);
  private static final Path PROC = Path.of("/proc");

  /** The kernel needs a moment to take down namespaces and mounts of ended processes. */
  private static final long SETTLE_MILLIS = 5000;

  static {
    // From the first channel on, the JDK keeps a socket for itself.
    try {
      Files.newByteChannel(PROC.resolve("version")).close();
    } catch (final IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void beforeEach(final ExtensionContext context) {
    context.getStore(NAMESPACE).put("before", settled(null));
  }

  @Override
  @SuppressWarnings("unchecked")
  public void afterEach(final ExtensionContext context) {
    final Map<String, Integer> before =
        (Map<String, Integer>) context.getStore(NAMESPACE).get("before", Map.class);
    if (context.getExecutionException().isEmpty()) {
      final Map<String, Integer> left = settled(before);
      left.replaceAll((what, count) -> count - before.getOrDefault(what, 0));
      left.values().removeIf(count -> count <= 0);
      assertThat(left).as("left behind by %s", context.getDisplayName()).isEmpty();
    }
  }

  /** Counts of everything, taken again until nothing exceeds the earlier counts or time is up. */
  private static Map<String, Integer> settled(final Map<String, Integer> before) {
    final long end = System.currentTimeMillis() + SETTLE_MILLIS;
    while (true) {
      final Map<String, Integer> now = count();
      final boolean more =
          before != null
              && now.entrySet().stream()
                  .anyMatch(e -> e.getValue() > before.getOrDefault(e.getKey(), 0));
      if (!more || System.currentTimeMillis() > end) {
        return now;
      }
      try {
        Thread.sleep(20);
      } catch (final InterruptedException e) {
        Thread.currentThread().interrupt();
        return now;
      }
    }
  }

  private static Map<String, Integer> count() {
    final Map<String, Integer> counts = new TreeMap<>();
    final String temporary = System.getProperty("java.io.tmpdir");
    // Extracted by this process, for itself.
    final String ownKeeper = NativeBinaries.keeper().toString();
    final String self = Long.toString(ProcessHandle.current().pid());
    descriptors(self, "descriptors of this process: ", counts);
    final List<Integer> keepers = new ArrayList<>();
    for (final Path process : list(PROC)) {
      final String pid = process.getFileName().toString();
      if (!Character.isDigit(pid.charAt(0))) {
        continue;
      }
      final String command = text(process.resolve("cmdline"));
      if (command.contains(ownKeeper)) {
        keepers.add(Integer.valueOf(pid));
        add(counts, "keepers");
        descriptors(pid, "descriptors of keeper " + pid + ": ", counts);
      }
    }
    for (final int keeper : keepers) {
      ProcessHandle.of(keeper)
          .ifPresent(
              handle -> handle.descendants().forEach(child -> add(counts, "instances' processes")));
    }
    for (final String line : text(PROC.resolve("self/mountinfo")).split("\n", -1)) {
      final String[] fields = line.split(" ", -1);
      if (fields.length > 4 && fields[4].startsWith(temporary)) {
        add(counts, "mount at " + fields[4]);
      }
    }
    return counts;
  }

  /** By kind: numbers in names are left out, or no two counts would have the same name. */
  private static void descriptors(
      final String pid, final String prefix, final Map<String, Integer> counts) {
    for (final Path fd : list(PROC.resolve(pid).resolve("fd"))) {
      try {
        final String target = Files.readSymbolicLink(fd).toString();
        if (!target.startsWith("/") || target.endsWith("(deleted)")) {
          add(counts, prefix + target.replaceAll("\\[?[0-9a-f]{2,}]?", "*"));
        }
      } catch (final IOException e) {
        // Closed meanwhile.
      }
    }
  }

  private static void add(final Map<String, Integer> counts, final String what) {
    counts.merge(what, 1, Integer::sum);
  }

  private static List<Path> list(final Path directory) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.toList();
    } catch (final IOException e) {
      return List.of();
    } catch (final UncheckedIOException e) {
      return List.of();
    }
  }

  private static String text(final Path path) {
    try {
      return Files.readString(path, java.nio.charset.StandardCharsets.ISO_8859_1);
    } catch (final IOException e) {
      return "";
    }
  }
}
