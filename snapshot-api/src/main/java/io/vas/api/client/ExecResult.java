package io.vas.api.client;

import com.google.protobuf.ByteString;

/**
 * What a visitor did.
 *
 * @param pid its pid in the instance.
 * @param exitCode its exit code, or 128 plus the signal that ended it.
 * @param stdout what it wrote to its standard output.
 * @param stderr what it wrote to its standard error.
 */
public record ExecResult(int pid, int exitCode, ByteString stdout, ByteString stderr) {
  /**
   * The standard output as text.
   *
   * @return the text, decoded as UTF-8.
   */
  public String text() {
    return stdout.toStringUtf8();
  }

  /**
   * The standard error as text.
   *
   * @return the text, decoded as UTF-8.
   */
  public String errorText() {
    return stderr.toStringUtf8();
  }
}
