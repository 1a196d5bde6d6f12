package io.vas.core.keeper;

/** An instance could not be put back in place. */
public final class MendException extends KeeperException {
  private static final long serialVersionUID = 1L;

  private final MendStage stage;

  MendException(final String message, final int number, final MendStage stage) {
    super(message, number);
    this.stage = stage;
  }

  /**
   * How far it came.
   *
   * @return the stage that failed.
   */
  public MendStage stage() {
    return stage;
  }

  /**
   * Whether the instance is not what it was any more. Then it stands still, and must be replaced.
   *
   * @return false if it goes on as if nothing had been.
   */
  public boolean isCommitted() {
    return stage != MendStage.CHECK;
  }
}
