package io.vas.core.sandbox;

import static io.vas.core.linux.OpenFlags.AT_FDCWD;
import static io.vas.core.linux.OpenFlags.O_CLOEXEC;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.keeper.DescriptorMessage;
import io.vas.core.program.Program;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import java.util.List;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * An instance's net namespace, with the loopback device up. To make one takes as long as all the
 * rest of a sandbox, 400 to 500 us, so the keeper's assistant makes it while the child is cloned
 * and sees to its mounts, and sends it over the child's socket. A fork that takes the place of an
 * instance may be given that one's instead, see {@link KeptNetwork}.
 */
final class NetworkNamespace {
  private static final String RESOURCE = "net namespace";
  private static final Value NO = Value.of(0);
  private static final long CLONE_NEWNET = 0x40000000L;
  private static final int AF_NETLINK = 16;
  private static final int SOCK_RAW = 3;
  private static final int SOCK_CLOEXEC = 02000000;
  private static final int NETLINK_SOCK_DIAG = 4;
  private static final int SIOCSIFFLAGS = 0x8914;
  private static final int SIOCGSKNS = 0x894C;
  private static final int IFREQ_LENGTH = 40;
  private static final int IFREQ_FLAGS_OFFSET = 16;
  private static final short IFF_UP_RUNNING = 0x41;

  /** A message says nothing but what comes along, or that it has come so far. */
  static final byte[] MESSAGE = new byte[1];

  private NetworkNamespace() {}

  /**
   * What the assistant does.
   *
   * @return a program whose slot 0 is the other end of the child's socket.
   */
  static Program maker() {
    final ProgramBuilder b = new ProgramBuilder();
    final Result child = b.parameter("child's socket");
    b.resource(RESOURCE);
    final Result home =
        b.call(
            "open the one to return to",
            SystemCall.OPENAT,
            AT_FDCWD,
            b.string("/proc/thread-self/ns/net"),
            O_CLOEXEC);
    b.call("make it", SystemCall.UNSHARE, CLONE_NEWNET);
    final Result socket =
        b.call(
            "open sock_diag",
            SystemCall.SOCKET,
            AF_NETLINK,
            SOCK_RAW | SOCK_CLOEXEC,
            NETLINK_SOCK_DIAG);
    final UnsafeBuffer request = new UnsafeBuffer(new byte[IFREQ_LENGTH]);
    request.putStringWithoutLengthAscii(0, "lo");
    request.putShort(IFREQ_FLAGS_OFFSET, IFF_UP_RUNNING, LITTLE_ENDIAN);
    // Any socket of the net namespace will do.
    b.call(
        "loopback device up", SystemCall.IOCTL, socket, SIOCSIFFLAGS, b.data(request.byteArray()));
    final Result namespace = b.call("open it", SystemCall.IOCTL, socket, SIOCGSKNS, 0);
    DescriptorMessage.send(b, "send it", child, MESSAGE, List.of(socket, namespace));
    b.call("close the socket", SystemCall.CLOSE, socket);
    b.call("close the namespace", SystemCall.CLOSE, namespace);
    b.call("return", SystemCall.SETNS, home, CLONE_NEWNET);
    b.call("close the one returned to", SystemCall.CLOSE, home);
    return b.build();
  }

  /**
   * Add the steps that wait for it, and enter it. One that is there already may be in use until it
   * is sent: who has it is told when all is done that can be done without it.
   *
   * @param b the child's program.
   * @param socket number of the socket over which it comes.
   * @param isKept whether it is there already, 1 or 0.
   * @return number of a NETLINK_SOCK_DIAG socket of the namespace.
   */
  static Result enter(final ProgramBuilder b, final Value socket, final Value isKept) {
    b.resource(RESOURCE);
    b.skipIfEqual(isKept, NO, 1);
    b.callExpecting(
        MESSAGE.length, "ask for it", SystemCall.WRITE, socket, b.data(MESSAGE), MESSAGE.length);
    return enter(b, socket);
  }

  /**
   * Add the steps that wait for a new one, and enter it.
   *
   * @param b the child's program.
   * @param control number of the child's socket.
   * @return number of a NETLINK_SOCK_DIAG socket of the namespace.
   */
  static Result enter(final ProgramBuilder b, final Value control) {
    b.resource(RESOURCE);
    final List<Result> received =
        DescriptorMessage.receive(b, "receive it", control, MESSAGE.length, 2);
    b.call("enter it", SystemCall.SETNS, received.get(1), CLONE_NEWNET);
    b.call("close it", SystemCall.CLOSE, received.get(1));
    return received.get(0);
  }
}
