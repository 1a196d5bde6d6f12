package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;
import static java.nio.ByteOrder.BIG_ENDIAN;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.agrona.concurrent.UnsafeBuffer;

/** A NETLINK_SOCK_DIAG socket: asks the kernel for the sockets of a net namespace. */
public final class SockDiag implements AutoCloseable {
  private static final long CLONE_NEWNET = 0x40000000L;
  private static final int AF_INET = 2;
  private static final int AF_INET6 = 10;
  private static final int AF_NETLINK = 16;
  private static final int SOCK_RAW = 3;
  private static final int SOCK_CLOEXEC = 02000000;
  private static final int NETLINK_SOCK_DIAG = 4;
  private static final int IPPROTO_TCP = 6;

  // struct nlmsghdr
  private static final int TYPE_OFFSET = 4;
  private static final int FLAGS_OFFSET = 6;
  private static final int HEADER_LENGTH = 16;
  private static final int NLMSG_ERROR = 2;
  private static final int NLMSG_DONE = 3;
  private static final int SOCK_DIAG_BY_FAMILY = 20;
  private static final int SOCK_DESTROY = 21;
  private static final short NLM_F_REQUEST = 1;
  private static final short NLM_F_ACK = 4;
  private static final short NLM_F_DUMP = 0x300;

  // struct inet_diag_req_v2, behind it
  private static final int FAMILY_OFFSET = HEADER_LENGTH;
  private static final int PROTOCOL_OFFSET = FAMILY_OFFSET + 1;
  private static final int STATES_OFFSET = FAMILY_OFFSET + 4;
  private static final int ASKED_ID_OFFSET = FAMILY_OFFSET + 8;
  private static final int REQUEST_LENGTH = FAMILY_OFFSET + 56;

  // struct inet_diag_msg, there, too
  private static final int ID_OFFSET = FAMILY_OFFSET + 4;
  private static final int ID_LENGTH = 48;
  private static final int INODE_OFFSET = ID_OFFSET + ID_LENGTH + 16;
  private static final int TOLD_LENGTH = INODE_OFFSET + 4;

  /** As much as the kernel puts into one message. */
  private static final int ROOM = 32768;

  private final Fd fd;

  private SockDiag(final Fd fd) {
    this.fd = fd;
  }

  /**
   * Open one.
   *
   * @param namespace the net namespace.
   * @return the socket, which is in there.
   * @throws LinuxException if it can not be made.
   */
  public static SockDiag of(final Fd namespace) {
    final CompletableFuture<Fd> made = new CompletableFuture<>();
    // A socket stays where it was made, and a thread where it has gone.
    final Thread thread =
        new Thread(() -> made.completeAsync(() -> open(namespace), Runnable::run), "vas-sock-diag");
    thread.setDaemon(true);
    thread.start();
    try {
      return new SockDiag(made.join());
    } catch (final CompletionException e) {
      throw e.getCause() instanceof LinuxException failure ? failure : e;
    }
  }

  private static Fd open(final Fd namespace) {
    if (Syscall.call(Syscall.SETNS, namespace.value(), CLONE_NEWNET) < 0) {
      throw Kernel.failure("setns", "fd", namespace, "type", "net");
    }
    final int value = LIBC.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (value < 0) {
      throw Kernel.failure("socket", "domain", "AF_NETLINK", "protocol", "NETLINK_SOCK_DIAG");
    }
    return Fd.owning(value);
  }

  /**
   * The socket.
   *
   * @return a descriptor that belongs to this object.
   */
  public Fd fd() {
    return fd;
  }

  /**
   * End, as by a reset, what is left of TCP connections that no process has any more: those that
   * wait for the other end, and those in TIME_WAIT, for which nobody could listen at their port
   * without SO_REUSEADDR on either side.
   *
   * @param ports the local ones.
   * @throws LinuxException EOPNOTSUPP if the kernel can't do that (CONFIG_INET_DIAG_DESTROY).
   */
  public void endRemains(final Set<Integer> ports) {
    for (final int family : new int[] {AF_INET, AF_INET6}) {
      for (final byte[] id : remains(family, ports)) {
        final UnsafeBuffer request = request(family, SOCK_DESTROY, NLM_F_ACK);
        request.putBytes(ASKED_ID_OFFSET, id);
        send(request);
        final int error = -receive(new UnsafeBuffer(ByteBuffer.allocateDirect(ROOM)), null);
        // It may have ended by itself meanwhile.
        if (error != 0 && error != Errno.ENOENT.number()) {
          throw Kernel.failureOf(error, "SOCK_DESTROY", "family", family);
        }
      }
    }
  }

  /** The ids of sockets without an inode, which are no process's. */
  private List<byte[]> remains(final int family, final Set<Integer> ports) {
    send(request(family, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP));
    final List<byte[]> ids = new ArrayList<>();
    final UnsafeBuffer buffer = new UnsafeBuffer(ByteBuffer.allocateDirect(ROOM));
    int result;
    do {
      result =
          receive(
              buffer,
              at -> {
                final int port = buffer.getShort(at + ID_OFFSET, BIG_ENDIAN) & 0xFFFF;
                if (buffer.getInt(at + INODE_OFFSET, LITTLE_ENDIAN) == 0 && ports.contains(port)) {
                  final byte[] id = new byte[ID_LENGTH];
                  buffer.getBytes(at + ID_OFFSET, id);
                  ids.add(id);
                }
              });
    } while (result > 0);
    if (result < 0) {
      throw Kernel.failureOf(-result, "SOCK_DIAG_BY_FAMILY", "family", family);
    }
    return ids;
  }

  private static UnsafeBuffer request(final int family, final int type, final short flags) {
    final UnsafeBuffer request = new UnsafeBuffer(ByteBuffer.allocateDirect(REQUEST_LENGTH));
    request.putInt(0, REQUEST_LENGTH, LITTLE_ENDIAN);
    request.putShort(TYPE_OFFSET, (short) type, LITTLE_ENDIAN);
    request.putShort(FLAGS_OFFSET, (short) (NLM_F_REQUEST | flags), LITTLE_ENDIAN);
    request.putByte(FAMILY_OFFSET, (byte) family);
    request.putByte(PROTOCOL_OFFSET, (byte) IPPROTO_TCP);
    request.putInt(STATES_OFFSET, -1, LITTLE_ENDIAN);
    return request;
  }

  private void send(final UnsafeBuffer request) {
    if (LIBC.write(fd.value(), request.addressOffset(), request.capacity()) < 0) {
      throw Kernel.failure("write", "fd", fd, "length", request.capacity());
    }
  }

  private interface Told {
    void at(int offset);
  }

  /**
   * Takes one datagram.
   *
   * @return 1 if more will follow, 0 if that was all, or -errno.
   */
  private int receive(final UnsafeBuffer buffer, final Told told) {
    final long length = LIBC.read(fd.value(), buffer.addressOffset(), buffer.capacity());
    if (length < 0) {
      throw Kernel.failure("read", "fd", fd);
    }
    for (int at = 0; at + HEADER_LENGTH <= length; ) {
      final int type = buffer.getShort(at + TYPE_OFFSET, LITTLE_ENDIAN);
      if (type == NLMSG_DONE) {
        return 0;
      }
      if (type == NLMSG_ERROR) {
        return buffer.getInt(at + HEADER_LENGTH, LITTLE_ENDIAN);
      }
      if (at + TOLD_LENGTH <= length) {
        told.at(at);
      }
      at += Math.max(HEADER_LENGTH, (buffer.getInt(at, LITTLE_ENDIAN) + 3) & ~3);
    }
    return 1;
  }

  /** Close the socket. Only the first call does something. */
  @Override
  public void close() {
    fd.close();
  }
}
