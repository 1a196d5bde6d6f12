package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.BoundingSetState;
import io.vas.core.linux.Capability;
import io.vas.core.linux.ProcStatus;
import java.util.EnumSet;
import java.util.Optional;

/**
 * The capabilities that no task of the process has in reach, dropped before there is more than one
 * task: otherwise each of them would have to drop each capability. {@link Credentials} drops the
 * rest.
 */
public final class BoundingSet implements ProcessResource {
  /** The kind. */
  public BoundingSet() {}

  @Override
  public String kind() {
    return "capability bounding set";
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
    long bounds = 0;
    for (final TaskRecord task : process.tasks()) {
      final ProcStatus status = ProcStatus.parse(task.file("status"));
      bounds |= status.mask("CapBnd") | status.mask("CapInh");
    }
    return Optional.of(BoundingSetState.newBuilder().setBounds(bounds).build());
  }

  @Override
  public void restore(final ByteString state, final ProcessRestore restore)
      throws InvalidProtocolBufferException {
    final long all = Capability.maskOf(EnumSet.allOf(Capability.class));
    Credentials.dropFromBounds(restore, all & ~BoundingSetState.parseFrom(state).getBounds());
  }
}
