package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class MappedMemoryTest {
  private static final int PAGE = 4096;

  /** jnr-ffi's own stubs for x86-64 pass the sixth argument wrongly. */
  @Test
  void shouldMapAtTheOffsetAskedFor() {
    try (Fd fd = MemFd.create("offsets", 4 * PAGE, 0);
        MappedMemory whole = MappedMemory.mapShared(fd, 0, 4 * PAGE)) {
      for (int page = 0; page < 4; page++) {
        whole.buffer().putLong(page * PAGE, 100 + page);
      }
      for (int page = 0; page < 4; page++) {
        try (MappedMemory one = MappedMemory.mapReadOnly(fd, (long) page * PAGE, PAGE)) {
          assertThat(one.buffer().getLong(0)).isEqualTo(100 + page);
        }
      }
    }
  }

  @Test
  void shouldKeepPrivateWritesFromTheFile() {
    try (Fd fd = MemFd.create("private", PAGE, 0);
        MappedMemory shared = MappedMemory.mapShared(fd, 0, PAGE);
        MappedMemory own =
            MappedMemory.map(
                fd,
                0,
                PAGE,
                MappedMemory.PROT_READ | MappedMemory.PROT_WRITE,
                MappedMemory.MAP_PRIVATE)) {
      own.buffer().putLong(0, 1);
      assertThat(shared.buffer().getLong(0)).isZero();
    }
  }

  @Test
  void shouldRefuseViewOfMoreThanTwoGibibytes() {
    final long length = 3L << 30;
    try (Fd fd = MemFd.create("large", length, 0);
        MappedMemory memory = MappedMemory.mapShared(fd, 0, length)) {
      assertThatIllegalStateException()
          .isThrownBy(memory::buffer)
          .withMessageContaining("3221225472");
      memory.buffer(length - PAGE, PAGE).putLong(0, 7);
      assertThat(FileStatus.of(fd).allocated()).isEqualTo(PAGE);
      assertThatExceptionOfType(IndexOutOfBoundsException.class)
          .isThrownBy(() -> memory.buffer(length - PAGE, PAGE + 1));
    }
  }

  @Test
  void shouldPopulateForWriting() {
    try (Fd fd = MemFd.create("populated", 16 * PAGE, 0);
        MappedMemory memory = MappedMemory.mapShared(fd, 0, 16 * PAGE)) {
      memory.advise(0, 8 * PAGE, MappedMemory.MADV_POPULATE_WRITE);
      assertThat(FileStatus.of(fd).allocated()).isEqualTo(8 * PAGE);
    }
  }

  @Test
  void shouldCloseOnlyOnce() {
    final MappedMemory memory = MappedMemory.anonymous(PAGE);
    memory.close();
    memory.close();
    assertThatIllegalStateException().isThrownBy(memory::address);
  }

  @Test
  void shouldTellCallArgumentsAndErrorOfAFailure() {
    assertThatThrownBy(() -> MappedMemory.anonymous(1L << 60))
        .isInstanceOfSatisfying(
            LinuxException.class,
            e -> {
              assertThat(e.call()).isEqualTo("mmap");
              assertThat(e.errno()).isEqualTo(Errno.ENOMEM);
            })
        .hasMessage("mmap(length=1152921504606846976): ENOMEM (Cannot allocate memory)");
  }
}
