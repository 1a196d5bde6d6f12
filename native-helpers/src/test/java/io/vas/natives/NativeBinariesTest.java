package io.vas.natives;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeBinariesTest {
  private static final byte[] ELF_MAGIC = {0x7f, 'E', 'L', 'F'};

  @Test
  void shouldExtractKeeperForItsOwnerOnly(@TempDir final Path dir) throws IOException {
    final Path keeper = NativeBinaries.extractKeeper(dir);

    assertThat(keeper).isEqualTo(dir.resolve("vas-keeper"));
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(keeper)))
        .isEqualTo("rwx------");
    assertThat(Files.readAllBytes(keeper)).startsWith(ELF_MAGIC);
  }

  @Test
  void shouldReplaceOlderKeeperAndLeaveNothingElse(@TempDir final Path dir) throws IOException {
    Files.writeString(dir.resolve("vas-keeper"), "older");

    final Path keeper = NativeBinaries.extractKeeper(dir);

    assertThat(Files.readAllBytes(keeper)).startsWith(ELF_MAGIC);
    try (Stream<Path> files = Files.list(dir)) {
      assertThat(files).containsExactly(keeper);
    }
  }

  @Test
  void shouldExtractKeeperOncePerVirtualMachine() {
    assertThat(NativeBinaries.keeper()).isExecutable().isSameAs(NativeBinaries.keeper());
  }

  @Test
  void shouldRemoveWhatKilledProcessesHaveLeft(@TempDir final Path dir) throws Exception {
    final Process process = new ProcessBuilder("true").start();
    process.waitFor();
    final Path left = Files.createDirectory(dir.resolve("vas-natives-" + process.pid() + "-1"));
    NativeBinaries.extractKeeper(left);
    final Path used =
        Files.createDirectory(dir.resolve("vas-natives-" + ProcessHandle.current().pid() + "-1"));
    final Path other = Files.createDirectory(dir.resolve("vas-natives-1a-1"));

    NativeBinaries.removeLeftBehind(dir);

    assertThat(left).doesNotExist();
    assertThat(used).exists();
    assertThat(other).exists();
  }

  @Test
  void shouldGiveExecutorAsFlatCode() {
    final byte[] code = NativeBinaries.executor();

    assertThat(code).hasSizeGreaterThan(ELF_MAGIC.length);
    assertThat(Arrays.copyOf(code, ELF_MAGIC.length)).isNotEqualTo(ELF_MAGIC);
  }

  @Test
  void shouldNotShareExecutorWithCallers() {
    final byte[] code = NativeBinaries.executor();
    code[0]++;

    assertThat(NativeBinaries.executor()[0]).isNotEqualTo(code[0]);
  }
}
