package io.vas.api.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;

/**
 * Standard output below a {@link java.io.PrintStream}, which would keep it to itself that a result
 * could not be written: the exit code would be 0, and what follows a log would never end. Throws
 * once, an {@link UncheckedIOException} whose message is fit for a user; what comes later is
 * dropped.
 */
final class ResultStream extends OutputStream {
  private final OutputStream out;
  private boolean failed;

  ResultStream(final OutputStream out) {
    this.out = out;
  }

  /**
   * Whether the reader of standard output has gone.
   *
   * @param error as this class throws it.
   */
  static boolean isBrokenPipe(final UncheckedIOException error) {
    return "Broken pipe".equals(error.getCause().getMessage());
  }

  @Override
  public void write(final int octet) {
    write(new byte[] {(byte) octet}, 0, 1);
  }

  @Override
  public void write(final byte[] data, final int offset, final int length) {
    if (failed) {
      return;
    }
    try {
      out.write(data, offset, length);
    } catch (final IOException e) {
      failed = true;
      throw new UncheckedIOException("cannot write to standard output: " + e.getMessage(), e);
    }
  }
}
