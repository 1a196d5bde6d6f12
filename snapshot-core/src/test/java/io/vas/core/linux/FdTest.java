package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FdTest {
  @Test
  void shouldCloseOnlyOnce() {
    final Fd first = MemFd.create("first", 0, 0);
    final int number = first.value();
    first.close();
    try (Fd second = MemFd.create("second", 0, 0)) {
      assertThat(second.value()).isEqualTo(number);
      first.close();
      assertThat(FileStatus.of(second).size()).isZero();
    }
    assertThat(first.isOpen()).isFalse();
    assertThatIllegalStateException().isThrownBy(first::value);
  }

  @Test
  void shouldDuplicate() {
    try (Fd fd = MemFd.create("file", 4096, 0);
        Fd copy = fd.dup()) {
      assertThat(copy.value()).isNotEqualTo(fd.value());
      assertThat(FileStatus.of(copy)).isEqualTo(FileStatus.of(fd));
    }
  }

  @Test
  void shouldNotBeInheritedUnlessAsked() {
    try (Fd fd = MemFd.create("file", 0, 0)) {
      final String fdinfo = "/proc/self/fdinfo/" + fd.value();
      assertThat(RawText.decode(FileIo.readAll(fdinfo))).contains("flags:\t02100002");
      fd.closeOnExec(false);
      assertThat(RawText.decode(FileIo.readAll(fdinfo))).contains("flags:\t0100002");
      fd.closeOnExec(true);
      assertThat(RawText.decode(FileIo.readAll(fdinfo))).contains("flags:\t02100002");
    }
  }

  @Test
  void shouldGiveTheDescriptorAway() {
    final Fd fd = MemFd.create("file", 0, 0);
    try (Fd other = Fd.owning(fd.release())) {
      assertThat(fd.isOpen()).isFalse();
      assertThat(other.flags() & OpenFlags.O_ACCMODE).isEqualTo(OpenFlags.O_RDWR);
    }
  }

  @Test
  void shouldTellWhichFileCanNotBeOpened() {
    assertThatExceptionOfType(LinuxException.class)
        .isThrownBy(() -> Fd.open("/no/such/file", OpenFlags.O_RDONLY))
        .withMessage("openat(path=/no/such/file, flags=00): ENOENT (No such file or directory)");
  }

  @Test
  void shouldRefuseNameWithNul() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Fd.open("/etc/pass\0wd", OpenFlags.O_RDONLY));
  }

  @Test
  void shouldOpenNamesThatAreNotAscii(@TempDir final Path directory) {
    final String path = directory + "/schön-\uD83D\uDC1D-" + RawText.decode(new byte[] {-1, 'x'});
    try (Fd fd = Fd.open(path, OpenFlags.O_CREAT | OpenFlags.O_RDWR, 0600)) {
      assertThat(FileIo.readLink("/proc/self/fd/" + fd.value())).isEqualTo(path);
    }
    try (Fd parent = Fd.open(directory.toString(), OpenFlags.O_DIRECTORY)) {
      FileIo.unlinkAt(parent, path.substring(path.lastIndexOf('/') + 1));
    }
    assertThat(Files.exists(directory)).isTrue();
    assertThat(directory.toFile().list()).isEmpty();
  }
}
