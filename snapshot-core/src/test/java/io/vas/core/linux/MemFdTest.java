package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

class MemFdTest {
  @Test
  void shouldForbidChangesOfASealedFileWhoeverOpensIt() {
    try (Fd fd = MemFd.create("sealed", 4096, MemFd.MFD_ALLOW_SEALING)) {
      FileIo.pwrite(fd, ByteBuffer.allocateDirect(8).putLong(0, 42), 0);
      try (MappedMemory writable = MappedMemory.mapShared(fd, 0, 4096)) {
        assertThatExceptionOfType(LinuxException.class)
            .isThrownBy(() -> MemFd.seal(fd, MemFd.F_SEAL_WRITE))
            .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EBUSY));
        assertThat(writable.buffer().getByte(7)).isEqualTo((byte) 42);
      }
      MemFd.seal(fd, MemFd.F_SEAL_WRITE | MemFd.F_SEAL_SHRINK | MemFd.F_SEAL_GROW);
      MemFd.seal(fd, MemFd.F_SEAL_SEAL);

      try (Fd again = Fd.open("/proc/self/fd/" + fd.value(), OpenFlags.O_RDWR)) {
        assertThatExceptionOfType(LinuxException.class)
            .isThrownBy(() -> FileIo.pwrite(again, ByteBuffer.allocateDirect(8), 0))
            .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EPERM));
        assertThatExceptionOfType(LinuxException.class)
            .isThrownBy(() -> MappedMemory.mapShared(again, 0, 4096))
            .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EPERM));
        assertThatExceptionOfType(LinuxException.class)
            .isThrownBy(() -> FileIo.truncate(again, 0))
            .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EPERM));
      }
      assertThatExceptionOfType(LinuxException.class)
          .isThrownBy(() -> MemFd.seal(fd, MemFd.F_SEAL_WRITE))
          .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EPERM));
    }
  }
}
