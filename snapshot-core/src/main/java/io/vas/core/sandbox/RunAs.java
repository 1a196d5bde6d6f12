package io.vas.core.sandbox;

import java.util.List;

/**
 * The user that a command runs as who is not root. It has no capabilities, and no way to any: what
 * it may read of the host's files is what that user may.
 *
 * @param uid the user, not 0.
 * @param gid the group.
 * @param groups further groups.
 * @param home the user's home directory, for the variable HOME.
 */
public record RunAs(int uid, int gid, List<Integer> groups, String home) {
  /**
   * A user.
   *
   * @throws IllegalArgumentException if it is root.
   */
  public RunAs {
    if (uid == 0) {
      throw new IllegalArgumentException("root is not to be named");
    }
    groups = List.copyOf(groups);
  }
}
