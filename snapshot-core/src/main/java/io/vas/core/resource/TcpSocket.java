package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.O_CLOEXEC;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.VasException;
import io.vas.core.image.FileImage;
import io.vas.core.image.Image;
import io.vas.core.image.TcpSocketImage;
import io.vas.core.image.TcpSocketImage.State;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.IntUnaryOperator;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * TCP sockets, IPv4 and IPv6.
 *
 * <p>A connection between two sockets of the instance comes back with what was on its way. Any
 * other comes back reset, as if the other end had failed: one to a visitor or to another machine,
 * and one that was not accepted yet. The instance that is snapshotted keeps its own.
 */
public final class TcpSocket implements DescriptorResource {
  private static final String KIND = "tcp socket";
  private static final int SOCK_STREAM = 1;
  private static final int SHUT_RD = 0;
  private static final int SHUT_WR = 1;
  private static final int MSG_DONTWAIT = 0x40;

  private static final int TCP_ESTABLISHED = 1;
  private static final int TCP_FIN_WAIT1 = 4;
  private static final int TCP_FIN_WAIT2 = 5;
  private static final int TCP_CLOSE = 7;
  private static final int TCP_CLOSE_WAIT = 8;
  private static final int TCP_LAST_ACK = 9;
  private static final int TCP_LISTEN = 10;
  private static final int TCP_CLOSING = 11;

  private static final int TCPI_STATE_OFFSET = 0;
  private static final int TCPI_BACKLOG_OFFSET = 28;
  private static final int TCPI_BYTES_RECEIVED_OFFSET = 128;
  private static final int TCPI_NOTSENT_BYTES_OFFSET = 144;
  private static final int TCPI_BYTES_SENT_OFFSET = 200;
  private static final int TCPI_BYTES_RETRANS_OFFSET = 208;

  /** The kind. */
  public TcpSocket() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return isTcp(descriptor);
  }

  private static boolean isTcp(final DescriptorRecord descriptor) {
    return SocketFacts.is(descriptor, SocketAddress.AF_INET, SocketOptions.SOL_TCP)
        || SocketFacts.is(descriptor, SocketAddress.AF_INET6, SocketOptions.SOL_TCP);
  }

  @Override
  public void plan(final PlanBuilder plan) {
    SocketFacts.plan(plan);
  }

  @Override
  public TcpSocketImage capture(final DescriptorRecord descriptor, final CaptureContext context) {
    final SocketFacts facts = SocketFacts.of(descriptor).orElseThrow();
    final TcpSocketImage.Builder image =
        TcpSocketImage.newBuilder().setSocket(facts.capture(context, kind()));
    final int state = stateOf(facts);
    final boolean receivesNoMore = (facts.ready() & SocketFacts.POLLRDHUP) != 0;
    if (state == TCP_LISTEN) {
      image
          .setState(State.LISTENING)
          .setBacklog(facts.tcpInfo().getInt(TCPI_BACKLOG_OFFSET, LITTLE_ENDIAN));
    } else if (state == TCP_CLOSE && !receivesNoMore) {
      image.setState(State.UNCONNECTED);
    } else {
      final Optional<DescriptorRecord> peer = peerOf(descriptor, facts);
      if (peer.isPresent()) {
        captureConnection(descriptor, facts, peer.get(), image, context);
      } else {
        image.setState(State.RESET).setErrorTold(state == TCP_CLOSE && !facts.hasError());
      }
    }
    return image.build();
  }

  private static int stateOf(final SocketFacts facts) {
    return facts.tcpInfo().getByte(TCPI_STATE_OFFSET);
  }

  private static Optional<DescriptorRecord> peerOf(
      final DescriptorRecord descriptor, final SocketFacts facts) {
    if (!facts.isConnected()) {
      return Optional.empty();
    }
    final SocketAddress local = SocketAddress.of(facts.local());
    final SocketAddress remote = SocketAddress.of(facts.remote());
    return descriptor.process().descriptors().stream()
        .filter(d -> d.file() != descriptor.file() && isTcp(d))
        .filter(
            d -> {
              final SocketFacts other = SocketFacts.of(d).orElseThrow();
              return other.isConnected()
                  && SocketAddress.of(other.local()).equals(remote)
                  && SocketAddress.of(other.remote()).equals(local);
            })
        .findFirst();
  }

  private void captureConnection(
      final DescriptorRecord descriptor,
      final SocketFacts facts,
      final DescriptorRecord peer,
      final TcpSocketImage.Builder image,
      final CaptureContext context) {
    final int state = stateOf(facts);
    final DirectBuffer mine = facts.tcpInfo();
    final DirectBuffer others = SocketFacts.of(peer).orElseThrow().tcpInfo();
    final long sent =
        mine.getLong(TCPI_BYTES_SENT_OFFSET, LITTLE_ENDIAN)
            - mine.getLong(TCPI_BYTES_RETRANS_OFFSET, LITTLE_ENDIAN);
    final long arrived = others.getLong(TCPI_BYTES_RECEIVED_OFFSET, LITTLE_ENDIAN);
    // The end of the stream counts as one more.
    if (mine.getInt(TCPI_NOTSENT_BYTES_OFFSET, LITTLE_ENDIAN) != 0
        || (arrived != sent && arrived != sent + 1)) {
      throw context.unsupported(
          descriptor,
          kind(),
          "it is connected to descriptor "
              + peer.number()
              + ", and what was sent has not all arrived there yet");
    }
    final boolean writeShut =
        state == TCP_FIN_WAIT1
            || state == TCP_FIN_WAIT2
            || state == TCP_CLOSING
            || state == TCP_LAST_ACK;
    final ByteString unread = unreadOf(facts);
    if (unread.size() != facts.unreadBytes()
        || !(writeShut || state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT)) {
      throw context.unsupported(
          descriptor,
          kind(),
          "its connection to descriptor " + peer.number() + " is in state " + state);
    }
    image
        .setState(State.CONNECTED)
        .setPeer(peer.file())
        .setUnread(unread)
        .setWriteShut(writeShut)
        .setReadShut(
            (facts.ready() & SocketFacts.POLLRDHUP) != 0
                && (state == TCP_ESTABLISHED || state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2));
  }

  private static ByteString unreadOf(final SocketFacts facts) {
    ByteString unread = ByteString.EMPTY;
    for (final RecordedMessage message : facts.messages()) {
      unread = unread.concat(OpenFiles.copyOf(message.data()));
    }
    return unread;
  }

  @Override
  public boolean namesOthers() {
    return true;
  }

  @Override
  public ByteString withOthers(final ByteString state, final IntUnaryOperator ids)
      throws InvalidProtocolBufferException {
    final TcpSocketImage image = TcpSocketImage.parseFrom(state);
    return image.getState() == State.CONNECTED
        ? image.toBuilder().setPeer(ids.applyAsInt(image.getPeer())).build().toByteString()
        : state;
  }

  @Override
  public boolean mend(final ByteString before, final ByteString now, final DescriptorMend mend)
      throws InvalidProtocolBufferException {
    return withoutInode(before).equals(withoutInode(now));
  }

  /** Peers are named by the ids of files. */
  private static TcpSocketImage withoutInode(final ByteString state)
      throws InvalidProtocolBufferException {
    final TcpSocketImage image = TcpSocketImage.parseFrom(state);
    return image.toBuilder().setSocket(image.getSocket().toBuilder().clearInode()).build();
  }

  @Override
  public boolean isConnectedOutside(final ByteString state) throws InvalidProtocolBufferException {
    return TcpSocketImage.parseFrom(state).getState() == State.RESET;
  }

  /** A connection that lingers would have its port when it is made again. */
  @Override
  public void prepareClose(final int number, final ProgramBuilder program) {
    final UnsafeBuffer atOnce = new UnsafeBuffer(new byte[2 * Integer.BYTES]);
    atOnce.putInt(0, 1, LITTLE_ENDIAN);
    program.callAny(
        "reset descriptor " + number,
        SystemCall.SETSOCKOPT,
        number,
        SocketOptions.SOL_SOCKET,
        SocketOptions.SO_LINGER,
        program.data(atOnce.byteArray()),
        atOnce.capacity());
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final TcpSocketImage image = TcpSocketImage.parseFrom(state);
    final int number = restore.descriptor();
    switch (image.getState()) {
      case CONNECTED -> {
        final TcpSocketImage peer = imageOf(image.getPeer(), restore);
        connectWithin(image, peer, restore);
        restore.claim(image.getPeer());
        SocketOptions.restore(peer.getSocket(), restore.descriptor(image.getPeer()), restore);
        OpenFiles.setFlags(
            restore, restore.descriptor(image.getPeer()), peer.getSocket().getFlags());
      }
      case RESET -> makeReset(image, restore);
      default ->
          restore.place(
              socket("socket", image.getSocket().getFamily(), restore.program(), restore));
    }
    SocketOptions.restore(image.getSocket(), number, restore);
    OpenFiles.setFlags(restore, image.getSocket().getFlags());
    if (isBound(image) && image.getState() != State.CONNECTED) {
      // Connections of the instance may have the same port.
      reuseAddress(1, number, " to bind", restore);
      SocketOptions.bind(image.getSocket(), number, restore);
    }
  }

  /**
   * The ports of a snapshot's sockets.
   *
   * @param image the snapshot.
   * @return those that sockets are bound to in a fork, connected ones included.
   * @throws VasException if the image is damaged.
   */
  public static Set<Integer> boundPorts(final Image image) {
    final Set<Integer> ports = new TreeSet<>();
    try {
      for (final FileImage file : image.getFilesList()) {
        if (file.getKind().equals(KIND)) {
          final TcpSocketImage socket = TcpSocketImage.parseFrom(file.getState());
          if (isBound(socket)) {
            ports.add(SocketAddress.of(socket.getSocket().getLocal()).port());
          }
        }
      }
      return ports;
    } catch (final InvalidProtocolBufferException e) {
      throw new VasException("the snapshot's image is damaged", e);
    }
  }

  /** Listening comes last: a port on which a socket listens is not given to others. */
  @Override
  public void complete(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final TcpSocketImage image = TcpSocketImage.parseFrom(state);
    if (image.getState() == State.LISTENING) {
      restore
          .program()
          .call(
              restore.name("listen"), SystemCall.LISTEN, restore.descriptor(), image.getBacklog());
    }
    if (isBound(image)) {
      reuseAddress(
          SocketOptions.valueOf(
              image.getSocket(), SocketOptions.SOL_SOCKET, SocketOptions.SO_REUSEADDR),
          restore.descriptor(),
          " as it was",
          restore);
    }
  }

  private static boolean isBound(final TcpSocketImage image) {
    return image.getState() != State.RESET
        && SocketAddress.of(image.getSocket().getLocal()).port() != 0;
  }

  private static void reuseAddress(
      final int value, final int descriptor, final String when, final DescriptorRestore restore) {
    SocketOptions.set(
        SocketOptions.SOL_SOCKET, SocketOptions.SO_REUSEADDR, value, descriptor, when, restore);
  }

  private static TcpSocketImage imageOf(final int id, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    for (final FileImage file : restore.image().getFilesList()) {
      if (file.getId() == id) {
        return TcpSocketImage.parseFrom(file.getState());
      }
    }
    throw new IllegalArgumentException("the image has no file " + id);
  }

  private static Result socket(
      final String step,
      final int family,
      final ProgramBuilder program,
      final DescriptorRestore restore) {
    return program.call(restore.name(step), SystemCall.SOCKET, family, SOCK_STREAM | O_CLOEXEC, 0);
  }

  private static void call(
      final String step,
      final int call,
      final Value descriptor,
      final ByteString address,
      final DescriptorRestore restore) {
    restore
        .program()
        .call(
            restore.name(step),
            call,
            descriptor,
            restore.program().data(address.toByteArray()),
            address.size());
  }

  /** Connects two new sockets with the addresses and contents of the former. */
  private static void connectWithin(
      final TcpSocketImage image, final TcpSocketImage peer, final DescriptorRestore restore) {
    final ProgramBuilder program = restore.program();
    final int number = restore.descriptor();
    final int peerNumber = restore.descriptor(image.getPeer());
    final Result listener = socket("listener", peer.getSocket().getFamily(), program, restore);
    final Data one = program.data(new byte[] {1, 0, 0, 0});
    program.call(
        restore.name("reuse listener's address"),
        SystemCall.SETSOCKOPT,
        listener,
        SocketOptions.SOL_SOCKET,
        SocketOptions.SO_REUSEADDR,
        one,
        Integer.BYTES);
    call("bind listener", SystemCall.BIND, listener, peer.getSocket().getLocal(), restore);
    program.call(restore.name("listen"), SystemCall.LISTEN, listener, 1);
    restore.place(socket("socket", image.getSocket().getFamily(), program, restore));
    reuseAddress(1, number, " to connect", restore);
    call("bind", SystemCall.BIND, Value.of(number), image.getSocket().getLocal(), restore);
    call("connect", SystemCall.CONNECT, Value.of(number), image.getSocket().getRemote(), restore);
    restore.place(
        image.getPeer(),
        program.call(restore.name("accept"), SystemCall.ACCEPT4, listener, 0, 0, O_CLOEXEC));
    program.call(restore.name("close listener"), SystemCall.CLOSE, listener);
    send("to the other end", number, peer.getUnread(), restore);
    send("from the other end", peerNumber, image.getUnread(), restore);
    shut("other end", peerNumber, peer, restore);
    shut("this end", number, image, restore);
  }

  private static void send(
      final String step,
      final int descriptor,
      final ByteString contents,
      final DescriptorRestore restore) {
    if (!contents.isEmpty()) {
      restore
          .program()
          .callExpecting(
              contents.size(),
              restore.name("send " + step),
              SystemCall.SENDTO,
              descriptor,
              restore.program().data(contents.toByteArray()),
              contents.size(),
              MSG_DONTWAIT,
              0,
              0);
    }
  }

  private static void shut(
      final String step,
      final int descriptor,
      final TcpSocketImage image,
      final DescriptorRestore restore) {
    if (image.getWriteShut()) {
      restore
          .program()
          .call(restore.name("shut writing of " + step), SystemCall.SHUTDOWN, descriptor, SHUT_WR);
    }
    if (image.getReadShut()) {
      restore
          .program()
          .call(restore.name("shut reading of " + step), SystemCall.SHUTDOWN, descriptor, SHUT_RD);
    }
  }

  /** Connects to a listener that goes away without having accepted, which resets the connection. */
  private static void makeReset(final TcpSocketImage image, final DescriptorRestore restore) {
    final ProgramBuilder program = restore.program();
    final int family = image.getSocket().getFamily();
    final Result listener = socket("listener", family, program, restore);
    // Listening binds it to a free port of all addresses, and so to the loopback's.
    program.call(restore.name("listen"), SystemCall.LISTEN, listener, 1);
    final int length = image.getSocket().getLocal().size();
    final Data address = program.data(new byte[length]);
    final byte[] room = {(byte) length, 0, 0, 0};
    program.call(
        restore.name("getsockname"), SystemCall.GETSOCKNAME, listener, address, program.data(room));
    restore.place(socket("socket", family, program, restore));
    program.call(
        restore.name("connect"), SystemCall.CONNECT, restore.descriptor(), address, length);
    program.call(restore.name("close listener"), SystemCall.CLOSE, listener);
    if (image.getErrorTold()) {
      program.call(
          restore.name("take error"),
          SystemCall.GETSOCKOPT,
          restore.descriptor(),
          SocketOptions.SOL_SOCKET,
          SocketOptions.SO_ERROR,
          program.data(new byte[Integer.BYTES]),
          program.data(new byte[] {Integer.BYTES, 0, 0, 0}));
    }
  }
}
