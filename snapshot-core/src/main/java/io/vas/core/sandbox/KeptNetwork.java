package io.vas.core.sandbox;

import io.vas.core.linux.Fd;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.SeqPacketSocket;
import io.vas.core.linux.SockDiag;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Set;
import org.agrona.concurrent.UnsafeBuffer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The net namespace of a running instance, for a fork that takes its place. What somebody has moved
 * there, a device with its addresses and routes, stays.
 *
 * <p>No two processes listen at one address, so the fork asks for it, over a socket of its own,
 * when it has all that it can have without it: mounts and memory. By then the instance is to make
 * room. The fork fails if this is closed, as by the end of this process, before it is given.
 */
public final class KeptNetwork implements AutoCloseable {
  private static final Logger LOGGER = LoggerFactory.getLogger(KeptNetwork.class);
  private static final int LENGTH = NetworkNamespace.MESSAGE.length;

  private final UnsafeBuffer message = new UnsafeBuffer(ByteBuffer.allocateDirect(LENGTH));
  private final Fd namespace;
  private final SockDiag sockDiag;
  private final SeqPacketSocket own;
  private final SeqPacketSocket forks;

  private KeptNetwork(
      final Fd namespace,
      final SockDiag sockDiag,
      final SeqPacketSocket own,
      final SeqPacketSocket forks) {
    this.namespace = namespace;
    this.sockDiag = sockDiag;
    this.own = own;
    this.forks = forks;
  }

  /**
   * Keep an instance's net namespace.
   *
   * @param namespace the net namespace; belongs to the result from now on.
   * @return the same, which stays as long as this is open.
   * @throws io.vas.core.linux.LinuxException if descriptors run out, for example.
   */
  public static KeptNetwork of(final Fd namespace) {
    SockDiag sockDiag = null;
    try {
      sockDiag = SockDiag.of(namespace);
      final List<SeqPacketSocket> pair = SeqPacketSocket.pair();
      return new KeptNetwork(namespace, sockDiag, pair.get(0), pair.get(1));
    } catch (final RuntimeException e) {
      namespace.close();
      if (sockDiag != null) {
        sockDiag.close();
      }
      throw e;
    }
  }

  /**
   * The fork's end of the socket, to be sent to it before {@link #isAskedFor()}.
   *
   * @return a descriptor that belongs to this object.
   */
  public Fd socket() {
    return forks.fd();
  }

  /**
   * Wait until the fork asks for it. To be called once.
   *
   * @return false if it has ended instead.
   */
  public boolean isAskedFor() {
    // Or the end of the fork's would not be seen.
    forks.close();
    try (SeqPacketSocket.Received received = own.receive(message, 0, LENGTH)) {
      return !received.isEndOfStream();
    }
  }

  /**
   * Give it to the fork that has asked, when the instance's processes have ended. What these left
   * of connections at the fork's ports is ended: as long as it is there, nobody may listen at a
   * port whose former owner had not set SO_REUSEADDR.
   *
   * @param ports that the fork binds TCP sockets to.
   * @throws io.vas.core.linux.LinuxException EPIPE if it has ended.
   */
  public void give(final Set<Integer> ports) {
    try {
      sockDiag.endRemains(ports);
    } catch (final LinuxException e) {
      // Not every kernel can. The fork will see whether there was something in its way.
      LOGGER.debug("what is left of connections stays: {}", e.toString());
    }
    own.send(message, 0, LENGTH, List.of(sockDiag.fd(), namespace));
  }

  /** Close what was not given. */
  @Override
  public void close() {
    own.close();
    forks.close();
    sockDiag.close();
    namespace.close();
  }
}
