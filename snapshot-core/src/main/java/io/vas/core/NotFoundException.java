package io.vas.core;

/** An instance, snapshot or file that a request names does not exist. */
public final class NotFoundException extends VasException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of its own.
   *
   * @param message one line, fit for a user.
   */
  public NotFoundException(final String message) {
    super(message);
  }

  /**
   * An error that another one caused.
   *
   * @param message one line, fit for a user.
   * @param cause what led to it.
   */
  public NotFoundException(final String message, final Throwable cause) {
    super(message, cause);
  }
}
