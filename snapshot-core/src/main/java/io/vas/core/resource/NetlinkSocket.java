package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.O_CLOEXEC;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.NetlinkSocketImage;
import io.vas.core.image.SocketImage;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.ProgramResults;
import io.vas.core.program.SystemCall;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/** Netlink sockets in which no message waits, with the groups that they listen to. */
public final class NetlinkSocket implements DescriptorResource {
  private static final int AF_NETLINK = 16;
  private static final int SOL_NETLINK = 270;
  private static final int NETLINK_ADD_MEMBERSHIP = 1;
  private static final int NETLINK_LIST_MEMBERSHIPS = 9;
  private static final int GROUPS_LENGTH = 64;

  /** The kind. */
  public NetlinkSocket() {}

  @Override
  public String kind() {
    return "netlink socket";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return SocketFacts.of(descriptor).filter(facts -> facts.family() == AF_NETLINK).isPresent();
  }

  @Override
  public void plan(final PlanBuilder plan) {
    SocketFacts.plan(plan);
    plan.descriptorRule(
        SocketFacts.LINK,
        (program, descriptor) ->
            SocketOptions.get(
                program,
                descriptor,
                "netlink groups",
                SOL_NETLINK,
                NETLINK_LIST_MEMBERSHIPS,
                GROUPS_LENGTH));
  }

  @Override
  public NetlinkSocketImage capture(
      final DescriptorRecord descriptor, final CaptureContext context) {
    final SocketFacts facts = SocketFacts.of(descriptor).orElseThrow();
    if (facts.ready() != 0) {
      throw context.unsupported(descriptor, kind(), "messages wait in it");
    }
    final NetlinkSocketImage.Builder image =
        NetlinkSocketImage.newBuilder().setSocket(facts.capture(context, kind()));
    final ProgramResults results = descriptor.program(SocketFacts.LINK).orElseThrow();
    final DirectBuffer groups = results.data("netlink groups");
    final int length =
        Math.min(results.data("netlink groups length").getInt(0, LITTLE_ENDIAN), groups.capacity());
    for (int bit = 0; bit < length * Byte.SIZE; bit++) {
      if ((groups.getByte(bit / Byte.SIZE) >> (bit % Byte.SIZE) & 1) != 0) {
        image.addGroups(bit + 1);
      }
    }
    return image.build();
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final NetlinkSocketImage image = NetlinkSocketImage.parseFrom(state);
    final SocketImage socket = image.getSocket();
    final ProgramBuilder program = restore.program();
    restore.place(
        program.call(
            restore.name("socket"),
            SystemCall.SOCKET,
            AF_NETLINK,
            socket.getType() | O_CLOEXEC,
            socket.getProtocol()));
    SocketOptions.restore(socket, restore.descriptor(), restore);
    OpenFiles.setFlags(restore, socket.getFlags());
    if (NetlinkAddress.portOf(socket.getLocal()) != 0) {
      program.call(
          restore.name("bind"),
          SystemCall.BIND,
          restore.descriptor(),
          program.data(NetlinkAddress.withoutGroups(socket.getLocal())),
          socket.getLocal().size());
    }
    for (final int group : image.getGroupsList()) {
      final UnsafeBuffer value = new UnsafeBuffer(new byte[Integer.BYTES]);
      value.putInt(0, group, LITTLE_ENDIAN);
      program.call(
          restore.name("group " + group),
          SystemCall.SETSOCKOPT,
          restore.descriptor(),
          SOL_NETLINK,
          NETLINK_ADD_MEMBERSHIP,
          program.data(value.byteArray()),
          Integer.BYTES);
    }
  }

  /** struct sockaddr_nl. */
  private static final class NetlinkAddress {
    private static final int PORT_OFFSET = 4;
    private static final int GROUPS_OFFSET = 8;

    static int portOf(final ByteString address) {
      return new UnsafeBuffer(address.toByteArray()).getInt(PORT_OFFSET, LITTLE_ENDIAN);
    }

    static byte[] withoutGroups(final ByteString address) {
      final byte[] array = address.toByteArray();
      new UnsafeBuffer(array).putInt(GROUPS_OFFSET, 0, LITTLE_ENDIAN);
      return array;
    }
  }
}
