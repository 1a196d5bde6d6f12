package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import org.agrona.BufferUtil;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;

class ProcessMemoryTest {
  private static final int PAGE = 4096;

  private final int self = Kernel.LIBC.getpid();
  private final UnsafeBuffer vectors =
      new UnsafeBuffer(BufferUtil.allocateDirectAligned(4 * 2 * Long.BYTES, Long.BYTES));

  /** Pairs of address and length. */
  private void set(final long... values) {
    for (int i = 0; i < values.length; i++) {
      vectors.putLong(i * Long.BYTES, values[i]);
    }
  }

  @Test
  void shouldReadSeveralRanges() {
    try (MappedMemory source = MappedMemory.anonymous(2 * PAGE);
        MappedMemory target = MappedMemory.anonymous(PAGE)) {
      source.buffer().putLong(8, 42);
      source.buffer().putLong(PAGE, 43);
      final long to = target.address();
      final long from = source.address();
      set(to, 16, to + 16, 8, from, 16, from + PAGE, 8);

      assertThat(ProcessMemory.read(self, vectors, 2)).isEqualTo(24);
      assertThat(target.buffer().getLong(8)).isEqualTo(42);
      assertThat(target.buffer().getLong(16)).isEqualTo(43);
    }
  }

  @Test
  void shouldReadWhatIsThereBeforeAHole() {
    try (MappedMemory target = MappedMemory.anonymous(2 * PAGE);
        MappedMemory source = MappedMemory.anonymous(PAGE)) {
      set(target.address(), 8, target.address() + 8, 8, source.address(), 8, 8, 8);

      assertThat(ProcessMemory.read(self, vectors, 2)).isEqualTo(8);
    }
  }

  @Test
  void shouldReportWhereNothingCanBeRead() {
    try (MappedMemory target = MappedMemory.anonymous(PAGE)) {
      set(target.address(), 8, 8, 8);

      assertThatExceptionOfType(LinuxException.class)
          .isThrownBy(() -> ProcessMemory.read(self, vectors, 1))
          .withMessageContaining("process_vm_readv")
          .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EFAULT));
    }
  }

  @Test
  void shouldReportAProcessThatDoesNotExist() {
    try (MappedMemory target = MappedMemory.anonymous(PAGE)) {
      set(target.address(), 8, target.address(), 8);

      assertThatExceptionOfType(LinuxException.class)
          .isThrownBy(() -> ProcessMemory.read(Integer.MAX_VALUE, vectors, 1))
          .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.ESRCH));
    }
  }
}
