package io.vas.benchmarks.jmh;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** Directories that are there as long as a benchmark runs. */
final class Directories {
  private Directories() {}

  static Path make() throws IOException {
    return Files.createTempDirectory("vas-bench-");
  }

  static void delete(final Path tree) throws IOException {
    final List<Path> all;
    try (Stream<Path> files = Files.walk(tree)) {
      all = files.sorted(Comparator.reverseOrder()).toList();
    }
    for (final Path file : all) {
      Files.deleteIfExists(file);
    }
  }
}
