package io.vas.core.keeper;

import static io.vas.core.keeper.KeeperProtocolDescriptor.KEPT_MAX;
import static io.vas.core.keeper.KeeperProtocolDescriptor.READY_COUNT_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.READY_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.READY_ROLE_OFFSET;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Value;
import java.util.List;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * The one message that a new child sends to the keeper, when all is done but execve or its release:
 * a struct vas_ready and the descriptors that the keeper is to keep for the child's lifetime.
 */
public final class ReadyMessage {
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
    DescriptorMessage.send(
        b, "tell the keeper", control, ready.byteArray(), kept.stream().map(Kept::fd).toList());
  }
}
