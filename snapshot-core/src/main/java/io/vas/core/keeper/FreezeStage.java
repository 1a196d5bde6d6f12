package io.vas.core.keeper;

/**
 * What the keeper does to freeze and record an instance, in this order; but {@link #TRACK} and
 * {@link #LIVE} come before {@link #SEIZE}.
 */
public enum FreezeStage {
  /** Not told. */
  UNKNOWN(0),

  /** Running still: the pages are laid out and space is made for them. */
  PREPARE(KeeperProtocolDescriptor.FREEZE_PREPARE),

  /** All tasks are stopped. */
  SEIZE(KeeperProtocolDescriptor.FREEZE_SEIZE),

  /** Registers are read. */
  REGISTERS(KeeperProtocolDescriptor.FREEZE_REGISTERS),

  /** The plan's programs run in the tasks. */
  PROGRAMS(KeeperProtocolDescriptor.FREEZE_PROGRAMS),

  /** Files of /proc are read. */
  FILES(KeeperProtocolDescriptor.FREEZE_FILES),

  /** Descriptors are looked at. */
  DESCRIPTORS(KeeperProtocolDescriptor.FREEZE_DESCRIPTORS),

  /** Pages are looked for. */
  SCAN(KeeperProtocolDescriptor.FREEZE_SCAN),

  /** Pages are copied. */
  COPY(KeeperProtocolDescriptor.FREEZE_COPY),

  /** Files that live with the instance are copied. */
  OBJECTS(KeeperProtocolDescriptor.FREEZE_OBJECTS),

  /** The plan's instance program runs. */
  INSTANCE(KeeperProtocolDescriptor.FREEZE_INSTANCE),

  /** The tasks are let go. */
  THAW(KeeperProtocolDescriptor.FREEZE_THAW),

  /** Live mode only: what tells the written pages is made. The instance stops for a moment. */
  TRACK(KeeperProtocolDescriptor.FREEZE_TRACK),

  /** Live mode only: pages are copied while the instance runs. */
  LIVE(KeeperProtocolDescriptor.FREEZE_LIVE);

  private final int number;

  FreezeStage(final int number) {
    this.number = number;
  }

  /**
   * The keeper's number for it.
   *
   * @return an index of the reply's stage times.
   */
  public int number() {
    return number;
  }

  static FreezeStage of(final int number) {
    for (final FreezeStage stage : values()) {
      if (stage.number == number) {
        return stage;
      }
    }
    return UNKNOWN;
  }
}
