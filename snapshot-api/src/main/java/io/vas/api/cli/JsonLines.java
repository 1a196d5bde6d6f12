package io.vas.api.cli;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Prints each line that is written to it as a JSON string. */
final class JsonLines extends OutputStream {
  private final PrintStream out;
  private final ByteArrayOutputStream line = new ByteArrayOutputStream();

  JsonLines(final PrintStream out) {
    this.out = out;
  }

  @Override
  public void write(final int octet) {
    if (octet == '\n') {
      printLine();
    } else {
      line.write(octet);
    }
  }

  @Override
  public void close() {
    if (line.size() > 0) {
      printLine();
    }
    out.flush();
  }

  private void printLine() {
    out.println(Json.text(line.toString(StandardCharsets.UTF_8)));
    line.reset();
  }
}
