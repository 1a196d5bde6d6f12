package io.vas.core;

/** The time a request was given ran out. It left nothing half done. */
public final class DeadlineException extends VasException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of its own.
   *
   * @param message one line, fit for a user.
   */
  public DeadlineException(final String message) {
    super(message);
  }

  /**
   * An error that another one caused.
   *
   * @param message one line, fit for a user.
   * @param cause what led to it.
   */
  public DeadlineException(final String message, final Throwable cause) {
    super(message, cause);
  }
}
