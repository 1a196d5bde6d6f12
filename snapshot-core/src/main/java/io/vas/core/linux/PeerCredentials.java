package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import java.util.List;
import java.util.stream.IntStream;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Who is at the other end of a unix socket, as of the moment it connected or listened.
 *
 * @param pid its process, as this process's pid namespace numbers it; 0 if it has no number there.
 * @param uid its effective user.
 * @param gid its effective group.
 */
public record PeerCredentials(int pid, int uid, int gid) {
  private static final int SOL_SOCKET = 1;
  private static final int SO_PEERCRED = 17;

  /** Since Linux 4.13. */
  private static final int SO_PEERGROUPS = 59;

  private static final int LENGTH_OFFSET = Scratch.LENGTH - Integer.BYTES;

  /**
   * Those of a connected socket's other end.
   *
   * @param socket number of the descriptor, which stays its owner's.
   * @return process, user and group.
   * @throws LinuxException if it can not be told.
   */
  public static PeerCredentials of(final int socket) {
    final UnsafeBuffer value = Scratch.buffer();
    final int length = get(socket, SO_PEERCRED, "SO_PEERCRED", value, 3 * Integer.BYTES);
    assert length == 3 * Integer.BYTES;
    return new PeerCredentials(
        value.getInt(0), value.getInt(Integer.BYTES), value.getInt(2 * Integer.BYTES));
  }

  /**
   * The further groups of a connected socket's other end. These are what the process had, not what
   * the user's entry in the group file says: it may have given some up, or come by one by newgrp.
   *
   * @param socket number of the descriptor, which stays its owner's.
   * @return numbers of groups.
   * @throws LinuxException if there are more than fit in 8 KiB.
   */
  public static List<Integer> groups(final int socket) {
    final UnsafeBuffer value = Scratch.buffer();
    final int length = get(socket, SO_PEERGROUPS, "SO_PEERGROUPS", value, LENGTH_OFFSET);
    return IntStream.range(0, length / Integer.BYTES)
        .mapToObj(i -> value.getInt(i * Integer.BYTES))
        .toList();
  }

  /** Returns how many bytes there are. */
  private static int get(
      final int socket,
      final int option,
      final String name,
      final UnsafeBuffer value,
      final int length) {
    value.putInt(LENGTH_OFFSET, length);
    final long address = value.addressOffset();
    if (LIBC.getsockopt(socket, SOL_SOCKET, option, address, address + LENGTH_OFFSET) < 0) {
      throw Kernel.failure("getsockopt", "fd", socket, "option", name);
    }
    return value.getInt(LENGTH_OFFSET);
  }
}
