package io.vas.core;

/** What a snapshot holds is not what was stored: memory, or what keeps it, is broken. */
public final class DamagedException extends VasException {
  private static final long serialVersionUID = 1L;

  /**
   * An error.
   *
   * @param message one line, fit for a user.
   */
  public DamagedException(final String message) {
    super(message);
  }
}
