package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.SignalStackState;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.Optional;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/** The alternate stack for signal handlers. */
public final class SignalStack implements TaskResource {
  private static final String KIND = "signal stack";

  /** Bytes of a stack_t. */
  private static final int LENGTH = 24;

  private static final int START_OFFSET = 0;
  private static final int FLAGS_OFFSET = 8;
  private static final int LENGTH_OFFSET = 16;

  /** The program's own stack is the present one. */
  private static final int SS_ONSTACK = 1;

  /** The kind. */
  public SignalStack() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    final ProgramBuilder program = plan.taskProgram();
    program.callAny(KIND + ": read", SystemCall.SIGALTSTACK, 0, program.data(KIND, LENGTH));
  }

  @Override
  public Optional<? extends Message> capture(final TaskRecord task, final CaptureContext context) {
    Recorded.result(task.program(), KIND + ": read");
    final DirectBuffer stack = task.program().data(KIND);
    final int flags = stack.getInt(FLAGS_OFFSET, LITTLE_ENDIAN);
    final long length = stack.getLong(LENGTH_OFFSET, LITTLE_ENDIAN);
    if (length == 0) {
      return Optional.empty();
    }
    return Optional.of(
        SignalStackState.newBuilder()
            .setStart(stack.getLong(START_OFFSET, LITTLE_ENDIAN))
            .setLength(length)
            .setFlags(flags & ~SS_ONSTACK)
            .build());
  }

  @Override
  public boolean isSettable() {
    return true;
  }

  @Override
  public void restore(final ByteString state, final TaskRestore restore)
      throws InvalidProtocolBufferException {
    // Not by rt_sigreturn, which tells nobody when that fails.
    final ProgramBuilder program = restore.program();
    program.call(
        restore.name("set"),
        SystemCall.SIGALTSTACK,
        program.data(encode(SignalStackState.parseFrom(state))),
        0);
  }

  private static byte[] encode(final SignalStackState image) {
    final UnsafeBuffer stack = new UnsafeBuffer(new byte[LENGTH]);
    stack.putLong(START_OFFSET, image.getStart(), LITTLE_ENDIAN);
    stack.putInt(FLAGS_OFFSET, image.getFlags(), LITTLE_ENDIAN);
    stack.putLong(LENGTH_OFFSET, image.getLength(), LITTLE_ENDIAN);
    return stack.byteArray();
  }
}
