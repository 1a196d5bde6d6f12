package io.vas.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.sandbox.RunSpec;
import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.VictimHost;
import io.vas.core.testing.VictimInstance;
import io.vas.core.testing.VictimSnapshot;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith(LeakCheck.class)
class RefusalsTest {
  @TempDir Path directory;
  private VictimHost host;

  @BeforeEach
  void start() {
    host = new VictimHost(directory);
  }

  @AfterEach
  void stop() {
    host.close();
  }

  @ParameterizedTest
  @CsvSource({
    "aio, asynchronous I/O",
    "sysv, System V",
    "userfaultfd, userfaultfd",
    "hugetlb, huge pages",
    "child, child process",
    "zombie, child process",
    "renamed, has other names"
  })
  void shouldNameWhatItCanNotSnapshot(final String kind, final String named) {
    final VictimInstance victim =
        host.start(RunSpec.of(VictimHost.victim("mem_unsupported"), kind));
    final String line = victim.nextLine();
    assumeTrue(!line.equals("no huge pages"), line);
    assertThat(line).isEqualTo("ready");
    assertThatExceptionOfType(UnsupportedException.class)
        .isThrownBy(victim::snapshot)
        .satisfies(
            e -> {
              assertThat(e.exitCode()).isEqualTo(3);
              assertThat(e.pid()).isEqualTo(victim.pid());
              assertThat(e).hasMessageContaining(named).hasMessageNotContaining("\n");
            });
    victim.expectOk();
  }

  @Test
  void shouldRefuseForkWhoseFilesHaveChanged() throws IOException {
    final Path copy = Path.of(VictimHost.victim("mem_stack") + "-copy-" + System.nanoTime());
    Files.copy(Path.of(VictimHost.victim("mem_stack")), copy);
    try {
      final VictimInstance victim = host.run(RunSpec.of(copy.toString()));
      try (VictimSnapshot snapshot = victim.snapshot()) {
        snapshot.fork(MemoryStrategy.MAP).expectOk();
        Files.setLastModifiedTime(copy, Files.getLastModifiedTime(copy));
        assertThatExceptionOfType(VasException.class)
            .isThrownBy(() -> snapshot.fork(MemoryStrategy.MAP))
            .withMessageContaining(copy + ", which the snapshot maps, has changed");
        Files.delete(copy);
        assertThatExceptionOfType(VasException.class)
            .isThrownBy(() -> snapshot.fork(MemoryStrategy.MAP))
            .withMessageContaining(copy + ", which the snapshot maps, can not be found");
      }
      victim.expectOk();
    } finally {
      Files.deleteIfExists(copy);
    }
  }
}
