package io.vas.core.program;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.core.keeper.NativeLayout;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class ProgramDescriptorTest {
  @Test
  void shouldLayOutProgramsAsTheExecutor() {
    final Map<String, Long> expected =
        NativeLayout.expected(
            Map.of("vas_program_header", "", "vas_op", "OP_", "vas_report", "REPORT_"),
            Map.of(
                "VAS_PROGRAM_", "",
                "VAS_OP_", "OP_",
                "VAS_ARG_", "ARG_",
                "VAS_EXPECT_", "EXPECT_",
                "VAS_NO_RESULT", "NO_RESULT",
                "VAS_REPORT_", "REPORT_"));
    final Map<String, Long> actual = new TreeMap<>(NativeLayout.actual(ProgramDescriptor.class));
    // The header's own length has a name of its own, and C has none for the count of arguments.
    assertThat(actual.remove("HEADER_LENGTH")).isEqualTo(expected.remove("LENGTH"));
    assertThat(actual.remove("ARGS")).isEqualTo(6);
    assertThat(actual).isEqualTo(expected);
  }
}
