package io.vas.api.cli;

import io.vas.api.StateDirectory;
import io.vas.api.client.VasClient;
import io.vas.api.daemon.Daemon;
import io.vas.api.daemon.LocalEngine;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Does in a directory of its own what a daemon does first, so that the Java virtual machine sees
 * which classes that needs and the launcher can archive them. Loading them one by one is half of a
 * daemon's start.
 */
final class DaemonTraining {
  private DaemonTraining() {}

  static void run() {
    try {
      final Path directory = Files.createTempDirectory("vas-training-");
      try {
        run(new StateDirectory(directory.resolve("state")));
      } finally {
        try (Stream<Path> files = Files.walk(directory)) {
          for (final Path file : files.sorted(Comparator.reverseOrder()).toList()) {
            Files.delete(file);
          }
        }
      }
    } catch (final IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void run(final StateDirectory state) {
    Daemon.openLog(state.create());
    final Daemon daemon = Daemon.start(state, LocalEngine::new);
    try (VasClient client = VasClient.connect(state)) {
      client.run("training", List.of("sleep", "60"));
      // The second one is a delta.
      client.snapshot("training", "training:1");
      client.snapshot("training", "training:2");
      final String fork = client.fork("training:2", 1).get(0).getId();
      client.rm(List.of(fork, "training", "training:1"), true);
      client.snapshots();
    } finally {
      daemon.close();
    }
  }
}
