package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MountsTest {
  @Test
  void shouldAttachAndDetach(@TempDir final Path directory) throws IOException {
    try (Fd mount = Mounts.create("tmpfs", Map.of("size", "65536"), 0)) {
      Mounts.attach(mount, directory.toString());
      Files.writeString(directory.resolve("file"), "text");
      assertThat(FileStatus.of(directory.toString()).mountId())
          .isEqualTo(FileStatus.of(mount).mountId());
      assertThat(Files.readAllLines(Path.of("/proc/self/mountinfo")))
          .filteredOn(line -> line.contains(directory.toString()))
          .singleElement()
          .satisfies(line -> assertThat(line).doesNotContain("shared:"));
      Mounts.detach(directory.toString());
      assertThat(directory).isEmptyDirectory();
      Fd.openAt(mount, "file", OpenFlags.O_RDONLY, 0).close();
    }
    assertThatExceptionOfType(LinuxException.class)
        .isThrownBy(() -> Mounts.detach(directory.toString()))
        .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL));
  }

  @Test
  void shouldNotAttachToWhatIsNotThere(@TempDir final Path directory) {
    try (Fd mount = Mounts.create("tmpfs", Map.of("size", "65536"), 0)) {
      assertThatExceptionOfType(LinuxException.class)
          .isThrownBy(() -> Mounts.attach(mount, directory.resolve("missing").toString()))
          .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
    }
  }

  @Test
  void shouldReportWhatTheKernelSaysAboutChangedOptions() {
    try (Fd mount = Mounts.create("tmpfs", Map.of("size", "65536"), 0)) {
      assertThatExceptionOfType(LinuxException.class)
          .isThrownBy(() -> Mounts.reconfigure("tmpfs", mount, Map.of("huge", "perhaps")))
          .withMessageContaining("huge=perhaps")
          .withMessageContaining("EINVAL");
    }
  }
}
