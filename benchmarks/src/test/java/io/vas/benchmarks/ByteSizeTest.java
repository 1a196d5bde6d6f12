package io.vas.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.InvalidRequestException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {
  @Test
  void shouldReadSizes() {
    assertThat(ByteSize.parse("256M")).isEqualTo(256 * ByteSize.MIB);
    assertThat(ByteSize.parse("1GiB")).isEqualTo(ByteSize.GIB);
    assertThat(ByteSize.parse("4k")).isEqualTo(4096);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "G", "1", "-1G", "1.5G", "1T", "9999999G"})
  void shouldRefuseWhatIsNoSize(final String text) {
    assertThatExceptionOfType(InvalidRequestException.class)
        .isThrownBy(() -> ByteSize.parse(text))
        .withMessageContaining("'" + text + "'");
  }

  @Test
  void shouldShowSizesInWholeUnits() {
    assertThat(ByteSize.text(4 * ByteSize.GIB)).isEqualTo("4 GiB");
    assertThat(ByteSize.text(256 * ByteSize.MIB)).isEqualTo("256 MiB");
    assertThat(ByteSize.text(4096)).isEqualTo("4 KiB");
  }
}
