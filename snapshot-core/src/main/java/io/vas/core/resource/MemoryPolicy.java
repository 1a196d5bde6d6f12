package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.MemoryPolicyState;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.agrona.DirectBuffer;

/** Which NUMA nodes a task's memory comes from, where its mappings do not say. */
public final class MemoryPolicy implements TaskResource {
  private static final String KIND = "memory policy";
  private static final int MPOL_DEFAULT = 0;

  /** As many as any kernel has. */
  private static final int NODES = 1024;

  private static final int MASK_OFFSET = 8;

  /** The kind. */
  public MemoryPolicy() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Phase phase() {
    // Otherwise new tasks would inherit it.
    return Phase.CREDENTIALS;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    final ProgramBuilder program = plan.taskProgram();
    final Data found = program.data(KIND, MASK_OFFSET + NODES / Byte.SIZE);
    program.callAny(
        KIND + ": read", SystemCall.GET_MEMPOLICY, found, found.plus(MASK_OFFSET), NODES, 0, 0);
  }

  @Override
  public Optional<? extends Message> capture(final TaskRecord task, final CaptureContext context) {
    final DirectBuffer found = task.program().data(KIND);
    final int mode = found.getInt(0, LITTLE_ENDIAN);
    if (task.program().failed(KIND + ": read") || mode == MPOL_DEFAULT) {
      return Optional.empty(); // it fails in kernels without NUMA
    }
    final MemoryPolicyState.Builder image = MemoryPolicyState.newBuilder().setMode(mode);
    for (int offset = MASK_OFFSET; offset < found.capacity(); offset += Long.BYTES) {
      image.addNodes(found.getLong(offset, LITTLE_ENDIAN));
    }
    return Optional.of(image.build());
  }

  @Override
  public boolean isSettable() {
    return true;
  }

  @Override
  public void restore(final ByteString state, final TaskRestore restore)
      throws InvalidProtocolBufferException {
    final MemoryPolicyState image = MemoryPolicyState.parseFrom(state);
    final ByteBuffer nodes = ByteBuffer.allocate(NODES / Byte.SIZE).order(LITTLE_ENDIAN);
    image.getNodesList().forEach(nodes::putLong);
    final ProgramBuilder program = restore.program();
    program.call(
        restore.name("set"),
        SystemCall.SET_MEMPOLICY,
        image.getMode(),
        program.data(nodes.array()),
        NODES);
  }
}
