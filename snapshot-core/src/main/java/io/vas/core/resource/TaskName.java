package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.TaskNameState;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.Optional;

/** The name of a thread, which may hold any bytes. */
public final class TaskName implements TaskResource {
  private static final String KIND = "thread name";
  private static final int PR_SET_NAME = 15;
  private static final int PR_GET_NAME = 16;
  private static final int LENGTH = 16;

  /** The kind. */
  public TaskName() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    final ProgramBuilder program = plan.taskProgram();
    program.callAny(KIND + ": read", SystemCall.PRCTL, PR_GET_NAME, program.data(KIND, LENGTH));
  }

  @Override
  public Optional<? extends Message> capture(final TaskRecord task, final CaptureContext context) {
    Recorded.result(task.program(), KIND + ": read");
    final byte[] name = Recorded.bytes(task.program().data(KIND));
    return Optional.of(TaskNameState.newBuilder().setName(ByteString.copyFrom(name)).build());
  }

  @Override
  public boolean isSettable() {
    return true;
  }

  @Override
  public void restore(final ByteString state, final TaskRestore restore)
      throws InvalidProtocolBufferException {
    final ProgramBuilder program = restore.program();
    program.call(
        restore.name("set"),
        SystemCall.PRCTL,
        PR_SET_NAME,
        program.data(TaskNameState.parseFrom(state).getName().toByteArray()));
  }
}
