package io.vas.api.daemon;

import io.vas.core.ForbiddenException;
import io.vas.core.linux.User;
import io.vas.core.sandbox.RunAs;
import java.util.List;

/**
 * Who makes a call, as the kernel says. Root sees and may do all; others see and may touch what
 * belongs to them.
 *
 * @param uid the user; an unsigned number, as the others.
 * @param gid the group.
 * @param groups further groups.
 */
public record Caller(int uid, int gid, List<Integer> groups) {
  /** Who may do all. */
  public static final Caller ROOT = new Caller(0, 0, List.of());

  /** Copies the list. */
  public Caller {
    groups = List.copyOf(groups);
  }

  /**
   * Whether all is allowed.
   *
   * @return whether it is root.
   */
  public boolean isRoot() {
    return uid == 0;
  }

  /**
   * Whether something is there for this caller.
   *
   * @param ownerUid the user that it belongs to.
   * @return whether it may be seen and touched.
   */
  public boolean owns(final int ownerUid) {
    return isRoot() || uid == ownerUid;
  }

  /**
   * Refuses what is about all users.
   *
   * @param what it is, for example {@code end the daemon}.
   * @param instead what others may do.
   * @throws ForbiddenException unless it is root.
   */
  void requireRoot(final String what, final String instead) {
    if (!isRoot()) {
      throw new ForbiddenException("only root may " + what + "; " + instead);
    }
  }

  /**
   * Whom a command of a caller who is not root runs as.
   *
   * @return the same user with the same groups.
   */
  RunAs runAs() {
    return new RunAs(uid, gid, groups, User.of(uid).map(User::home).orElse("/"));
  }
}
