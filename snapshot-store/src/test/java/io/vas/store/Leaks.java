package io.vas.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Checks that a test left no descriptor, mapping or mount behind. */
final class Leaks implements BeforeEachCallback, AfterEachCallback {
  private Map<String, Integer> before;

  @Override
  public void beforeEach(final ExtensionContext context) {
    before = now();
  }

  @Override
  public void afterEach(final ExtensionContext context) {
    assertThat(now()).as("descriptors, mappings and mounts").isEqualTo(before);
  }

  private static Map<String, Integer> now() {
    final Map<String, Integer> found = new TreeMap<>();
    final File[] descriptors = new File("/proc/self/fd").listFiles();
    for (final File descriptor : descriptors) {
      link(descriptor).ifPresent(link -> count(found, "descriptor of ", link));
    }
    for (final String line : lines("/proc/self/maps")) {
      final String[] fields = line.split(" +", 6);
      if (fields.length > 5) {
        count(found, "mapping of ", fields[5]);
      }
    }
    found.put("mounts", lines("/proc/self/mountinfo").size());
    return found;
  }

  private static Optional<String> link(final File descriptor) {
    try {
      return Optional.of(Files.readSymbolicLink(descriptor.toPath()).toString());
    } catch (final IOException e) {
      // The one that listed the directory.
      return Optional.empty();
    }
  }

  private static void count(
      final Map<String, Integer> found, final String what, final String link) {
    // Memfds, and files of mounts that are attached nowhere: all of them look like files of the
    // root
    // directory.
    if (link.lastIndexOf('/') == 0) {
      found.merge(what + link, 1, Integer::sum);
    }
  }

  private static List<String> lines(final String file) {
    try {
      return Files.readAllLines(Path.of(file));
    } catch (final IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
