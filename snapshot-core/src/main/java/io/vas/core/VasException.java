package io.vas.core;

/**
 * The root of all errors that vas reports. Its message is one line that can be shown to a user as
 * it is; it names the instance, process or resource it is about.
 */
public class VasException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of its own.
   *
   * @param message one line, fit for a user.
   */
  public VasException(final String message) {
    super(message);
  }

  /**
   * An error that another one caused.
   *
   * @param message one line, fit for a user.
   * @param cause what led to it.
   */
  public VasException(final String message, final Throwable cause) {
    super(message, cause);
  }

  /**
   * The exit code of a command that ends with this error.
   *
   * @return 1 (failed), 2 (wrong usage) or 3 (refused, because something is not supported).
   */
  public int exitCode() {
    return 1;
  }
}
