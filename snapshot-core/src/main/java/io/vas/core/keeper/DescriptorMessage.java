package io.vas.core.keeper;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import java.util.ArrayList;
import java.util.List;
import org.agrona.BitUtil;
import org.agrona.concurrent.UnsafeBuffer;

/** The steps of a program that send or receive one message with descriptors over a unix socket. */
public final class DescriptorMessage {
  private static final int SOL_SOCKET = 1;
  private static final int SCM_RIGHTS = 1;
  private static final int MSG_NOSIGNAL = 0x4000;
  private static final int MSG_CMSG_CLOEXEC = 0x40000000;

  // struct msghdr, of 56 bytes
  private static final int MSG_IOV_OFFSET = 16;
  private static final int MSG_IOVLEN_OFFSET = 24;
  private static final int MSG_CONTROL_OFFSET = 32;
  private static final int MSG_CONTROLLEN_OFFSET = 40;
  // struct iovec, behind it
  private static final int IOV_BASE_OFFSET = 56;
  private static final int IOV_LEN_OFFSET = 64;
  // struct cmsghdr, behind that
  private static final int CMSG_OFFSET = 72;
  private static final int CMSG_LEVEL_OFFSET = CMSG_OFFSET + 8;
  private static final int CMSG_TYPE_OFFSET = CMSG_OFFSET + 12;
  private static final int CMSG_HEADER_LENGTH = 16;
  private static final int CMSG_DATA_OFFSET = CMSG_OFFSET + CMSG_HEADER_LENGTH;

  private DescriptorMessage() {}

  /**
   * Add the steps that send a message.
   *
   * @param b the program.
   * @param step name of the step that sends.
   * @param socket a unix socket.
   * @param body bytes of the message, at least one.
   * @param descriptors what goes along.
   */
  public static void send(
      final ProgramBuilder b,
      final String step,
      final Value socket,
      final byte[] body,
      final List<Value> descriptors) {
    final Data message = header(b, b.data(body), body.length, descriptors.size());
    for (int i = 0; i < descriptors.size(); i++) {
      b.store(
          message.plus(CMSG_DATA_OFFSET + i * Integer.BYTES), descriptors.get(i), Integer.BYTES);
    }
    b.callExpecting(body.length, step, SystemCall.SENDMSG, socket, message, MSG_NOSIGNAL);
  }

  /**
   * Add the steps that wait for a message and take it.
   *
   * @param b the program.
   * @param step name of the step that receives; those that read the descriptors' numbers are called
   *     after it.
   * @param socket a unix socket.
   * @param length of the message, bytes.
   * @param count of its descriptors, at least one.
   * @return their numbers in the process; close-on-exec.
   */
  public static List<Result> receive(
      final ProgramBuilder b,
      final String step,
      final Value socket,
      final int length,
      final int count) {
    final Data message = header(b, b.data(new byte[length]), length, count);
    b.callExpecting(length, step, SystemCall.RECVMSG, socket, message, MSG_CMSG_CLOEXEC);
    final List<Result> descriptors = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      descriptors.add(
          b.load(
              step + ", descriptor " + i,
              message.plus(CMSG_DATA_OFFSET + i * Integer.BYTES),
              Integer.BYTES));
    }
    return descriptors;
  }

  private static Data header(
      final ProgramBuilder b, final Data body, final int length, final int count) {
    final int controlLength = CMSG_HEADER_LENGTH + count * Integer.BYTES;
    final UnsafeBuffer header =
        new UnsafeBuffer(new byte[CMSG_OFFSET + BitUtil.align(controlLength, Long.BYTES)]);
    header.putLong(MSG_IOVLEN_OFFSET, 1, LITTLE_ENDIAN);
    header.putLong(IOV_LEN_OFFSET, length, LITTLE_ENDIAN);
    if (count > 0) {
      header.putLong(
          MSG_CONTROLLEN_OFFSET, BitUtil.align(controlLength, Long.BYTES), LITTLE_ENDIAN);
      header.putLong(CMSG_OFFSET, controlLength, LITTLE_ENDIAN);
      header.putInt(CMSG_LEVEL_OFFSET, SOL_SOCKET, LITTLE_ENDIAN);
      header.putInt(CMSG_TYPE_OFFSET, SCM_RIGHTS, LITTLE_ENDIAN);
      for (int i = 0; i < count; i++) {
        // No descriptor, should none come.
        header.putInt(CMSG_DATA_OFFSET + i * Integer.BYTES, -1, LITTLE_ENDIAN);
      }
    }
    final Data message = b.data(header.byteArray());
    b.store(message.plus(MSG_IOV_OFFSET), message.plus(IOV_BASE_OFFSET), Long.BYTES);
    b.store(message.plus(IOV_BASE_OFFSET), body, Long.BYTES);
    if (count > 0) {
      b.store(message.plus(MSG_CONTROL_OFFSET), message.plus(CMSG_OFFSET), Long.BYTES);
    }
    return message;
  }
}
