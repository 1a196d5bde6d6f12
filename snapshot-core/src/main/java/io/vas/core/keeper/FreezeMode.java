package io.vas.core.keeper;

/** When the pages of an instance are copied. */
public enum FreezeMode {
  /** All of them while it is frozen. */
  STOP(KeeperProtocolDescriptor.FREEZE_MODE_STOP),

  /** While it runs, where its writes can be tracked; frozen, only what it has written since. */
  LIVE(KeeperProtocolDescriptor.FREEZE_MODE_LIVE);

  private final int number;

  FreezeMode(final int number) {
    this.number = number;
  }

  int number() {
    return number;
  }
}
