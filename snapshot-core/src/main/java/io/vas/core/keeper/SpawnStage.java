package io.vas.core.keeper;

/** How far a child came before it failed. */
public enum SpawnStage {
  /** Not told. */
  UNKNOWN(0),

  /** Before there was a child. */
  PREPARE(KeeperProtocolDescriptor.SPAWN_PREPARE),

  /** When it was cloned. */
  CLONE(KeeperProtocolDescriptor.SPAWN_CLONE),

  /** An operation of its program failed. */
  PROGRAM(KeeperProtocolDescriptor.SPAWN_PROGRAM),

  /** Its time ran out. */
  DEADLINE(KeeperProtocolDescriptor.SPAWN_DEADLINE),

  /** Its guard could not be set up. */
  GUARD(KeeperProtocolDescriptor.SPAWN_GUARD),

  /** It ended without a word. */
  DIED(KeeperProtocolDescriptor.SPAWN_DIED),

  /** An operation of the program that ran beside it failed. */
  BESIDE(KeeperProtocolDescriptor.SPAWN_BESIDE);

  private final int number;

  SpawnStage(final int number) {
    this.number = number;
  }

  static SpawnStage of(final int number) {
    for (final SpawnStage stage : values()) {
      if (stage.number == number) {
        return stage;
      }
    }
    return UNKNOWN;
  }
}
