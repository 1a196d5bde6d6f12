package io.vas.core.sandbox;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.linux.FileIo;
import io.vas.core.linux.RawText;
import io.vas.core.program.Data;
import io.vas.core.program.Label;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * A thread of the new child that makes its net namespace, with the loopback device up, while the
 * child sees to its mounts. To make a net namespace takes as long as all the rest of a sandbox, 400
 * to 500 us.
 */
final class NetworkThread {
  /** Which of the report's barriers tells that the namespace is there. */
  private static final int BARRIER = 63;

  private static final int STACK = 4096;

  /** CLONE_VM, CLONE_FILES, CLONE_SIGHAND, CLONE_THREAD, CLONE_SYSVSEM, CLONE_CHILD_CLEARTID. */
  private static final long FLAGS = 0x100 | 0x400 | 0x800 | 0x10000 | 0x40000 | 0x200000;

  private static final long CLONE_NEWNET = 0x40000000L;

  // struct clone_args
  private static final int CHILD_TID_OFFSET = 2 * Long.BYTES;
  private static final int STACK_OFFSET = 5 * Long.BYTES;
  private static final int STACK_SIZE_OFFSET = 6 * Long.BYTES;
  private static final int SET_TID_OFFSET = 8 * Long.BYTES;
  private static final int SET_TID_SIZE_OFFSET = 9 * Long.BYTES;
  private static final int CLONE_ARGS_LENGTH = 11 * Long.BYTES;

  private static final int AF_NETLINK = 16;
  private static final int SOCK_RAW = 3;
  private static final int SOCK_CLOEXEC = 02000000;
  private static final int NETLINK_SOCK_DIAG = 4;
  private static final int SIOCSIFFLAGS = 0x8914;
  private static final int SIOCGSKNS = 0x894C;
  private static final int IFREQ_LENGTH = 40;
  private static final int IFREQ_FLAGS_OFFSET = 16;
  private static final short IFF_UP_RUNNING = 0x41;
  private static final int FUTEX_WAIT = 0;

  /** Wakes that were meant for something else are possible, if only in theory. */
  private static final int WAITS = 3;

  private final Result socket;
  private final Data alive;

  private NetworkThread(final Result socket, final Data alive) {
    this.socket = socket;
    this.alive = alive;
  }

  /**
   * Add the steps that start it, and its own.
   *
   * @param b the program, before the child has left its mount namespace. The thread's stack is the
   *     lower end of the stack area, which is free again when it is joined.
   * @return the thread.
   */
  static NetworkThread start(final ProgramBuilder b) {
    b.resource("net namespace");
    final byte[] one = new byte[Integer.BYTES];
    new UnsafeBuffer(one).putInt(0, 1, LITTLE_ENDIAN);
    final Data alive = b.data(one);
    final byte[] tid = new byte[Integer.BYTES];
    new UnsafeBuffer(tid).putInt(0, highestTid(), LITTLE_ENDIAN);
    final UnsafeBuffer args = new UnsafeBuffer(new byte[CLONE_ARGS_LENGTH]);
    args.putLong(0, FLAGS, LITTLE_ENDIAN);
    args.putLong(STACK_SIZE_OFFSET, STACK, LITTLE_ENDIAN);
    args.putLong(SET_TID_SIZE_OFFSET, 1, LITTLE_ENDIAN);
    final Data cloneArgs = b.data(args.byteArray());
    b.store(cloneArgs.plus(CHILD_TID_OFFSET), alive, Long.BYTES);
    b.store(cloneArgs.plus(STACK_OFFSET), b.stack(0), Long.BYTES);
    b.store(cloneArgs.plus(SET_TID_OFFSET), b.data(tid), Long.BYTES);
    final Label entry = b.newLabel();
    b.task("thread", cloneArgs, entry);
    final ProgramBuilder.Skip skip = b.skip();
    b.bind(entry);
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
    b.barrier(BARRIER, 1);
    b.call("end of the thread", SystemCall.EXIT, 0);
    skip.end();
    return new NetworkThread(socket, alive);
  }

  /** Out of the way of all that a snapshot may have. */
  private static int highestTid() {
    return Integer.parseInt(RawText.decode(FileIo.readAll("/proc/sys/kernel/pid_max")).trim()) - 1;
  }

  /**
   * Add the steps that wait for it, and take its namespace.
   *
   * @param b the program.
   * @return number of a NETLINK_SOCK_DIAG socket of the namespace.
   */
  Result join(final ProgramBuilder b) {
    b.resource("net namespace");
    b.awaitBarrier(BARRIER, 1);
    final Result namespace = b.call("open it", SystemCall.IOCTL, socket, SIOCGSKNS, 0);
    b.call("enter it", SystemCall.SETNS, namespace, CLONE_NEWNET);
    // The kernel clears the word when the thread is gone. It holds no address space any more then.
    for (int i = 1; i <= WAITS; i++) {
      b.callAny("wait for the thread's end " + i, SystemCall.FUTEX, alive, FUTEX_WAIT, 1, 0);
    }
    return socket;
  }
}
