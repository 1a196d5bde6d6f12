package io.vas.core.keeper;

import java.util.Map;

/**
 * What ties keepers to the life of a process. Apart from {@link Keeper}, since a short command that
 * starts a daemon has none of the libraries that one needs.
 */
public final class KeeperBond {
  /**
   * A system property: whether keepers end with the process that starts them, however it ends. For
   * tests and benchmarks, whose keepers nobody else would ever use again.
   */
  public static final String BOUND = "vas.keeper.bound";

  private static final String ENDS_WITH = "VAS_ENDS_WITH";

  private KeeperBond() {}

  /**
   * Where {@link #BOUND} is set, lets keepers end with this process that a child process starts.
   *
   * @param environment of the child.
   */
  public static void bind(final Map<String, String> environment) {
    if (Boolean.getBoolean(BOUND)) {
      environment.put(ENDS_WITH, Long.toString(ProcessHandle.current().pid()));
    }
  }
}
