package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.O_NONBLOCK;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/** What the kernel tells of the unix sockets of a net namespace: sock_diag(7). */
final class UnixDiagnosis {

  private static final int AF_UNIX = 1;
  private static final int SOCK_DIAG_BY_FAMILY = 20;
  private static final int NLM_F_REQUEST = 1;
  private static final int NLM_F_DUMP = 0x300;
  private static final int UDIAG_SHOW_NAME = 1;
  private static final int UDIAG_SHOW_VFS = 2;
  private static final int UDIAG_SHOW_PEER = 4;
  private static final int UDIAG_SHOW_ICONS = 8;
  private static final int UDIAG_SHOW_RQLEN = 0x10;
  private static final int UNIX_DIAG_NAME = 0;
  private static final int UNIX_DIAG_VFS = 1;
  private static final int UNIX_DIAG_PEER = 2;
  private static final int UNIX_DIAG_ICONS = 3;
  private static final int UNIX_DIAG_RQLEN = 4;
  private static final int UNIX_DIAG_SHUTDOWN = 6;

  private static final int REQUEST_LENGTH = 40;
  private static final int HEADER_LENGTH = 16;
  private static final int HEADER_TYPE_OFFSET = 4;
  private static final int HEADER_FLAGS_OFFSET = 6;
  private static final int REQUEST_FAMILY_OFFSET = 16;
  private static final int REQUEST_STATES_OFFSET = 20;
  private static final int REQUEST_SHOW_OFFSET = 28;
  private static final int MESSAGE_LENGTH = 16;
  private static final int MESSAGE_STATE_OFFSET = 2;
  private static final int MESSAGE_INODE_OFFSET = 4;
  private static final int ATTRIBUTE_HEADER_LENGTH = 4;
  private static final int ALIGNMENT = 4;
  private static final long RECORD_MAX = 256L << 20;

  private final Map<Long, Socket> sockets = new HashMap<>();

  /**
   * A socket.
   *
   * @param state as of TCP: 1 connected, 7 not connected, 10 listening.
   * @param name what it is bound to, without the family; empty if it is not.
   * @param file inode of the file it is bound to, 0 if there is none.
   * @param peer inode of the socket it is connected to; 0 if that is closed or was not accepted
   *     yet; empty if it is not connected.
   * @param pending inodes of the sockets whose connections it has not accepted.
   * @param queued of a listening socket: its backlog.
   * @param shutdown 1: it receives no more; 2: it sends no more.
   */
  record Socket(
      int state,
      String name,
      long file,
      Optional<Long> peer,
      List<Long> pending,
      int queued,
      int shutdown) {}

  private UnixDiagnosis() {}

  /** Asks for all sockets of the instance's net namespace. */
  static void plan(final PlanBuilder plan) {
    final ProgramBuilder program = plan.instanceProgram();
    final UnsafeBuffer request = new UnsafeBuffer(new byte[REQUEST_LENGTH]);
    request.putInt(0, REQUEST_LENGTH, LITTLE_ENDIAN);
    request.putShort(HEADER_TYPE_OFFSET, (short) SOCK_DIAG_BY_FAMILY, LITTLE_ENDIAN);
    request.putShort(HEADER_FLAGS_OFFSET, (short) (NLM_F_REQUEST | NLM_F_DUMP), LITTLE_ENDIAN);
    request.putByte(REQUEST_FAMILY_OFFSET, (byte) AF_UNIX);
    request.putInt(REQUEST_STATES_OFFSET, -1, LITTLE_ENDIAN);
    request.putInt(
        REQUEST_SHOW_OFFSET,
        UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN,
        LITTLE_ENDIAN);
    final Data data = program.data(request.byteArray());
    program.callAny(
        "unix sockets: do not wait",
        SystemCall.FCNTL,
        plan.sockDiag(),
        OpenFiles.F_SETFL,
        O_NONBLOCK);
    program.callAny(
        "unix sockets: ask", SystemCall.SENDTO, plan.sockDiag(), data, REQUEST_LENGTH, 0, 0, 0);
    program.recordBytes("unix sockets", plan.sockDiag(), RECORD_MAX);
  }

  /** Reads the answer. */
  static UnixDiagnosis of(final CaptureContext context) {
    final UnixDiagnosis diagnosis = new UnixDiagnosis();
    for (final DirectBuffer answer : context.bytes()) {
      int offset = 0;
      while (offset + HEADER_LENGTH <= answer.capacity()) {
        final int length = answer.getInt(offset, LITTLE_ENDIAN);
        if (length < HEADER_LENGTH || offset + length > answer.capacity()) {
          break;
        }
        if (answer.getShort(offset + HEADER_TYPE_OFFSET, LITTLE_ENDIAN) == SOCK_DIAG_BY_FAMILY) {
          diagnosis.add(new UnsafeBuffer(answer, offset + HEADER_LENGTH, length - HEADER_LENGTH));
        }
        offset += align(length);
      }
    }
    return diagnosis;
  }

  private static int align(final int length) {
    return (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private void add(final DirectBuffer message) {
    String name = "";
    long file = 0;
    Optional<Long> peer = Optional.empty();
    final List<Long> pending = new ArrayList<>();
    int queued = 0;
    int shutdown = 0;
    int offset = MESSAGE_LENGTH;
    while (offset + ATTRIBUTE_HEADER_LENGTH <= message.capacity()) {
      final int length = message.getShort(offset, LITTLE_ENDIAN) & 0xFFFF;
      if (length < ATTRIBUTE_HEADER_LENGTH) {
        break;
      }
      final int value = offset + ATTRIBUTE_HEADER_LENGTH;
      switch (message.getShort(offset + Short.BYTES, LITTLE_ENDIAN)) {
        case UNIX_DIAG_NAME ->
            name =
                OpenFiles.textOf(
                    OpenFiles.copyOf(message, value, length - ATTRIBUTE_HEADER_LENGTH));
        case UNIX_DIAG_VFS -> file = number(message, value);
        case UNIX_DIAG_PEER -> peer = Optional.of(number(message, value));
        case UNIX_DIAG_ICONS -> {
          for (int i = value; i < offset + length; i += Integer.BYTES) {
            pending.add(number(message, i));
          }
        }
        case UNIX_DIAG_RQLEN -> queued = message.getInt(value + Integer.BYTES, LITTLE_ENDIAN);
        case UNIX_DIAG_SHUTDOWN -> shutdown = message.getByte(value);
        default -> {
          // Not asked for.
        }
      }
      offset += align(length);
    }
    sockets.put(
        number(message, MESSAGE_INODE_OFFSET),
        new Socket(
            message.getByte(MESSAGE_STATE_OFFSET), name, file, peer, pending, queued, shutdown));
  }

  private static long number(final DirectBuffer message, final int offset) {
    return Integer.toUnsignedLong(message.getInt(offset, LITTLE_ENDIAN));
  }

  /** A socket, if it is in the instance's net namespace. */
  Optional<Socket> socket(final long inode) {
    return Optional.ofNullable(sockets.get(inode));
  }

  /** Whether a listening socket has yet to accept a connection from this one. */
  boolean isPending(final long inode) {
    return sockets.values().stream().anyMatch(s -> s.pending().contains(inode));
  }

  /**
   * Whether no socket is bound to another file of the same name, which was there later or before.
   */
  boolean isOnlyFile(final Socket socket) {
    return sockets.values().stream()
        .noneMatch(s -> s.name().equals(socket.name()) && s.file() != socket.file());
  }
}
