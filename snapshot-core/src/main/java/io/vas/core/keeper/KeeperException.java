package io.vas.core.keeper;

import io.vas.core.VasException;
import io.vas.core.linux.Errno;

/** The keeper could not do what it was asked, or is gone. */
public class KeeperException extends VasException {
  private static final long serialVersionUID = 1L;

  private final int number;

  /**
   * A request that failed.
   *
   * @param message one line.
   * @param number the errno, a positive number.
   */
  public KeeperException(final String message, final int number) {
    super(message);
    this.number = number;
  }

  /**
   * An error that another one caused.
   *
   * @param message one line.
   * @param cause what led to it.
   */
  public KeeperException(final String message, final Throwable cause) {
    super(message, cause);
    this.number = Errno.EPIPE.number();
  }

  /**
   * The error.
   *
   * @return its name; EPIPE if the keeper is gone.
   */
  public Errno errno() {
    return Errno.of(number);
  }

  /**
   * The error's number.
   *
   * @return a positive number.
   */
  public int number() {
    return number;
  }
}
