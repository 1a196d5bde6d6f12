package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import java.util.List;
import java.util.stream.IntStream;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * The users and groups that this process acts for.
 *
 * @param uid real user.
 * @param effectiveUid the user that permissions are checked for.
 * @param gid real group.
 * @param effectiveGid the group that permissions are checked for.
 * @param groups further groups.
 */
public record Credentials(
    int uid, int effectiveUid, int gid, int effectiveGid, List<Integer> groups) {
  /**
   * Those of this process.
   *
   * @return the present credentials.
   * @throws LinuxException if there are more groups than fit in 8 KiB.
   */
  public static Credentials current() {
    final UnsafeBuffer list = Scratch.buffer();
    final int count = LIBC.getgroups(Scratch.LENGTH / Integer.BYTES, list.addressOffset());
    if (count < 0) {
      throw Kernel.failure("getgroups");
    }
    return new Credentials(
        LIBC.getuid(),
        LIBC.geteuid(),
        LIBC.getgid(),
        LIBC.getegid(),
        IntStream.range(0, count).mapToObj(i -> list.getInt(i * Integer.BYTES)).toList());
  }

  /**
   * Whether this process acts for root.
   *
   * @return true if the effective user is 0.
   */
  public boolean isRoot() {
    return effectiveUid == 0;
  }
}
