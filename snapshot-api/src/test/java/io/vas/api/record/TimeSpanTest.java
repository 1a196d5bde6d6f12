package io.vas.api.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vas.core.InvalidRequestException;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TimeSpanTest {
  @ParameterizedTest
  @ValueSource(strings = {"1ms", "1500ms", "1s", "59s", "1m", "90m", "1h", "1d", "7d"})
  void shouldBeWrittenAsItIsRead(final String text) {
    assertThat(TimeSpan.text(TimeSpan.parse(text))).isEqualTo(text);
  }

  @Test
  void shouldKnowItsUnits() {
    assertThat(TimeSpan.parse("90s")).isEqualTo(Duration.ofSeconds(90));
    assertThat(TimeSpan.text(Duration.ofDays(2))).isEqualTo("2d");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "0", "0s", "1", "-1s", "1us", "1.5s", "1 s", "s", "9999999999s"})
  void shouldRefuseWhatIsNone(final String text) {
    assertThatThrownBy(() -> TimeSpan.parse(text))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessageContaining("'" + text + "'");
  }
}
