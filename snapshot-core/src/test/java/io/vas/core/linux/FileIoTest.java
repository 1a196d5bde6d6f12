package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileIoTest {
  private static final int PAGE = 4096;

  private static ByteBuffer direct(final String text) {
    final byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
  }

  private static String text(final ByteBuffer buffer) {
    return StandardCharsets.UTF_8.decode(buffer.flip()).toString();
  }

  @Test
  void shouldReadWhatWasWritten() {
    try (Fd fd = MemFd.create("file", 0, 0)) {
      FileIo.write(fd, direct("one two three"));
      assertThat(FileIo.offset(fd)).isEqualTo(13);
      FileIo.pwrite(fd, direct("TWO"), 4);

      final ByteBuffer part = ByteBuffer.allocateDirect(100);
      assertThat(FileIo.pread(fd, part, 4)).isEqualTo(9);
      assertThat(text(part)).isEqualTo("TWO three");

      FileIo.seek(fd, 8);
      final ByteBuffer rest = ByteBuffer.allocateDirect(3);
      assertThat(FileIo.read(fd, rest)).isEqualTo(3);
      assertThat(text(rest)).isEqualTo("thr");
    }
  }

  @Test
  void shouldReadFilesWhoseSizeIsNotKnown() {
    try (Fd fd = MemFd.create("file", 3 * Scratch.LENGTH + 5, 0)) {
      assertThat(FileIo.readAll(fd)).hasSize(3 * Scratch.LENGTH + 5);
      assertThat(FileIo.readAll(fd)).isEmpty();
    }
    assertThat(RawText.decode(FileIo.readAll("/proc/self/maps"))).contains("[stack]");
  }

  @Test
  void shouldRefuseHeapBuffers() {
    try (Fd fd = MemFd.create("file", 0, 0)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> FileIo.write(fd, ByteBuffer.allocate(1)));
    }
  }

  @Test
  void shouldAllocateAndPunchHoles() {
    try (Fd fd = MemFd.create("file", 0, 0)) {
      FileIo.allocate(fd, 0, 4 * PAGE);
      assertThat(FileStatus.of(fd))
          .returns(4L * PAGE, FileStatus::size)
          .returns(4L * PAGE, FileStatus::allocated);

      FileIo.pwrite(fd, direct("x"), 3 * PAGE);
      FileIo.punchHole(fd, 0, 2 * PAGE);
      assertThat(FileStatus.of(fd))
          .returns(4L * PAGE, FileStatus::size)
          .returns(2L * PAGE, FileStatus::allocated);
      assertThat(FileIo.nextHole(fd, 0)).isZero();
      assertThat(FileIo.nextData(fd, 0)).isPositive().isLessThanOrEqualTo(3 * PAGE);

      FileIo.truncate(fd, PAGE);
      assertThat(FileStatus.of(fd).size()).isEqualTo(PAGE);
      assertThat(FileIo.nextData(fd, 0)).isEqualTo(-1);
    }
  }

  @Test
  void shouldCopyWithinTheKernel() {
    try (Fd from = MemFd.create("from", 0, 0);
        Fd to = MemFd.create("to", 0, 0)) {
      FileIo.write(from, direct("0123456789"));
      assertThat(FileIo.copy(from, 2, to, 1, 100)).isEqualTo(8);
      assertThat(new String(FileIo.readAll(to), StandardCharsets.UTF_8)).isEqualTo("\00023456789");
    }
  }

  @Test
  void shouldTellTheStatusOfFiles(@TempDir final Path directory) throws Exception {
    final Path file = Files.writeString(directory.resolve("file"), "hello");
    Files.createSymbolicLink(directory.resolve("link"), file);
    final FileStatus status = FileStatus.of(file.toString());

    assertThat(status.type()).isEqualTo(FileStatus.S_IFREG);
    assertThat(status.size()).isEqualTo(5);
    assertThat(status.links()).isEqualTo(1);
    assertThat(status.inode()).isEqualTo(Files.getAttribute(file, "unix:ino"));
    assertThat(status.device().encoded()).isEqualTo(Files.getAttribute(file, "unix:dev"));
    assertThat(status.changedNanos())
        .isCloseTo(
            TimeUnit.MILLISECONDS.toNanos(System.currentTimeMillis()),
            org.assertj.core.data.Offset.offset(TimeUnit.MINUTES.toNanos(1)));
    assertThat(FileStatus.of(directory + "/link")).isEqualTo(status);
    assertThat(FileStatus.ofLink(directory + "/link").type()).isEqualTo(FileStatus.S_IFLNK);
    assertThat(FileIo.readLink(directory + "/link")).isEqualTo(file.toString());
    assertThat(FileStatus.of("/dev/null").deviceItself()).isEqualTo(new DeviceNumber(1, 3));
    assertThatExceptionOfType(LinuxException.class)
        .isThrownBy(() -> FileStatus.of("/no/such/file"))
        .withMessageContaining("statx(path=/no/such/file): ENOENT");
  }

  @Test
  void shouldLockForOneHolder(@TempDir final Path directory) {
    final String path = directory + "/lock";
    try (Fd second = Fd.open(path, OpenFlags.O_CREAT | OpenFlags.O_RDWR, 0600)) {
      try (Fd first = Fd.open(path, OpenFlags.O_RDWR)) {
        assertThat(FileIo.tryLock(first)).isTrue();
        assertThat(FileIo.tryLock(second)).isFalse();
      }
      assertThat(FileIo.tryLock(second)).isTrue();
    }
  }
}
