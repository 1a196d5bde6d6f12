package io.vas.core.resource;

import static java.nio.ByteOrder.BIG_ENDIAN;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * An address of an IPv4 or IPv6 socket, with IPv4 addresses in IPv6 form as plain IPv4.
 *
 * @param host what it belongs to.
 * @param port 0 if it is not bound.
 */
record SocketAddress(InetAddress host, int port) {
  static final int AF_INET = 2;
  static final int AF_INET6 = 10;
  private static final int PORT_OFFSET = 2;
  private static final int IPV4_OFFSET = 4;
  private static final int IPV6_OFFSET = 8;
  private static final int IPV6_LENGTH = 28;

  static int familyOf(final ByteString bytes) {
    return bytes.byteAt(0) & 0xFF;
  }

  /** Reads a struct sockaddr_in or sockaddr_in6. */
  static SocketAddress of(final ByteString bytes) {
    final byte[] array = bytes.toByteArray();
    final UnsafeBuffer buffer = new UnsafeBuffer(array);
    final int port = buffer.getShort(PORT_OFFSET, BIG_ENDIAN) & 0xFFFF;
    final boolean isIpv4 = buffer.getShort(0, LITTLE_ENDIAN) == AF_INET;
    final int offset = isIpv4 ? IPV4_OFFSET : IPV6_OFFSET;
    try {
      return new SocketAddress(
          InetAddress.getByAddress(Arrays.copyOfRange(array, offset, offset + (isIpv4 ? 4 : 16))),
          port);
    } catch (final UnknownHostException e) {
      throw new IllegalArgumentException(e);
    }
  }

  /** The same address for a socket of the given family, as bytes. */
  static ByteString withHost(final ByteString address, final byte[] host) {
    final byte[] array = address.toByteArray();
    System.arraycopy(
        host, 0, array, array.length >= IPV6_LENGTH ? IPV6_OFFSET : IPV4_OFFSET, host.length);
    return ByteString.copyFrom(array);
  }

  /** Whether it stands for all addresses of the instance. */
  boolean isWildcard() {
    return host.isAnyLocalAddress();
  }

  /** Whether a socket bound to this address sends from the other. */
  boolean covers(final SocketAddress other) {
    return port == other.port && (isWildcard() || host.equals(other.host));
  }
}
