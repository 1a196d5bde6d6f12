package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.ParentDeathSignalState;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.Optional;

/** The signal that a task is sent when its parent dies. */
public final class ParentDeathSignal implements TaskResource {
  private static final String KIND = "parent-death signal";
  private static final int PR_SET_PDEATHSIG = 1;
  private static final int PR_GET_PDEATHSIG = 2;

  /** The kind. */
  public ParentDeathSignal() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Phase phase() {
    // A change of credentials clears it.
    return Phase.LAST;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    final ProgramBuilder program = plan.taskProgram();
    program.callAny(
        KIND + ": read", SystemCall.PRCTL, PR_GET_PDEATHSIG, program.data(KIND, Integer.BYTES));
  }

  @Override
  public Optional<? extends Message> capture(final TaskRecord task, final CaptureContext context) {
    Recorded.result(task.program(), KIND + ": read");
    final int signal = task.program().data(KIND).getInt(0, LITTLE_ENDIAN);
    return signal == 0
        ? Optional.empty()
        : Optional.of(ParentDeathSignalState.newBuilder().setSignal(signal).build());
  }

  @Override
  public boolean isSettable() {
    return true;
  }

  @Override
  public void restore(final ByteString state, final TaskRestore restore)
      throws InvalidProtocolBufferException {
    restore
        .program()
        .call(
            restore.name("set"),
            SystemCall.PRCTL,
            PR_SET_PDEATHSIG,
            ParentDeathSignalState.parseFrom(state).getSignal());
  }
}
