package io.vas.core.keeper;

/** A child could not be started. Nothing of it is left. */
public final class SpawnException extends KeeperException {
  private static final long serialVersionUID = 1L;

  private final SpawnStage stage;
  private final int failedStep;
  private final String stepName;
  private final long failedResult;

  SpawnException(
      final String message,
      final int number,
      final SpawnStage stage,
      final int failedStep,
      final String stepName,
      final long failedResult) {
    super(message, number);
    this.stage = stage;
    this.failedStep = failedStep;
    this.stepName = stepName;
    this.failedResult = failedResult;
  }

  /**
   * How far it came.
   *
   * @return the stage that failed.
   */
  public SpawnStage stage() {
    return stage;
  }

  /**
   * Which operation of the program failed.
   *
   * @return its index, or -1 if none did.
   */
  public int failedStep() {
    return failedStep;
  }

  /**
   * The name of the operation that failed.
   *
   * @return its name, empty if none did.
   */
  public String stepName() {
    return stepName;
  }

  /**
   * What the operation that failed returned.
   *
   * @return -errno, or a value that was not expected.
   */
  public long failedResult() {
    return failedResult;
  }
}
