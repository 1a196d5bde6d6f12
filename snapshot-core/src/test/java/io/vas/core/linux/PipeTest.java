package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class PipeTest {
  @Test
  void shouldEndWhenAllWritersAreClosed() throws IOException {
    final InputStream in;
    final OutputStream out;
    try (Pipe pipe = Pipe.create()) {
      in = pipe.input();
      out = pipe.output();
    }
    try (in) {
      out.write("through".getBytes(StandardCharsets.US_ASCII));
      out.close();

      assertThat(in.readAllBytes()).asString(StandardCharsets.US_ASCII).isEqualTo("through");
    }
  }
}
