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
  private static final int IPV4_LENGTH = 16;
  private static final int IPV6_LENGTH = 28;
  private static final int IPV6_BYTES = 16;
  private static final byte IPV4_LOOPBACK_NET = 127;
  private static final int MAPPED_PREFIX_OFFSET = 10;

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

  /** Where a socket bound to this address is reached: on the loopback, if it is bound to all. */
  SocketAddress reachableFrom(final SocketAddress other) {
    if (!isWildcard()) {
      return this;
    }
    final byte[] loopback = new byte[other.host.getAddress().length];
    loopback[loopback.length - 1] = 1;
    if (loopback.length != IPV6_BYTES) {
      loopback[0] = IPV4_LOOPBACK_NET;
    }
    try {
      return new SocketAddress(InetAddress.getByAddress(loopback), port);
    } catch (final UnknownHostException e) {
      throw new IllegalStateException(e);
    }
  }

  /** As a socket of a family takes it. */
  ByteString encode(final int family) {
    final UnsafeBuffer buffer =
        new UnsafeBuffer(new byte[family == AF_INET ? IPV4_LENGTH : IPV6_LENGTH]);
    buffer.putShort(0, (short) family, LITTLE_ENDIAN);
    buffer.putShort(PORT_OFFSET, (short) port, BIG_ENDIAN);
    final byte[] bytes = host.getAddress();
    if (family == AF_INET) {
      buffer.putBytes(IPV4_OFFSET, bytes);
    } else if (bytes.length == IPV6_BYTES) {
      buffer.putBytes(IPV6_OFFSET, bytes);
    } else {
      buffer.putShort(IPV6_OFFSET + MAPPED_PREFIX_OFFSET, (short) -1, LITTLE_ENDIAN);
      buffer.putBytes(IPV6_OFFSET + MAPPED_PREFIX_OFFSET + Short.BYTES, bytes);
    }
    return ByteString.copyFrom(buffer.byteArray());
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
