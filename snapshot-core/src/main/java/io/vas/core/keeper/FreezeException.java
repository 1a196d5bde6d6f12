package io.vas.core.keeper;

/** An instance could not be frozen and recorded. It goes on as if nothing had happened. */
public final class FreezeException extends KeeperException {
  private static final long serialVersionUID = 1L;

  private final FreezeStage stage;

  FreezeException(final String message, final int number, final FreezeStage stage) {
    super(message, number);
    this.stage = stage;
  }

  /**
   * How far it came.
   *
   * @return the stage that failed.
   */
  public FreezeStage stage() {
    return stage;
  }
}
