package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import io.vas.core.image.SocketImage;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.ProgramResults;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import java.util.List;
import java.util.Optional;
import org.agrona.DirectBuffer;

/**
 * What every socket is asked while its process is frozen. Nothing is taken out of it: messages are
 * looked at, and errors that wait to be told are left alone.
 */
final class SocketFacts {
  static final String LINK = "socket:";
  static final int POLLIN = 1;
  static final int POLLERR = 8;
  static final int POLLRDHUP = 0x2000;

  private static final int POLLHUP = 0x10;
  private static final int SO_TYPE = 3;
  private static final int SO_GET_FILTER = 26;
  private static final int SO_ACCEPTCONN = 30;
  private static final int SO_PROTOCOL = 38;
  private static final int SO_DOMAIN = 39;
  private static final int TCP_INFO = 11;
  private static final int TCP_INFO_LENGTH = 256;
  private static final int SIOCINQ = 0x541B;
  private static final int SIOCOUTQ = 0x5411;
  private static final int F_GETOWN = 9;
  private static final int MSG_PEEK = 2;
  private static final int MESSAGES_MAX = 1 << 20;
  private static final int ADDRESS_LENGTH = 128;
  private static final int POLLFD_LENGTH = 8;
  private static final int POLLFD_EVENTS_OFFSET = 4;
  private static final int POLLFD_REVENTS_OFFSET = 6;

  private final DescriptorRecord descriptor;
  private final ProgramResults results;

  private SocketFacts(final DescriptorRecord descriptor, final ProgramResults results) {
    this.descriptor = descriptor;
    this.results = results;
  }

  /** Adds the steps, once for all kinds of sockets. */
  static void plan(final PlanBuilder plan) {
    if (!plan.descriptorRules().containsKey(LINK)) {
      plan.descriptorRule(LINK, SocketFacts::plan);
    }
  }

  private static void plan(final ProgramBuilder program, final Value descriptor) {
    final Result family = number(program, descriptor, "socket family", SO_DOMAIN);
    final Result protocol = number(program, descriptor, "socket protocol", SO_PROTOCOL);
    number(program, descriptor, "socket type", SO_TYPE);
    number(program, descriptor, "socket accepts", SO_ACCEPTCONN);
    address(program, descriptor, "socket local", SystemCall.GETSOCKNAME);
    address(program, descriptor, "socket remote", SystemCall.GETPEERNAME);
    queue(program, descriptor, "socket in", SIOCINQ);
    queue(program, descriptor, "socket out", SIOCOUTQ);
    program.callAny("socket owner", SystemCall.FCNTL, descriptor, F_GETOWN);
    // With no room for it, the kernel tells how long the filter is.
    SocketOptions.get(
        program, descriptor, "socket filter", SocketOptions.SOL_SOCKET, SO_GET_FILTER, 0);
    SocketOptions.get(
        program, descriptor, "socket tcp", SocketOptions.SOL_TCP, TCP_INFO, TCP_INFO_LENGTH);
    SocketOptions.plan(program, descriptor, family, protocol);
    poll(program, descriptor, "socket ready", POLLIN | POLLRDHUP);
    // A receive with an error pending would take the error away.
    final Result error = poll(program, descriptor, "socket error", 0);
    Branch.ifAny(program, descriptor, error, new long[] {0, POLLHUP}, SocketFacts::planMessages);
  }

  private static void planMessages(final ProgramBuilder program, final Value descriptor) {
    final Data former = program.data("socket peek offset", Integer.BYTES);
    final byte[] room = {Integer.BYTES, 0, 0, 0};
    program.callAny(
        "socket get peek offset",
        SystemCall.GETSOCKOPT,
        descriptor,
        SocketOptions.SOL_SOCKET,
        SocketOptions.SO_PEEK_OFF,
        former,
        program.data(room));
    // Without an offset, each look would find the first message again.
    final Result looking =
        setPeekOffset(program, descriptor, "socket peek from start", program.data(new byte[4]));
    final int skipped = 2;
    program.skipIfEqual(looking, Value.of(0), 1);
    program.skipIfEqual(Value.of(0), Value.of(0), skipped);
    program.recordMessages("socket messages", descriptor, MSG_PEEK, MESSAGES_MAX);
    setPeekOffset(program, descriptor, "socket peek as before", former);
  }

  private static Result setPeekOffset(
      final ProgramBuilder program, final Value descriptor, final String name, final Data offset) {
    return program.callAny(
        name,
        SystemCall.SETSOCKOPT,
        descriptor,
        SocketOptions.SOL_SOCKET,
        SocketOptions.SO_PEEK_OFF,
        offset,
        Integer.BYTES);
  }

  private static Result number(
      final ProgramBuilder program, final Value descriptor, final String name, final int option) {
    final byte[] room = {Integer.BYTES, 0, 0, 0};
    final Data data = program.data(name, Integer.BYTES);
    program.callAny(
        name + " option",
        SystemCall.GETSOCKOPT,
        descriptor,
        SocketOptions.SOL_SOCKET,
        option,
        data,
        program.data(room));
    return program.load(name, data, Integer.BYTES);
  }

  private static void address(
      final ProgramBuilder program, final Value descriptor, final String name, final int call) {
    final byte[] room = {(byte) ADDRESS_LENGTH, 0, 0, 0};
    program.callAny(
        name,
        call,
        descriptor,
        program.data(name, ADDRESS_LENGTH),
        program.data(name + " length", room));
  }

  private static void queue(
      final ProgramBuilder program, final Value descriptor, final String name, final int command) {
    program.callAny(name, SystemCall.IOCTL, descriptor, command, program.data(name, Integer.BYTES));
  }

  private static Result poll(
      final ProgramBuilder program, final Value descriptor, final String name, final int events) {
    final Data data = program.data(name, POLLFD_LENGTH);
    program.store(data, descriptor, Integer.BYTES);
    program.store(data.plus(POLLFD_EVENTS_OFFSET), Value.of(events), Short.BYTES);
    program.callAny(name + " poll", SystemCall.POLL, data, 1, 0);
    return program.load(name, data.plus(POLLFD_REVENTS_OFFSET), Short.BYTES);
  }

  /** The facts of a descriptor, if it is a socket. */
  static Optional<SocketFacts> of(final DescriptorRecord descriptor) {
    return descriptor.program(LINK).map(results -> new SocketFacts(descriptor, results));
  }

  /** Whether a descriptor is a socket of this family and protocol. */
  static boolean is(final DescriptorRecord descriptor, final int family, final int protocol) {
    return of(descriptor)
        .filter(facts -> facts.family() == family && facts.protocol() == protocol)
        .isPresent();
  }

  int family() {
    return (int) results.result("socket family");
  }

  int protocol() {
    return (int) results.result("socket protocol");
  }

  int type() {
    return (int) results.result("socket type");
  }

  boolean isListening() {
    return results.result("socket accepts") != 0;
  }

  /** struct sockaddr; empty if the call failed. */
  ByteString local() {
    return addressOf("socket local");
  }

  /** struct sockaddr; empty if it is not connected. */
  ByteString remote() {
    return addressOf("socket remote");
  }

  private ByteString addressOf(final String name) {
    if (results.failed(name)) {
      return ByteString.EMPTY;
    }
    final int length = results.data(name + " length").getInt(0, LITTLE_ENDIAN);
    return OpenFiles.copyOf(results.data(name), 0, Math.min(length, ADDRESS_LENGTH));
  }

  /** Bytes that wait to be read: of a datagram socket, in the first one. */
  int unreadBytes() {
    return results.failed("socket in") ? 0 : results.data("socket in").getInt(0, LITTLE_ENDIAN);
  }

  /** Bytes that were sent and are still accounted to the socket. */
  int unsentBytes() {
    return results.failed("socket out") ? 0 : results.data("socket out").getInt(0, LITTLE_ENDIAN);
  }

  /** POLL bits, of POLLIN, POLLRDHUP and those that are always told. */
  int ready() {
    return (int) results.result("socket ready");
  }

  boolean hasError() {
    return (results.result("socket error") & POLLERR) != 0;
  }

  /** Whether messages could be looked at. */
  boolean messagesAreKnown() {
    final long error = results.result("socket error");
    return (error == 0 || error == POLLHUP) && results.result("socket peek from start") == 0;
  }

  /** What was received and not read. */
  List<RecordedMessage> messages() {
    return descriptor.messages();
  }

  /** struct tcp_info. */
  DirectBuffer tcpInfo() {
    return results.data("socket tcp");
  }

  boolean isConnected() {
    return !results.failed("socket remote");
  }

  /** What sockets of all families have in common; refuses what none can bring back. */
  SocketImage.Builder capture(final CaptureContext context, final String kind) {
    if (results.failed("socket filter")
        || results.data("socket filter length").getInt(0, LITTLE_ENDIAN) != 0) {
      throw context.unsupported(descriptor, kind, "a filter is attached (SO_ATTACH_FILTER)");
    }
    if (results.result("socket owner") != 0) {
      throw context.unsupported(descriptor, kind, "it sends signals to an owner (F_SETOWN)");
    }
    return SocketImage.newBuilder()
        .setFlags(OpenFiles.flags(descriptor, context, kind))
        .setFamily(family())
        .setType(type())
        .setProtocol(protocol())
        .setLocal(local())
        .setRemote(remote())
        .setInode(descriptor.status().inode())
        .addAllOptions(SocketOptions.capture(results, family(), protocol(), isConnected()));
  }
}
