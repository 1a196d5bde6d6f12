package io.vas.core;

/** An instance holds something that vas can not snapshot. The instance was not changed. */
public final class UnsupportedException extends VasException {
  private static final long serialVersionUID = 1L;

  /** The value of {@link #descriptor()} when no descriptor is concerned. */
  public static final int NO_DESCRIPTOR = -1;

  private final int pid;
  private final int descriptor;
  private final String kind;
  private final String reason;

  /**
   * A refusal that concerns no resource: a mode or an option that is not offered.
   *
   * @param message one line, fit for a user.
   */
  public UnsupportedException(final String message) {
    this(message, 0, NO_DESCRIPTOR, "", message);
  }

  /**
   * A refusal with a message of its own, for one that is passed on.
   *
   * @param message one line, fit for a user.
   * @param pid process that holds the resource, as the host numbers it.
   * @param descriptor number of the file descriptor, or {@link #NO_DESCRIPTOR}.
   * @param kind kind of the resource, for example {@code io_uring}.
   * @param reason why it is refused.
   */
  public UnsupportedException(
      final String message,
      final int pid,
      final int descriptor,
      final String kind,
      final String reason) {
    super(message);
    this.pid = pid;
    this.descriptor = descriptor;
    this.kind = kind;
    this.reason = reason;
  }

  /**
   * A refusal that concerns one descriptor.
   *
   * @param pid process that holds the resource, as the host numbers it.
   * @param descriptor number of the file descriptor, or {@link #NO_DESCRIPTOR}.
   * @param kind kind of the resource, for example {@code io_uring}.
   * @param reason why it is refused.
   */
  public UnsupportedException(
      final int pid, final int descriptor, final String kind, final String reason) {
    this(
        "pid "
            + pid
            + (descriptor == NO_DESCRIPTOR ? "" : ", descriptor " + descriptor)
            + ", "
            + kind
            + ": "
            + reason,
        pid,
        descriptor,
        kind,
        reason);
  }

  /**
   * A refusal that concerns a whole process.
   *
   * @param pid process that holds the resource, as the host numbers it.
   * @param kind kind of the resource, for example {@code seccomp filter}.
   * @param reason why it is refused.
   */
  public UnsupportedException(final int pid, final String kind, final String reason) {
    this(pid, NO_DESCRIPTOR, kind, reason);
  }

  /**
   * The process that holds the resource.
   *
   * @return its pid, as the host numbers it.
   */
  public int pid() {
    return pid;
  }

  /**
   * The descriptor of the resource.
   *
   * @return its number, or {@link #NO_DESCRIPTOR}.
   */
  public int descriptor() {
    return descriptor;
  }

  /**
   * The kind of the resource.
   *
   * @return its name, as in the table of what is supported.
   */
  public String kind() {
    return kind;
  }

  /**
   * Why it is refused.
   *
   * @return the reason, without the resource.
   */
  public String reason() {
    return reason;
  }

  @Override
  public int exitCode() {
    return 3;
  }
}
