package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.TidAddressState;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.Optional;

/** Where the kernel writes 0, and wakes a futex, when the task ends: pthread_join waits there. */
public final class TidAddress implements TaskResource {
  private static final String KIND = "tid address";

  /** Takes CONFIG_CHECKPOINT_RESTORE. */
  private static final int PR_GET_TID_ADDRESS = 40;

  /** The kind. */
  public TidAddress() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    final ProgramBuilder program = plan.taskProgram();
    program.callAny(
        KIND + ": read", SystemCall.PRCTL, PR_GET_TID_ADDRESS, program.data(KIND, Long.BYTES));
  }

  @Override
  public Optional<? extends Message> capture(final TaskRecord task, final CaptureContext context) {
    Recorded.result(task.program(), KIND + ": read");
    final long address = task.program().data(KIND).getLong(0, LITTLE_ENDIAN);
    return address == 0
        ? Optional.empty()
        : Optional.of(TidAddressState.newBuilder().setAddress(address).build());
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
        .callExpecting(
            restore.task().getTid(),
            restore.name("set"),
            SystemCall.SET_TID_ADDRESS,
            TidAddressState.parseFrom(state).getAddress());
  }
}
