package io.vas.api.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vas.core.InvalidRequestException;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TextsTest {
  @Test
  void shouldWriteSizesWithThreeDigits() {
    assertThat(Texts.size(0)).isEqualTo("0 B");
    assertThat(Texts.size(1023)).isEqualTo("1023 B");
    assertThat(Texts.size(1024)).isEqualTo("1.00 KiB");
    assertThat(Texts.size(256L << 20)).isEqualTo("256 MiB");
    assertThat(Texts.size(5L << 50)).isEqualTo("5120 TiB");
  }

  @Test
  void shouldWriteTimesWithThreeDigits() {
    assertThat(Texts.duration(999)).isEqualTo("999 us");
    assertThat(Texts.duration(1420)).isEqualTo("1.42 ms");
    assertThat(Texts.duration(3_050_000)).isEqualTo("3.05 s");
  }

  @Test
  void shouldQuoteWhatAShellWouldSplit() {
    assertThat(Texts.command(List.of("redis-server", "--save", "")))
        .isEqualTo("redis-server --save ''");
    assertThat(Texts.command(List.of("sh", "-c", "echo 'x'")))
        .isEqualTo("sh -c 'echo '\\''x'\\'''");
  }

  @Test
  void shouldAlignColumns() {
    final ByteArrayOutputStream out = new ByteArrayOutputStream();
    new Table("ID", ">PID", "NAME")
        .add("abc", 7, "x")
        .add("d", 1234, "")
        .print(new PrintStream(out, true, StandardCharsets.UTF_8));

    assertThat(out.toString(StandardCharsets.UTF_8))
        .isEqualTo("ID    PID  NAME\nabc     7  x\nd    1234\n");
  }

  @Test
  void shouldEscapeJson() {
    assertThat(Json.text("a\"\\\n\t\u0001é")).isEqualTo("\"a\\\"\\\\\\n\\t\\u0001é\"");
    assertThat(Json.text(Json.object("a", 1L, "b", null, "c", true)))
        .isEqualTo("{\"a\": 1, \"b\": null, \"c\": true}");
    assertThat(Json.text(List.of(Json.object("a", 1), Map.of())))
        .isEqualTo("[\n  {\"a\": 1},\n  {}\n]");
    assertThat(Json.text(Arrays.asList(1, null))).isEqualTo("[1, null]");
  }

  @Test
  void shouldKnowSignalsByNameAndNumber() {
    assertThat(Signals.number("KILL")).isEqualTo(9);
    assertThat(Signals.number("sigterm")).isEqualTo(15);
    assertThat(Signals.number("64")).isEqualTo(64);
    assertThat(Signals.number("0")).isZero();
    assertThat(Signals.number("SYS")).isEqualTo(31);
    assertThat(Signals.number("nothing")).isZero();
  }

  @Test
  void shouldReadTimeouts() {
    assertThat(TimeoutOption.parse("30")).isEqualTo(Duration.ofSeconds(30));
    assertThat(TimeoutOption.parse("500ms")).isEqualTo(Duration.ofMillis(500));
    assertThat(TimeoutOption.parse("2m")).isEqualTo(Duration.ofMinutes(2));
    assertThatThrownBy(() -> TimeoutOption.parse("-1")).isInstanceOf(InvalidRequestException.class);
    assertThatThrownBy(() -> TimeoutOption.parse("99999999999999"))
        .isInstanceOf(InvalidRequestException.class);
  }

  @Test
  void shouldReadEnvironments() {
    assertThat(Environment.parse(List.of("A=1", "B=x=y", "A=2", "VAS_NO_SUCH_VARIABLE")))
        .containsExactly(Map.entry("A", "2"), Map.entry("B", "x=y"));
    assertThat(Environment.parse(List.of("PATH"))).containsEntry("PATH", System.getenv("PATH"));
    assertThatThrownBy(() -> Environment.parse(List.of("=x")))
        .isInstanceOf(InvalidRequestException.class);
  }
}
