package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import java.util.Optional;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * A user as this host knows it, by whatever nsswitch.conf names: the passwd file, or a directory
 * service.
 *
 * @param uid the number, which is unsigned.
 * @param name to log in with.
 * @param home directory.
 */
public record User(int uid, String name, String home) {
  // struct passwd of x86-64
  private static final int NAME_OFFSET = 0;
  private static final int HOME_OFFSET = 32;
  private static final int PASSWD_LENGTH = 48;

  private static final int RESULT_OFFSET = PASSWD_LENGTH;
  private static final int TEXT_OFFSET = RESULT_OFFSET + Long.BYTES;

  /**
   * Looks a user up.
   *
   * @param uid the number.
   * @return empty if there is no such user, or who knows does not answer.
   */
  public static Optional<User> of(final int uid) {
    final UnsafeBuffer buffer = Scratch.zeroed(TEXT_OFFSET);
    final long address = buffer.addressOffset();
    final int error =
        LIBC.getpwuid_r(
            uid,
            address,
            address + TEXT_OFFSET,
            Scratch.LENGTH - TEXT_OFFSET,
            address + RESULT_OFFSET);
    if (error != 0 || buffer.getLong(RESULT_OFFSET) == 0) {
      return Optional.empty();
    }
    return Optional.of(new User(uid, text(buffer, NAME_OFFSET), text(buffer, HOME_OFFSET)));
  }

  private static String text(final UnsafeBuffer buffer, final int pointerOffset) {
    final int begin = (int) (buffer.getLong(pointerOffset) - buffer.addressOffset());
    int end = begin;
    while (buffer.getByte(end) != 0) {
      end++;
    }
    final byte[] bytes = new byte[end - begin];
    buffer.getBytes(begin, bytes);
    return RawText.decode(bytes);
  }
}
