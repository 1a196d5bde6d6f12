package io.vas.core;

/** A request that who asks may not make, whatever it is about. */
public final class ForbiddenException extends VasException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of its own.
   *
   * @param message one line, fit for a user.
   */
  public ForbiddenException(final String message) {
    super(message);
  }

  /**
   * An error that another one caused.
   *
   * @param message one line, fit for a user.
   * @param cause what led to it.
   */
  public ForbiddenException(final String message, final Throwable cause) {
    super(message, cause);
  }
}
