package io.vas.core.keeper;

import static io.vas.core.keeper.KeeperProtocolDescriptor.KEPT_MAX;
import static io.vas.core.keeper.KeeperProtocolDescriptor.READY_COUNT_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.READY_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.READY_ROLE_OFFSET;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import java.util.List;
import org.agrona.BitUtil;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * The one message that a new child sends to the keeper, when all is done but execve or its release:
 * a struct vas_ready and the descriptors that the keeper is to keep for the child's lifetime.
 */
public final class ReadyMessage {
  private static final int SOL_SOCKET = 1;
  private static final int SCM_RIGHTS = 1;
  private static final int MSG_NOSIGNAL = 0x4000;

  // struct msghdr, of 56 bytes
  private static final int MSG_IOV_OFFSET = 16;
  private static final int MSG_IOVLEN_OFFSET = 24;
  private static final int MSG_CONTROL_OFFSET = 32;
  private static final int MSG_CONTROLLEN_OFFSET = 40;
  // struct iovec, behind it
  private static final int IOV_BASE_OFFSET = 56;
  private static final int IOV_LEN_OFFSET = 64;
  // struct cmsghdr, behind that
  private static final int CMSG_OFFSET = 72;
  private static final int CMSG_LEVEL_OFFSET = CMSG_OFFSET + 8;
  private static final int CMSG_TYPE_OFFSET = CMSG_OFFSET + 12;
  private static final int CMSG_HEADER_LENGTH = 16;
  private static final int CMSG_DATA_OFFSET = CMSG_OFFSET + CMSG_HEADER_LENGTH;

  private ReadyMessage() {}

  /**
   * A descriptor that the keeper is to keep.
   *
   * @param fd its number in the child.
   * @param role one of {@link KeeperProtocolDescriptor}'s KEPT_*.
   */
  public record Kept(Value fd, int role) {
    /**
     * A descriptor that the keeper only keeps.
     *
     * @param fd its number in the child.
     * @return the descriptor, {@link KeeperProtocolDescriptor#KEPT_PLAIN}.
     */
    public static Kept plain(final Value fd) {
      return new Kept(fd, KeeperProtocolDescriptor.KEPT_PLAIN);
    }

    /**
     * The userfaultfd that guards the child's memory.
     *
     * @param fd its number in the child.
     * @return the descriptor, {@link KeeperProtocolDescriptor#KEPT_USERFAULTFD}.
     */
    public static Kept userfaultfd(final Value fd) {
      return new Kept(fd, KeeperProtocolDescriptor.KEPT_USERFAULTFD);
    }

    /**
     * The listener of the seccomp filter that goes with the guard.
     *
     * @param fd the listener.
     * @return the descriptor, {@link KeeperProtocolDescriptor#KEPT_SECCOMP}.
     */
    public static Kept seccomp(final Value fd) {
      return new Kept(fd, KeeperProtocolDescriptor.KEPT_SECCOMP);
    }
  }

  /**
   * Add the steps that send the message. There can be one in a program.
   *
   * @param b the program.
   * @param control the child's end of its socket to the keeper.
   * @param kept the descriptors, in the order in which {@link Params#kept} counts the plain ones.
   */
  public static void send(final ProgramBuilder b, final Value control, final List<Kept> kept) {
    if (kept.size() > KEPT_MAX) {
      throw new IllegalArgumentException(kept.size() + " descriptors, at most " + KEPT_MAX);
    }
    final UnsafeBuffer ready = new UnsafeBuffer(new byte[READY_LENGTH]);
    ready.putInt(READY_COUNT_OFFSET, kept.size(), LITTLE_ENDIAN);
    for (int i = 0; i < kept.size(); i++) {
      ready.putInt(READY_ROLE_OFFSET + i * Integer.BYTES, kept.get(i).role(), LITTLE_ENDIAN);
    }
    final Data body = b.data(ready.byteArray());
    final int controlLength = CMSG_HEADER_LENGTH + kept.size() * Integer.BYTES;
    final UnsafeBuffer header =
        new UnsafeBuffer(new byte[CMSG_OFFSET + BitUtil.align(controlLength, Long.BYTES)]);
    header.putLong(MSG_IOVLEN_OFFSET, 1, LITTLE_ENDIAN);
    header.putLong(IOV_LEN_OFFSET, READY_LENGTH, LITTLE_ENDIAN);
    if (!kept.isEmpty()) {
      header.putLong(
          MSG_CONTROLLEN_OFFSET, BitUtil.align(controlLength, Long.BYTES), LITTLE_ENDIAN);
      header.putLong(CMSG_OFFSET, controlLength, LITTLE_ENDIAN);
      header.putInt(CMSG_LEVEL_OFFSET, SOL_SOCKET, LITTLE_ENDIAN);
      header.putInt(CMSG_TYPE_OFFSET, SCM_RIGHTS, LITTLE_ENDIAN);
    }
    final Data message = b.data(header.byteArray());
    b.store(message.plus(MSG_IOV_OFFSET), message.plus(IOV_BASE_OFFSET), Long.BYTES);
    b.store(message.plus(IOV_BASE_OFFSET), body, Long.BYTES);
    if (!kept.isEmpty()) {
      b.store(message.plus(MSG_CONTROL_OFFSET), message.plus(CMSG_OFFSET), Long.BYTES);
      for (int i = 0; i < kept.size(); i++) {
        b.store(
            message.plus(CMSG_DATA_OFFSET + i * Integer.BYTES), kept.get(i).fd(), Integer.BYTES);
      }
    }
    b.callExpecting(
        READY_LENGTH, "tell the keeper", SystemCall.SENDMSG, control, message, MSG_NOSIGNAL);
  }
}
