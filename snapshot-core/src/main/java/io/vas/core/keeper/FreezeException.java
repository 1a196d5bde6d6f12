package io.vas.core.keeper;

/** An instance could not be frozen and recorded. It goes on as if nothing had happened. */
public final class FreezeException extends KeeperException {
  private static final long serialVersionUID = 1L;

  private final FreezeStage stage;
  private final int task;

  FreezeException(final String message, final int number, final FreezeStage stage, final int task) {
    super(message, number);
    this.stage = stage;
    this.task = task;
  }

  /**
   * How far it came.
   *
   * @return the stage that failed.
   */
  public FreezeStage stage() {
    return stage;
  }

  /**
   * The task that it is about.
   *
   * @return its tid, as the instance sees it; 0 if it is about none.
   */
  public int task() {
    return task;
  }
}
