package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.Map;
import org.junit.jupiter.api.Test;

class MountsTest {
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
