package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.linux.ProcStatus;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.Optional;

/**
 * Signals sent to the process as a whole that wait to be delivered, in their order and with all
 * that their siginfo says. A waiting signal of a timer no longer counts the timer's overruns in a
 * fork.
 */
public final class SharedPendingSignals implements ProcessResource {
  static final String KIND = "pending signals of the process";

  /** The kind. */
  public SharedPendingSignals() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Phase phase() {
    return Phase.PROCESS;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    plan.taskFile("status");
  }

  @Override
  public Optional<? extends Message> capture(
      final ProcessRecord process, final CaptureContext context) {
    final TaskRecord first = process.tasks().get(0);
    final long own = ProcStatus.parse(first.file("status")).mask("ShdPnd");
    return SignalQueue.capture(
        process.pending(),
        process.pendingAfterPrograms(),
        own & PendingSignals.duringPrograms(first));
  }

  @Override
  public void restore(final ByteString state, final ProcessRestore restore)
      throws InvalidProtocolBufferException {
    final ProgramBuilder program = restore.program();
    int count = 0;
    for (final SignalQueue.Waiting waiting : SignalQueue.waiting(state)) {
      // To itself a process may send any si_code. All signals are blocked, and blocked signals are
      // queued even if they are ignored.
      program.call(
          restore.name("queue " + count++),
          SystemCall.RT_SIGQUEUEINFO,
          restore.process().getPid(),
          waiting.signal(),
          program.data(waiting.info()));
    }
  }
}
