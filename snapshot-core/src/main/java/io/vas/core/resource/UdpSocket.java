package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.O_CLOEXEC;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.DatagramImage;
import io.vas.core.image.FileImage;
import io.vas.core.image.SocketImage;
import io.vas.core.image.UdpSocketImage;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.ProgramResults;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;

/**
 * UDP sockets, IPv4 and IPv6, with the datagrams that wait in them. An error that waits to be told
 * (of a port where nobody listens) is not there in a fork. An empty datagram can be looked at once
 * only: of two snapshots between which it was not received, the second does not hold it.
 */
public final class UdpSocket implements DescriptorResource {
  private static final int UDP = 17;
  private static final int SOCK_DGRAM = 2;
  private static final int UDP_CORK = 1;
  private static final int UDP_ENCAP = 100;
  private static final int SOL_IP = 0;
  private static final int IP_TRANSPARENT = 19;
  private static final int SOL_IPV6 = 41;
  private static final int IPV6_TRANSPARENT = 75;
  private static final int MSG_DONTWAIT = 0x40;

  /** The kind. */
  public UdpSocket() {}

  @Override
  public String kind() {
    return "udp socket";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return SocketFacts.is(descriptor, SocketAddress.AF_INET, UDP)
        || SocketFacts.is(descriptor, SocketAddress.AF_INET6, UDP);
  }

  @Override
  public void plan(final PlanBuilder plan) {
    SocketFacts.plan(plan);
    plan.descriptorRule(
        SocketFacts.LINK,
        (program, descriptor) -> {
          SocketOptions.get(program, descriptor, "udp cork", UDP, UDP_CORK, Integer.BYTES);
          SocketOptions.get(program, descriptor, "udp encap", UDP, UDP_ENCAP, Integer.BYTES);
        });
  }

  @Override
  public UdpSocketImage capture(final DescriptorRecord descriptor, final CaptureContext context) {
    final SocketFacts facts = SocketFacts.of(descriptor).orElseThrow();
    final ProgramResults results = descriptor.program(SocketFacts.LINK).orElseThrow();
    if (results.data("udp cork").getInt(0) != 0 || results.data("udp encap").getInt(0) != 0) {
      throw context.unsupported(
          descriptor, kind(), "it holds datagrams back, or unpacks them (UDP_CORK, UDP_ENCAP)");
    }
    final UdpSocketImage.Builder image =
        UdpSocketImage.newBuilder().setSocket(facts.capture(context, kind()));
    if (!facts.messagesAreKnown() && facts.unreadBytes() != 0) {
      throw context.unsupported(
          descriptor, kind(), "an error is pending before the datagrams that wait in it");
    }
    for (final RecordedMessage message : facts.messages()) {
      image.addQueue(
          DatagramImage.newBuilder()
              .setSender(OpenFiles.copyOf(message.name()))
              .setContents(OpenFiles.copyOf(message.data())));
    }
    return image.build();
  }

  @Override
  public boolean namesOthers() {
    return true; // by an inode
  }

  @Override
  public boolean mend(final ByteString before, final ByteString now, final DescriptorMend mend)
      throws InvalidProtocolBufferException {
    return withoutInode(before).equals(withoutInode(now));
  }

  private static UdpSocketImage withoutInode(final ByteString state)
      throws InvalidProtocolBufferException {
    final UdpSocketImage image = UdpSocketImage.parseFrom(state);
    return image.toBuilder().setSocket(image.getSocket().toBuilder().clearInode()).build();
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final SocketImage socket = UdpSocketImage.parseFrom(state).getSocket();
    restore.place(
        restore
            .program()
            .call(
                restore.name("socket"),
                SystemCall.SOCKET,
                socket.getFamily(),
                SOCK_DGRAM | O_CLOEXEC,
                0));
    SocketOptions.restore(socket, restore.descriptor(), restore);
    OpenFiles.setFlags(restore, socket.getFlags());
    if (SocketAddress.of(socket.getLocal()).port() != 0) {
      SocketOptions.bind(socket, restore.descriptor(), restore);
    }
  }

  /** When all are bound, what was queued is sent again, by the sockets that sent it if they can. */
  @Override
  public void complete(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final UdpSocketImage image = UdpSocketImage.parseFrom(state);
    final SocketImage socket = image.getSocket();
    for (int i = 0; i < image.getQueueCount(); i++) {
      send("datagram " + i, image.getQueue(i), socket, restore);
    }
    if (!socket.getRemote().isEmpty()) {
      call(
          "connect",
          SystemCall.CONNECT,
          Value.of(restore.descriptor()),
          socket.getRemote(),
          restore);
    }
  }

  private void send(
      final String step,
      final DatagramImage datagram,
      final SocketImage receiver,
      final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final ProgramBuilder program = restore.program();
    for (final FileImage file : restore.image().getFilesList()) {
      if (file.getKind().equals(kind())) {
        final SocketImage socket = UdpSocketImage.parseFrom(file.getState()).getSocket();
        if (SocketAddress.of(socket.getLocal()).covers(SocketAddress.of(datagram.getSender()))) {
          final Value sender = Value.of(restore.descriptor(file.getId()));
          sendFrom(step, sender, socket.getFamily(), datagram, receiver, restore);
          return;
        }
      }
    }
    final int family = receiver.getFamily();
    final Result stranger =
        program.call(
            restore.name(step + ": socket"), SystemCall.SOCKET, family, SOCK_DGRAM | O_CLOEXEC, 0);
    // The sender may have been on another machine.
    final boolean isIpv4 = family == SocketAddress.AF_INET;
    program.call(
        restore.name(step + ": any address"),
        SystemCall.SETSOCKOPT,
        stranger,
        isIpv4 ? SOL_IP : SOL_IPV6,
        isIpv4 ? IP_TRANSPARENT : IPV6_TRANSPARENT,
        program.data(new byte[] {1, 0, 0, 0}),
        Integer.BYTES);
    call(step + ": bind", SystemCall.BIND, stranger, datagram.getSender(), restore);
    sendFrom(step, stranger, family, datagram, receiver, restore);
    program.call(restore.name(step + ": close"), SystemCall.CLOSE, stranger);
  }

  private static void sendFrom(
      final String step,
      final Value sender,
      final int senderFamily,
      final DatagramImage datagram,
      final SocketImage receiver,
      final DescriptorRestore restore) {
    final ProgramBuilder program = restore.program();
    final SocketAddress from = SocketAddress.of(datagram.getSender());
    final ByteString to =
        SocketAddress.of(receiver.getLocal()).reachableFrom(from).encode(senderFamily);
    program.callExpecting(
        datagram.getContents().size(),
        restore.name(step),
        SystemCall.SENDTO,
        sender,
        program.data(datagram.getContents().toByteArray()),
        datagram.getContents().size(),
        MSG_DONTWAIT,
        program.data(to.toByteArray()),
        to.size());
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
}
