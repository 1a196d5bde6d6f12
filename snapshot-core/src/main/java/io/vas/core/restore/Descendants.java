package io.vas.core.restore;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.checkpoint.Inspection;
import io.vas.core.image.ProcessImage;
import io.vas.core.keeper.MendRequest;
import io.vas.core.linux.Errno;
import io.vas.core.linux.Signals;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import io.vas.core.resource.PendingSignals;
import java.util.List;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * The processes below an instance's first one, of which a snapshot has none: the keeper kills them,
 * and the first, whose children all are by then, waits for them.
 */
final class Descendants {
  private static final int WNOHANG = 1;
  private static final int WALL = 0x40000000;
  private static final int TIMESPEC_LENGTH = 16;

  private Descendants() {}

  /**
   * Emit the steps of the first process.
   *
   * @param program that is run when they have been killed.
   * @param found what there is.
   * @param before the process as it was.
   * @return what is to be killed.
   * @throws NotInPlaceException if their end would be noticed.
   */
  static List<MendRequest.End> end(
      final ProgramBuilder program, final Inspection found, final ProcessImage before)
      throws InvalidProtocolBufferException {
    final int most = found.mostToWaitFor();
    if (most > 0) {
      if (PendingSignals.hold(before, Signals.SIGCHLD)) {
        throw new NotInPlaceException("it has children, and a signal of one waited before");
      }
      waitForAll(program, most);
    }
    return found.descendants().stream().map(pid -> new MendRequest.End(pid, true)).toList();
  }

  private static void waitForAll(final ProgramBuilder program, final int most) {
    program.resource("children");
    for (int i = 0; i < most; i++) {
      // Where SIGCHLD is ignored, there is none left.
      program.callAny("wait for child " + i, SystemCall.WAIT4, -1, 0, WNOHANG | WALL, 0);
    }
    program.callExpecting(
        -Errno.ECHILD.number(), "wait for no child", SystemCall.WAIT4, -1, 0, WNOHANG | WALL, 0);
    // All signals are blocked, and none of these was pending, so one that is has come by this.
    final UnsafeBuffer set = new UnsafeBuffer(new byte[Long.BYTES]);
    set.putLong(0, 1L << (Signals.SIGCHLD - 1), LITTLE_ENDIAN);
    final Data atOnce = program.data(new byte[TIMESPEC_LENGTH]);
    program.callAny(
        "take SIGCHLD",
        SystemCall.RT_SIGTIMEDWAIT,
        program.data(set.byteArray()),
        0,
        atOnce,
        Long.BYTES);
  }
}
