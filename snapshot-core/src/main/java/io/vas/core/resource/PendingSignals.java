package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.Piece;
import io.vas.core.image.ProcessImage;
import io.vas.core.linux.ProcStatus;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Signals sent to one task that wait to be delivered, in their order and with all that their
 * siginfo says.
 */
public final class PendingSignals implements TaskResource {
  private static final String KIND = "pending signals";

  /** The kind. */
  public PendingSignals() {}

  /**
   * What waited when the programs ran, which is not quite what /proc tells later.
   *
   * @param task what was recorded of it.
   * @return signals sent to the task or to the process: bit n-1 stands for signal n.
   */
  static long duringPrograms(final TaskRecord task) {
    Recorded.result(task.program(), KIND + ": read");
    return task.program().data(KIND).getLong(0, LITTLE_ENDIAN);
  }

  /**
   * Whether a signal waits for a process or for any of its tasks.
   *
   * @param process its image.
   * @param signal the signal's number.
   * @return true if it is in any queue.
   * @throws InvalidProtocolBufferException if a state is none of a queue.
   */
  public static boolean hold(final ProcessImage process, final int signal)
      throws InvalidProtocolBufferException {
    final List<Piece> pieces = new ArrayList<>(process.getPiecesList());
    process.getTasksList().forEach(task -> pieces.addAll(task.getPiecesList()));
    for (final Piece piece : pieces) {
      if ((piece.getKind().equals(KIND) || piece.getKind().equals(SharedPendingSignals.KIND))
          && SignalQueue.waiting(piece.getState()).stream().anyMatch(w -> w.signal() == signal)) {
        return true;
      }
    }
    return false;
  }

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    plan.taskFile("status");
    final ProgramBuilder program = plan.taskProgram();
    program.callAny(
        KIND + ": read", SystemCall.RT_SIGPENDING, program.data(KIND, Long.BYTES), Long.BYTES);
  }

  @Override
  public Optional<? extends Message> capture(final TaskRecord task, final CaptureContext context) {
    final long own = ProcStatus.parse(task.file("status")).mask("SigPnd");
    return SignalQueue.capture(
        task.pending(), task.pendingAfterPrograms(), own & duringPrograms(task));
  }

  @Override
  public void restore(final ByteString state, final TaskRestore restore)
      throws InvalidProtocolBufferException {
    final ProgramBuilder program = restore.program();
    int count = 0;
    for (final SignalQueue.Waiting waiting : SignalQueue.waiting(state)) {
      // Only to itself may a task send any si_code.
      program.call(
          restore.name("queue " + count++),
          SystemCall.RT_TGSIGQUEUEINFO,
          restore.process().getPid(),
          restore.task().getTid(),
          waiting.signal(),
          program.data(waiting.info()));
    }
  }
}
