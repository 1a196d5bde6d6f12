package io.vas.core;

/** A request that the present state forbids: a name taken twice, an instance that has exited. */
public final class ConflictException extends VasException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of its own.
   *
   * @param message one line, fit for a user.
   */
  public ConflictException(final String message) {
    super(message);
  }

  /**
   * An error that another one caused.
   *
   * @param message one line, fit for a user.
   * @param cause what led to it.
   */
  public ConflictException(final String message, final Throwable cause) {
    super(message, cause);
  }
}
