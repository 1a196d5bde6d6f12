package io.vas.core;

/** A request that can not be meant: a count of zero, a malformed name, an unknown signal. */
public final class InvalidRequestException extends VasException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of its own.
   *
   * @param message one line, fit for a user.
   */
  public InvalidRequestException(final String message) {
    super(message);
  }

  /**
   * An error that another one caused.
   *
   * @param message one line, fit for a user.
   * @param cause what led to it.
   */
  public InvalidRequestException(final String message, final Throwable cause) {
    super(message, cause);
  }

  @Override
  public int exitCode() {
    return 2;
  }
}
