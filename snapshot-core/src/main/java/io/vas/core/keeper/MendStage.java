package io.vas.core.keeper;

/** How far the keeper came in putting an instance back. */
public enum MendStage {
  /** Nothing was changed. */
  CHECK(KeeperProtocolDescriptor.MEND_CHECK),
  /** System calls in the first thread: the first that changes something. */
  PROGRAM(KeeperProtocolDescriptor.MEND_PROGRAM),
  /** Pages are written. */
  PAGES(KeeperProtocolDescriptor.MEND_PAGES),
  /** Registers are set. */
  TASKS(KeeperProtocolDescriptor.MEND_TASKS),
  /** Files are put back, when tasks have ended and before system calls are made. */
  FILES(KeeperProtocolDescriptor.MEND_FILES);

  private final int number;

  MendStage(final int number) {
    this.number = number;
  }

  int number() {
    return number;
  }

  static MendStage of(final int number) {
    for (final MendStage stage : values()) {
      if (stage.number == number) {
        return stage;
      }
    }
    return CHECK;
  }
}
