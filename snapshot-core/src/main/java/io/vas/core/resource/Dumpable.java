package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.DumpableState;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.Optional;

/**
 * Who may look into the process. It belongs to the address space; but as every task's change of
 * credentials resets it, every task sets it again after its own. The value 2 comes back only where
 * such a change brings it about: otherwise the fork fails and names it.
 */
public final class Dumpable implements TaskResource {
  private static final String KIND = "dumpable";
  private static final int PR_GET_DUMPABLE = 3;
  private static final int PR_SET_DUMPABLE = 4;

  /**
   * No call sets this value: a change of credentials does, where /proc/sys/fs/suid_dumpable says
   * so.
   */
  private static final int ROOT_ONLY = 2;

  /** The kind. */
  public Dumpable() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Phase phase() {
    return Phase.LAST;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    plan.taskProgram().callAny(KIND + ": read", SystemCall.PRCTL, PR_GET_DUMPABLE, 0, 0, 0, 0);
  }

  @Override
  public Optional<? extends Message> capture(final TaskRecord task, final CaptureContext context) {
    final long dumpable = Recorded.result(task.program(), KIND + ": read");
    return Optional.of(DumpableState.newBuilder().setDumpable((int) dumpable).build());
  }

  @Override
  public void restore(final ByteString state, final TaskRestore restore)
      throws InvalidProtocolBufferException {
    final ProgramBuilder program = restore.program();
    final int dumpable = DumpableState.parseFrom(state).getDumpable();
    if (dumpable == ROOT_ONLY) {
      program.callExpecting(
          ROOT_ONLY, restore.name("check"), SystemCall.PRCTL, PR_GET_DUMPABLE, 0, 0, 0, 0);
    } else {
      program.call(restore.name("set"), SystemCall.PRCTL, PR_SET_DUMPABLE, dumpable, 0, 0, 0);
    }
  }
}
