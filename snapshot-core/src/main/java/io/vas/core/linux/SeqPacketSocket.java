package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import java.util.ArrayList;
import java.util.List;
import org.agrona.DirectBuffer;
import org.agrona.MutableDirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * A connected unix socket that carries messages (SOCK_SEQPACKET), with descriptors. Messages arrive
 * whole and in order. Any number of threads may send; one thread receives.
 */
public final class SeqPacketSocket implements AutoCloseable {
  /** Descriptors that one message can carry (SCM_MAX_FD). */
  public static final int MAX_DESCRIPTORS = 253;

  private static final int AF_UNIX = 1;
  private static final int SOCK_SEQPACKET = 5;
  private static final int SOCK_CLOEXEC = 02000000;
  private static final int SOL_SOCKET = 1;
  private static final int SCM_RIGHTS = 1;
  private static final int MSG_CTRUNC = 8;
  private static final int MSG_TRUNC = 0x20;
  private static final int MSG_NOSIGNAL = 0x4000;
  private static final int MSG_CMSG_CLOEXEC = 0x40000000;
  private static final int SHUT_RDWR = 2;

  private static final int SUN_PATH_OFFSET = 2;
  private static final int SUN_PATH_LENGTH = 108;

  // struct msghdr
  private static final int MSG_IOV_OFFSET = 16;
  private static final int MSG_IOVLEN_OFFSET = 24;
  private static final int MSG_CONTROL_OFFSET = 32;
  private static final int MSG_CONTROLLEN_OFFSET = 40;
  private static final int MSG_FLAGS_OFFSET = 48;
  private static final int MSG_LENGTH = 56;

  // struct iovec, behind it
  private static final int IOV_BASE_OFFSET = MSG_LENGTH;
  private static final int IOV_LEN_OFFSET = IOV_BASE_OFFSET + Long.BYTES;

  // struct cmsghdr, behind that
  private static final int CMSG_OFFSET = IOV_LEN_OFFSET + Long.BYTES;
  private static final int CMSG_LEN_OFFSET = CMSG_OFFSET;
  private static final int CMSG_LEVEL_OFFSET = CMSG_LEN_OFFSET + Long.BYTES;
  private static final int CMSG_TYPE_OFFSET = CMSG_LEVEL_OFFSET + Integer.BYTES;
  private static final int CMSG_DATA_OFFSET = CMSG_TYPE_OFFSET + Integer.BYTES;
  private static final int CMSG_HEADER_LENGTH = CMSG_DATA_OFFSET - CMSG_OFFSET;
  private static final int CONTROL_LENGTH =
      align(CMSG_HEADER_LENGTH + MAX_DESCRIPTORS * Integer.BYTES);
  private static final int HEADER_LENGTH = CMSG_OFFSET + CONTROL_LENGTH;

  private final Fd fd;

  private SeqPacketSocket(final Fd fd) {
    this.fd = fd;
  }

  /**
   * One message that arrived.
   *
   * @param length bytes of it, {@link #END_OF_STREAM} if the other end is gone.
   * @param descriptors those it carried, now the receiver's to close.
   */
  public record Received(int length, List<Fd> descriptors) implements AutoCloseable {
    /** The {@link #length} that says that no message will ever arrive. */
    public static final int END_OF_STREAM = -1;

    /**
     * Whether the other end is gone.
     *
     * @return true if no message will ever arrive.
     */
    public boolean isEndOfStream() {
      return length == END_OF_STREAM;
    }

    /** Close the descriptors that are open still. */
    @Override
    public void close() {
      descriptors.forEach(Fd::close);
    }
  }

  /**
   * Connect to a listening socket.
   *
   * @param path of the socket, at most 107 bytes.
   * @return the connection.
   * @throws LinuxException ENOENT if there is no socket, ECONNREFUSED if nobody listens.
   */
  public static SeqPacketSocket connect(final String path) {
    final byte[] name = RawText.path(path);
    if (name.length > SUN_PATH_LENGTH) {
      throw new IllegalArgumentException(
          "the path of a socket has 107 bytes at most: " + path + " has " + (name.length - 1));
    }
    final int value = LIBC.socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (value < 0) {
      throw Kernel.failure("socket", "domain", "AF_UNIX", "type", "SOCK_SEQPACKET");
    }
    final Fd fd = Fd.owning(value);
    final UnsafeBuffer address = Scratch.buffer();
    address.putShort(0, (short) AF_UNIX);
    address.putBytes(SUN_PATH_OFFSET, name);
    while (LIBC.connect(value, address.addressOffset(), SUN_PATH_OFFSET + name.length) < 0) {
      if (!Kernel.wasInterrupted()) {
        final LinuxException failure = Kernel.failure("connect", "path", path);
        fd.close();
        throw failure;
      }
    }
    return new SeqPacketSocket(fd);
  }

  /**
   * Two sockets connected with each other.
   *
   * @return the two ends.
   * @throws LinuxException if they can not be made.
   */
  public static List<SeqPacketSocket> pair() {
    final UnsafeBuffer pair = Scratch.buffer();
    if (LIBC.socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.addressOffset()) < 0) {
      throw Kernel.failure("socketpair", "domain", "AF_UNIX", "type", "SOCK_SEQPACKET");
    }
    return List.of(
        new SeqPacketSocket(Fd.owning(pair.getInt(0))),
        new SeqPacketSocket(Fd.owning(pair.getInt(Integer.BYTES))));
  }

  /**
   * A connected socket that came from somewhere else.
   *
   * @param fd its descriptor, which belongs to the result from now on.
   * @return the connection.
   */
  public static SeqPacketSocket of(final Fd fd) {
    return new SeqPacketSocket(fd);
  }

  /**
   * The descriptor of the socket.
   *
   * @return a descriptor that belongs to this object.
   */
  public Fd fd() {
    return fd;
  }

  /**
   * Send one message, waiting while the other end's queue is full.
   *
   * @param buffer native memory (not a byte array) that holds the message.
   * @param offset of its first byte.
   * @param length bytes, at least 1 (an empty message looks like the end of the stream) and no more
   *     than the socket's send buffer.
   * @param descriptors to send along, at most {@link #MAX_DESCRIPTORS}; they stay the caller's.
   * @throws LinuxException EPIPE if the other end is gone, EMSGSIZE if the message is too long.
   */
  public void send(
      final DirectBuffer buffer, final int offset, final int length, final List<Fd> descriptors) {
    if (length < 1) {
      throw new IllegalArgumentException("a message has at least one byte: length=" + length);
    }
    if (descriptors.size() > MAX_DESCRIPTORS) {
      throw new IllegalArgumentException(
          descriptors.size() + " descriptors, a message carries " + MAX_DESCRIPTORS + " at most");
    }
    final UnsafeBuffer header = header(buffer, offset, length);
    if (!descriptors.isEmpty()) {
      final int controlLength = CMSG_HEADER_LENGTH + descriptors.size() * Integer.BYTES;
      header.putLong(MSG_CONTROLLEN_OFFSET, align(controlLength));
      header.putLong(CMSG_LEN_OFFSET, controlLength);
      header.putInt(CMSG_LEVEL_OFFSET, SOL_SOCKET);
      header.putInt(CMSG_TYPE_OFFSET, SCM_RIGHTS);
      for (int i = 0; i < descriptors.size(); i++) {
        header.putInt(CMSG_DATA_OFFSET + i * Integer.BYTES, descriptors.get(i).value());
      }
    }
    while (LIBC.sendmsg(fd.value(), header.addressOffset(), MSG_NOSIGNAL) < 0) {
      if (!Kernel.wasInterrupted()) {
        throw Kernel.failure(
            "sendmsg", "length", length, "descriptors", descriptors.size(), "fd", fd);
      }
    }
  }

  /**
   * Wait for one message.
   *
   * @param buffer native memory (not a byte array) for the message.
   * @param offset of its first byte.
   * @param capacity bytes the message may have.
   * @return the message, or the end of the stream, also when the other end closed without reading
   *     all it was sent.
   * @throws LinuxException EMSGSIZE if the message was longer than the buffer, ENOBUFS if not all
   *     of its descriptors could be taken (the limit of open files); the message is lost then, and
   *     none of its descriptors stays open.
   */
  public Received receive(final MutableDirectBuffer buffer, final int offset, final int capacity) {
    final UnsafeBuffer header = header(buffer, offset, capacity);
    header.putLong(MSG_CONTROLLEN_OFFSET, CONTROL_LENGTH);
    long length;
    while ((length = LIBC.recvmsg(fd.value(), header.addressOffset(), MSG_CMSG_CLOEXEC)) < 0) {
      if (Kernel.lastError() == Errno.ECONNRESET.number()) {
        return new Received(Received.END_OF_STREAM, List.of());
      }
      if (!Kernel.wasInterrupted()) {
        throw Kernel.failure("recvmsg", "fd", fd, "capacity", capacity);
      }
    }
    final List<Fd> descriptors = descriptors(header);
    final int flags = header.getInt(MSG_FLAGS_OFFSET);
    if ((flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
      descriptors.forEach(Fd::close);
      final Errno errno = (flags & MSG_TRUNC) != 0 ? Errno.EMSGSIZE : Errno.ENOBUFS;
      throw Kernel.failureOf(errno.number(), "recvmsg", "fd", fd, "capacity", capacity);
    }
    return new Received(length == 0 ? Received.END_OF_STREAM : (int) length, descriptors);
  }

  /**
   * End the connection in both directions. A thread that waits for a message gets the end of the
   * stream. Harmless if the other end is gone.
   */
  public void shutdown() {
    if (LIBC.shutdown(fd.value(), SHUT_RDWR) < 0 && Kernel.lastError() != Errno.ENOTCONN.number()) {
      throw Kernel.failure("shutdown", "fd", fd);
    }
  }

  /**
   * Who is at the other end.
   *
   * @return its process and user when it connected or listened.
   * @throws LinuxException if it can not be told.
   */
  public PeerCredentials peer() {
    return PeerCredentials.of(fd.value());
  }

  /** Close the socket. Only the first call does something. */
  @Override
  public void close() {
    fd.close();
  }

  /** A msghdr with one iovec, and room for the control data behind it. */
  private static UnsafeBuffer header(
      final DirectBuffer buffer, final int offset, final int length) {
    buffer.boundsCheck(offset, length);
    if (buffer.byteArray() != null) {
      throw new IllegalArgumentException("the message must be in native memory");
    }
    final UnsafeBuffer header = Scratch.zeroed(HEADER_LENGTH);
    final long address = header.addressOffset();
    header.putLong(MSG_IOV_OFFSET, address + IOV_BASE_OFFSET);
    header.putLong(MSG_IOVLEN_OFFSET, 1);
    header.putLong(MSG_CONTROL_OFFSET, address + CMSG_OFFSET);
    header.putLong(IOV_BASE_OFFSET, buffer.addressOffset() + offset);
    header.putLong(IOV_LEN_OFFSET, length);
    return header;
  }

  private static List<Fd> descriptors(final UnsafeBuffer header) {
    if (header.getLong(MSG_CONTROLLEN_OFFSET) < CMSG_HEADER_LENGTH
        || header.getInt(CMSG_LEVEL_OFFSET) != SOL_SOCKET
        || header.getInt(CMSG_TYPE_OFFSET) != SCM_RIGHTS) {
      return List.of();
    }
    final int count = (int) (header.getLong(CMSG_LEN_OFFSET) - CMSG_HEADER_LENGTH) / Integer.BYTES;
    final List<Fd> descriptors = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      descriptors.add(Fd.owning(header.getInt(CMSG_DATA_OFFSET + i * Integer.BYTES)));
    }
    return descriptors;
  }

  private static int align(final int length) {
    return (length + Long.BYTES - 1) & -Long.BYTES;
  }
}
