package io.vas.core.linux;

import io.vas.core.VasException;

/** A call to the kernel that failed. */
public final class LinuxException extends VasException {
  private static final long serialVersionUID = 1L;

  private final String call;
  private final String arguments;
  private final int number;

  /**
   * A failed call.
   *
   * @param call name of the call, as in its manual page.
   * @param arguments the arguments that help to understand, for example {@code length=4096, fd=7}.
   * @param number positive error number.
   */
  public LinuxException(final String call, final String arguments, final int number) {
    super(call + "(" + arguments + "): " + Errno.describe(number));
    this.call = call;
    this.arguments = arguments;
    this.number = number;
  }

  /**
   * The call that failed.
   *
   * @return its name, as in its manual page.
   */
  public String call() {
    return call;
  }

  /**
   * What the call was asked.
   *
   * @return the arguments as names and values.
   */
  public String arguments() {
    return arguments;
  }

  /**
   * Why it failed.
   *
   * @return the error, {@link Errno#UNKNOWN} if {@link #number()} has no name.
   */
  public Errno errno() {
    return Errno.of(number);
  }

  /**
   * Why it failed, as the kernel said it.
   *
   * @return positive error number.
   */
  public int number() {
    return number;
  }
}
