package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.linux.ProcStatus;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.Optional;

/**
 * Signals sent to one task that wait to be delivered, in their order and with all that their
 * siginfo says.
 */
public final class PendingSignals implements TaskResource {
  /** The kind. */
  public PendingSignals() {}

  @Override
  public String kind() {
    return "pending signals";
  }

  @Override
  public void plan(final PlanBuilder plan) {
    plan.taskFile("status");
  }

  @Override
  public Optional<? extends Message> capture(final TaskRecord task, final CaptureContext context) {
    return SignalQueue.capture(
        task.pending(), ProcStatus.parse(task.file("status")).mask("SigPnd"));
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
