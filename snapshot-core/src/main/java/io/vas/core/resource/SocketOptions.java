package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import io.vas.core.image.SocketImage;
import io.vas.core.image.SocketOptionImage;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.ProgramResults;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/** The options of sockets that come back in a fork: those that differ from a new socket's. */
final class SocketOptions {
  static final int SOL_SOCKET = 1;
  static final int SO_REUSEADDR = 2;
  static final int SO_ERROR = 4;
  static final int SO_LINGER = 13;
  static final int SO_PASSCRED = 16;
  static final int SO_PEEK_OFF = 42;
  static final int SOL_TCP = 6;

  private static final int SO_SNDBUF = 7;
  private static final int SO_RCVBUF = 8;
  private static final int SO_SNDBUFFORCE = 32;
  private static final int SO_RCVBUFFORCE = 33;
  private static final int SO_BUF_LOCK = 72;
  private static final int SNDBUF_LOCKED = 1;
  private static final int RCVBUF_LOCKED = 2;
  private static final int TCP_MAXSEG = 2;
  private static final int IPV6_V6ONLY = 26;
  private static final int IP_FREEBIND = 15;
  private static final int IPV6_FREEBIND = 78;
  private static final int TCP_CONGESTION = 13;
  private static final int AF_INET = 2;
  private static final int AF_INET6 = 10;
  private static final int UDP = 17;

  /** Which sockets have an option, by its level. */
  private static final int LEVEL_IP = 0;

  private static final int LEVEL_IPV6 = 41;
  private static final int LEVEL_UDP = 17;

  /** IP_MULTICAST_TTL, IP_MULTICAST_LOOP */
  private static final Set<Integer> IP_MULTICAST = Set.of(33, 34);

  /** IPV6_MULTICAST_HOPS, IPV6_MULTICAST_LOOP, IPV6_MULTICAST_ALL */
  private static final Set<Integer> IPV6_MULTICAST = Set.of(18, 19, 29);

  /**
   * An option.
   *
   * @param initial the value that a new socket has; longer values are zeros first.
   */
  private record Option(int level, int name, int length, int initial) {
    String title() {
      return "socket option " + level + "/" + name;
    }

    /** What a connection has by itself: the largest segment, and IPV6_V6ONLY by its addresses. */
    boolean comesFromConnection() {
      return (level == SOL_TCP && name == TCP_MAXSEG)
          || (level == LEVEL_IPV6 && name == IPV6_V6ONLY);
    }

    boolean isOf(final int family, final int protocol) {
      final boolean internet = family == AF_INET || family == AF_INET6;
      return switch (level) {
        case LEVEL_IP -> internet && (protocol == UDP || !IP_MULTICAST.contains(name));
        case LEVEL_IPV6 ->
            family == AF_INET6 && (protocol == UDP || !IPV6_MULTICAST.contains(name));
        case SOL_TCP -> internet && protocol == SOL_TCP;
        case LEVEL_UDP -> internet && protocol == UDP;
        default -> true;
      };
    }
  }

  private static final List<Option> OPTIONS = new ArrayList<>();

  private static void add(final int level, final int initial, final int... names) {
    for (final int name : names) {
      OPTIONS.add(new Option(level, name, Integer.BYTES, initial));
    }
  }

  static {
    // SO_REUSEADDR, SO_DONTROUTE, SO_BROADCAST, SO_KEEPALIVE, SO_OOBINLINE, SO_NO_CHECK,
    // SO_REUSEPORT,
    // SO_PASSCRED, SO_TIMESTAMP, SO_PASSSEC, SO_TIMESTAMPNS, SO_MARK, SO_RXQ_OVFL, SO_WIFI_STATUS,
    // SO_NOFCS, SO_SELECT_ERR_QUEUE, SO_BUSY_POLL, SO_ZEROCOPY, SO_PREFER_BUSY_POLL, SO_PASSPIDFD,
    // SO_RCVMARK, SO_RCVPRIORITY
    add(SOL_SOCKET, 0, SO_REUSEADDR, 5, 6, 9, 10, 11, 15, SO_PASSCRED, 29, 34, 35, 36, 40, 41, 43);
    add(SOL_SOCKET, 0, 45, 46, 60, 69, 75, 76, 82);
    // SO_RCVLOWAT, SO_PASSRIGHTS; SO_INCOMING_CPU
    add(SOL_SOCKET, 1, 18, 83);
    add(SOL_SOCKET, -1, 49);
    OPTIONS.add(new Option(SOL_SOCKET, SO_LINGER, 8, 0));
    // SO_RCVTIMEO, SO_SNDTIMEO, SO_BINDTODEVICE, SO_TIMESTAMPING, SO_TXTIME
    OPTIONS.add(new Option(SOL_SOCKET, 20, 16, 0));
    OPTIONS.add(new Option(SOL_SOCKET, 21, 16, 0));
    OPTIONS.add(new Option(SOL_SOCKET, 25, 16, 0));
    OPTIONS.add(new Option(SOL_SOCKET, 37, 8, 0));
    OPTIONS.add(new Option(SOL_SOCKET, 61, 8, 0));
    // IP_TOS, IP_RECVOPTS, IP_RETOPTS, IP_PKTINFO, IP_RECVERR, IP_RECVTTL, IP_RECVTOS, IP_FREEBIND,
    // IP_PASSSEC, IP_TRANSPARENT, IP_RECVORIGDSTADDR, IP_MINTTL, IP_NODEFRAG, IP_CHECKSUM,
    // IP_BIND_ADDRESS_NO_PORT, IP_RECVFRAGSIZE, IP_RECVERR_RFC4884, IP_UNICAST_IF,
    // IP_LOCAL_PORT_RANGE
    add(LEVEL_IP, 0, 1, 6, 7, 8, 11, 12, 13, 15, 18, 19, 20, 21, 22, 23, 24, 25, 26, 50, 51);
    // IP_TTL; IP_MTU_DISCOVER, IP_MULTICAST_TTL, IP_MULTICAST_LOOP
    add(LEVEL_IP, 64, 2);
    add(LEVEL_IP, 1, 10, 33, 34);
    // After IP_TOS, which sets it: SO_PRIORITY
    add(SOL_SOCKET, 0, 12);
    // IPV6_RECVERR, IPV6_V6ONLY, IPV6_RECVERR_RFC4884, IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT,
    // IPV6_RECVHOPOPTS, IPV6_RECVRTHDR, IPV6_RECVDSTOPTS, IPV6_RECVPATHMTU, IPV6_DONTFRAG,
    // IPV6_RECVTCLASS, IPV6_TCLASS, IPV6_MINHOPCOUNT, IPV6_RECVORIGDSTADDR, IPV6_TRANSPARENT,
    // IPV6_UNICAST_IF, IPV6_RECVFRAGSIZE, IPV6_FREEBIND
    add(LEVEL_IPV6, 0, 25, 26, 31, 49, 51, 53, 56, 58, 60, 62, 66, 67, 73, 74, 75, 76, 77, 78);
    // IPV6_UNICAST_HOPS; IPV6_MULTICAST_HOPS, IPV6_MULTICAST_LOOP, IPV6_MTU_DISCOVER,
    // IPV6_MULTICAST_ALL, IPV6_AUTOFLOWLABEL
    add(LEVEL_IPV6, 64, 16);
    add(LEVEL_IPV6, 1, 18, 19, 23, 29, 70);
    // TCP_NODELAY, TCP_CORK, TCP_DEFER_ACCEPT, TCP_THIN_LINEAR_TIMEOUTS, TCP_USER_TIMEOUT,
    // TCP_FASTOPEN, TCP_NOTSENT_LOWAT, TCP_SAVE_SYN, TCP_FASTOPEN_CONNECT, TCP_FASTOPEN_NO_COOKIE,
    // TCP_INQ, TCP_TX_DELAY
    add(SOL_TCP, 0, 1, 3, 9, 16, 18, 23, 25, 27, 30, 34, 36, 37);
    // TCP_MAXSEG, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT, TCP_LINGER2
    add(SOL_TCP, 536, TCP_MAXSEG);
    add(SOL_TCP, 7200, 4);
    add(SOL_TCP, 75, 5);
    add(SOL_TCP, 9, 6);
    add(SOL_TCP, 6, 7);
    add(SOL_TCP, 60, 8);
    // Its initial value is the host's choice, so it is always set.
    OPTIONS.add(new Option(SOL_TCP, TCP_CONGESTION, 16, -1));
    // UDP_NO_CHECK6_TX, UDP_NO_CHECK6_RX, UDP_SEGMENT, UDP_GRO
    add(LEVEL_UDP, 0, 101, 102, 103, 104);
  }

  private SocketOptions() {}

  /** Asks for an option; what it is will be in the data of that name. */
  static void get(
      final ProgramBuilder program,
      final Value descriptor,
      final String name,
      final int level,
      final int option,
      final int length) {
    final byte[] room = new byte[Integer.BYTES];
    new UnsafeBuffer(room).putInt(0, length, LITTLE_ENDIAN);
    program.callAny(
        name,
        SystemCall.GETSOCKOPT,
        descriptor,
        level,
        option,
        program.data(name, length),
        program.data(name + " length", room));
  }

  /** Asks for all options that a socket of this family and protocol can have. */
  static void plan(
      final ProgramBuilder program,
      final Value descriptor,
      final Value family,
      final Value protocol) {
    final long[] internet = {AF_INET, AF_INET6};
    planLevel(SOL_SOCKET, program, descriptor);
    for (final int option : new int[] {SO_SNDBUF, SO_RCVBUF, SO_BUF_LOCK, SO_PEEK_OFF}) {
      get(program, descriptor, titleOf(option), SOL_SOCKET, option, Integer.BYTES);
    }
    Branch.ifAny(program, descriptor, family, internet, (p, d) -> planLevel(LEVEL_IP, p, d));
    Branch.ifAny(
        program, descriptor, family, new long[] {AF_INET6}, (p, d) -> planLevel(LEVEL_IPV6, p, d));
    Branch.ifAny(
        program, descriptor, protocol, new long[] {SOL_TCP}, (p, d) -> planLevel(SOL_TCP, p, d));
    Branch.ifAny(
        program, descriptor, protocol, new long[] {UDP}, (p, d) -> planLevel(LEVEL_UDP, p, d));
  }

  private static void planLevel(
      final int level, final ProgramBuilder program, final Value descriptor) {
    for (final Option option : OPTIONS) {
      if (option.level() == level) {
        get(program, descriptor, option.title(), level, option.name(), option.length());
      }
    }
  }

  private static String titleOf(final int option) {
    return "socket option " + SOL_SOCKET + "/" + option;
  }

  /** The options that a new socket would not have. */
  static List<SocketOptionImage> capture(
      final ProgramResults results, final int family, final int protocol, final boolean connected) {
    final List<SocketOptionImage> images = new ArrayList<>();
    // Sizes that were not set explicitly grow and shrink by themselves.
    final int locked = results.data(titleOf(SO_BUF_LOCK)).getInt(0, LITTLE_ENDIAN);
    if ((locked & SNDBUF_LOCKED) != 0) {
      images.add(half(SO_SNDBUFFORCE, results.data(titleOf(SO_SNDBUF))));
    }
    if ((locked & RCVBUF_LOCKED) != 0) {
      images.add(half(SO_RCVBUFFORCE, results.data(titleOf(SO_RCVBUF))));
    }
    for (final Option option : OPTIONS) {
      if (option.isOf(family, protocol)
          && !results.failed(option.title())
          && !(connected && option.comesFromConnection())) {
        final DirectBuffer value = results.data(option.title());
        final int length =
            Math.min(
                results.data(option.title() + " length").getInt(0, LITTLE_ENDIAN), option.length());
        if (!isInitial(value, length, option.initial())) {
          images.add(image(option.level(), option.name(), value, length));
        }
      }
    }
    return images;
  }

  /** The kernel doubles what it is told, and tells the double. */
  private static SocketOptionImage half(final int name, final DirectBuffer value) {
    final UnsafeBuffer half = new UnsafeBuffer(new byte[Integer.BYTES]);
    half.putInt(0, value.getInt(0, LITTLE_ENDIAN) / 2, LITTLE_ENDIAN);
    return image(SOL_SOCKET, name, half, Integer.BYTES);
  }

  private static SocketOptionImage image(
      final int level, final int name, final DirectBuffer value, final int length) {
    return SocketOptionImage.newBuilder()
        .setLevel(level)
        .setName(name)
        .setValue(OpenFiles.copyOf(value, 0, length))
        .build();
  }

  private static boolean isInitial(final DirectBuffer value, final int length, final int initial) {
    if (length == Integer.BYTES) {
      return value.getInt(0, LITTLE_ENDIAN) == initial;
    }
    if (initial != 0) {
      return false;
    }
    for (int i = 0; i < length; i++) {
      if (value.getByte(i) != 0) {
        return false;
      }
    }
    return true;
  }

  /** An option's value as an int, 0 if the socket has the one that a new socket has. */
  static int valueOf(final SocketImage socket, final int level, final int name) {
    return socket.getOptionsList().stream()
        .filter(o -> o.getLevel() == level && o.getName() == name)
        .mapToInt(o -> new UnsafeBuffer(o.getValue().toByteArray()).getInt(0, LITTLE_ENDIAN))
        .findFirst()
        .orElse(0);
  }

  /** Sets the options of a new socket. */
  static void restore(
      final SocketImage socket, final int descriptor, final DescriptorRestore restore) {
    for (final SocketOptionImage option : socket.getOptionsList()) {
      set(option.getLevel(), option.getName(), option.getValue(), descriptor, "", restore);
    }
  }

  /**
   * Binds an internet socket to its address, also where that is not there: in a fork, to which
   * nobody has given the device that the address belongs to.
   */
  static void bind(
      final SocketImage socket, final int descriptor, final DescriptorRestore restore) {
    final InetAddress host = SocketAddress.of(socket.getLocal()).host();
    final boolean isEverywhere = host.isAnyLocalAddress() || host.isLoopbackAddress();
    final int level = socket.getFamily() == AF_INET ? LEVEL_IP : LEVEL_IPV6;
    final int name = socket.getFamily() == AF_INET ? IP_FREEBIND : IPV6_FREEBIND;
    if (!isEverywhere) {
      set(level, name, 1, descriptor, " to bind", restore);
    }
    final ProgramBuilder program = restore.program();
    program.call(
        restore.name("bind"),
        SystemCall.BIND,
        descriptor,
        program.data(socket.getLocal().toByteArray()),
        socket.getLocal().size());
    if (!isEverywhere) {
      set(level, name, valueOf(socket, level, name), descriptor, " as it was", restore);
    }
  }

  /** Sets one option to a number. */
  static void set(
      final int level,
      final int name,
      final int value,
      final int descriptor,
      final String when,
      final DescriptorRestore restore) {
    final UnsafeBuffer buffer = new UnsafeBuffer(new byte[Integer.BYTES]);
    buffer.putInt(0, value, LITTLE_ENDIAN);
    set(level, name, ByteString.copyFrom(buffer.byteArray()), descriptor, when, restore);
  }

  private static void set(
      final int level,
      final int name,
      final ByteString value,
      final int descriptor,
      final String when,
      final DescriptorRestore restore) {
    final ProgramBuilder program = restore.program();
    final Data data = program.data(value.toByteArray());
    program.call(
        restore.name("option " + level + "/" + name + " of " + descriptor + when),
        SystemCall.SETSOCKOPT,
        descriptor,
        level,
        name,
        data,
        value.size());
  }
}
