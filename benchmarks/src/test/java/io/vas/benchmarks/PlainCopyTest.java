package io.vas.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class PlainCopyTest {
  @Test
  void shouldCopyThePresentPagesOfAProcess() throws Exception {
    // 8 MiB of letters in a shell's variable.
    final Process victim =
        new ProcessBuilder(
                "sh", "-c", "x=$(head -c 8388608 /dev/zero | tr '\\0' x); echo done; read y")
            .start();
    try {
      assertThat((char) victim.getInputStream().read()).isEqualTo('d');
      try (PlainCopy copy = PlainCopy.prepare((int) victim.pid(), 2)) {
        assertThat(copy.bytes()).isBetween(8 * ByteSize.MIB, 64 * ByteSize.MIB);
        assertThat(copy.run()).isPositive();
        assertThat(copy.run()).isPositive();
      }
    } finally {
      victim.destroyForcibly();
      assertThat(victim.waitFor(10, TimeUnit.SECONDS)).isTrue();
    }
  }
}
