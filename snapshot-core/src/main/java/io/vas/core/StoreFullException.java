package io.vas.core;

/** The store's budget does not hold what was to be put into it. */
public final class StoreFullException extends VasException {
  private static final long serialVersionUID = 1L;

  /**
   * An error of its own.
   *
   * @param message one line, fit for a user.
   */
  public StoreFullException(final String message) {
    super(message);
  }

  /**
   * An error that another one caused.
   *
   * @param message one line, fit for a user.
   * @param cause what led to it.
   */
  public StoreFullException(final String message, final Throwable cause) {
    super(message, cause);
  }
}
