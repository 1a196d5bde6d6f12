package io.vas.core.sandbox;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.List;
import org.agrona.concurrent.UnsafeBuffer;

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

  /** Steps by which a task that has all capabilities becomes the user for good. */
  void become(final ProgramBuilder b) {
    setGroups(b, "groups");
    final long group = Integer.toUnsignedLong(gid);
    b.call("group", SystemCall.SETRESGID, group, group, group);
    final long user = Integer.toUnsignedLong(uid);
    b.call("user", SystemCall.SETRESUID, user, user, user);
  }

  /**
   * Add steps from which on a task of root's opens files as the user: without the capabilities that
   * are about files, too.
   *
   * @param b the program.
   * @param what the files are, for the steps' names.
   */
  public void beginFiles(final ProgramBuilder b, final String what) {
    setGroups(b, "groups for " + what);
    // These tell what was set before.
    b.callExpecting(0, "group for " + what, SystemCall.SETFSGID, Integer.toUnsignedLong(gid));
    b.callExpecting(0, "user for " + what, SystemCall.SETFSUID, Integer.toUnsignedLong(uid));
  }

  /**
   * Add steps that end that.
   *
   * @param b the program.
   * @param what as at their beginning.
   */
  public void endFiles(final ProgramBuilder b, final String what) {
    b.callExpecting(Integer.toUnsignedLong(uid), "root after " + what, SystemCall.SETFSUID, 0);
    b.callExpecting(
        Integer.toUnsignedLong(gid), "root's group after " + what, SystemCall.SETFSGID, 0);
  }

  private void setGroups(final ProgramBuilder b, final String step) {
    final UnsafeBuffer list = new UnsafeBuffer(new byte[(groups.size() + 1) * Integer.BYTES]);
    for (int i = 0; i < groups.size(); i++) {
      list.putInt(i * Integer.BYTES, groups.get(i), LITTLE_ENDIAN);
    }
    b.call(step, SystemCall.SETGROUPS, groups.size(), b.data(list.byteArray()));
  }
}
