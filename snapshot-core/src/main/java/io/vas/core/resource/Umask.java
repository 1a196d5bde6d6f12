package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.UmaskState;
import io.vas.core.linux.ProcStatus;
import io.vas.core.program.SystemCall;
import java.util.Optional;

/** Which permissions new files lack. */
public final class Umask implements ProcessResource {
  /** The kind. */
  public Umask() {}

  @Override
  public String kind() {
    return "umask";
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
    final ProcStatus status = ProcStatus.parse(process.tasks().get(0).file("status"));
    return Optional.of(UmaskState.newBuilder().setUmask(status.umask()).build());
  }

  @Override
  public boolean isSettable() {
    return true;
  }

  @Override
  public void restore(final ByteString state, final ProcessRestore restore)
      throws InvalidProtocolBufferException {
    restore
        .program()
        .call(restore.name("set"), SystemCall.UMASK, UmaskState.parseFrom(state).getUmask());
  }
}
