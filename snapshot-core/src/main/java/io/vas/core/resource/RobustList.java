package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.RobustListState;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.Optional;
import org.agrona.DirectBuffer;

/** Where the kernel finds the futexes that a task holds when it dies. */
public final class RobustList implements TaskResource {
  private static final String KIND = "robust list";

  /** The kind. */
  public RobustList() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    final ProgramBuilder program = plan.taskProgram();
    final Data found = program.data(KIND, 2 * Long.BYTES);
    program.callAny(KIND + ": read", SystemCall.GET_ROBUST_LIST, 0, found, found.plus(Long.BYTES));
  }

  @Override
  public Optional<? extends Message> capture(final TaskRecord task, final CaptureContext context) {
    Recorded.result(task.program(), KIND + ": read");
    final DirectBuffer found = task.program().data(KIND);
    final long head = found.getLong(0, LITTLE_ENDIAN);
    return head == 0
        ? Optional.empty()
        : Optional.of(
            RobustListState.newBuilder()
                .setHead(head)
                .setLength(found.getLong(Long.BYTES, LITTLE_ENDIAN))
                .build());
  }

  @Override
  public boolean isSettable() {
    return true;
  }

  @Override
  public void restore(final ByteString state, final TaskRestore restore)
      throws InvalidProtocolBufferException {
    final RobustListState image = RobustListState.parseFrom(state);
    restore
        .program()
        .call(restore.name("set"), SystemCall.SET_ROBUST_LIST, image.getHead(), image.getLength());
  }
}
