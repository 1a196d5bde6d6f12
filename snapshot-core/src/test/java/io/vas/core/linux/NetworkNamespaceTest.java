package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class NetworkNamespaceTest {
  private static final Path OWN = Path.of("/proc/thread-self/ns/net");

  @Test
  void shouldMoveOnlyTheCallingThread() throws Exception {
    final Process other = new ProcessBuilder("unshare", "--net", "sleep", "60").start();
    final ExecutorService thread = Executors.newSingleThreadExecutor();
    try {
      final Path before = Files.readSymbolicLink(OWN);
      final Path theirs = awaitOtherThan(before, other.pid());
      final Path entered =
          thread
              .submit(
                  () -> {
                    NetworkNamespace.enter((int) other.pid());
                    return Files.readSymbolicLink(OWN);
                  })
              .get(10, TimeUnit.SECONDS);

      assertThat(entered).isEqualTo(theirs);
      assertThat(Files.readSymbolicLink(OWN)).isEqualTo(before);
    } finally {
      thread.shutdownNow();
      other.destroyForcibly().waitFor();
    }
  }

  private static Path awaitOtherThan(final Path own, final long pid)
      throws IOException, InterruptedException {
    final Path link = Path.of("/proc/" + pid + "/ns/net");
    while (true) {
      final Path found = Files.readSymbolicLink(link);
      if (!found.equals(own)) {
        return found;
      }
      TimeUnit.MILLISECONDS.sleep(1);
    }
  }

  @Test
  void shouldReportAProcessThatDoesNotExist() {
    assertThatExceptionOfType(LinuxException.class)
        .isThrownBy(() -> NetworkNamespace.enter(Integer.MAX_VALUE))
        .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
  }
}
