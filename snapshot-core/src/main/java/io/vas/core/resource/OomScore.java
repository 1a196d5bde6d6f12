package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.OomScoreState;
import java.util.Optional;

/**
 * How readily the process is killed when memory runs out. Where it was less readily than the keeper
 * and root may not say so (CAP_SYS_RESOURCE), the fork fails and names it.
 */
public final class OomScore implements ProcessResource {
  private static final String FILE = "oom_score_adj";

  /** The kind. */
  public OomScore() {}

  @Override
  public String kind() {
    return FILE;
  }

  @Override
  public Phase phase() {
    return Phase.PROCESS;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    plan.processFile(FILE);
  }

  @Override
  public Optional<? extends Message> capture(
      final ProcessRecord process, final CaptureContext context) {
    return Optional.of(
        OomScoreState.newBuilder()
            .setAdjustment(Integer.parseInt(process.text(FILE).trim()))
            .build());
  }

  @Override
  public void restore(final ByteString state, final ProcessRestore restore)
      throws InvalidProtocolBufferException {
    ProcSelf.write(FILE, "" + OomScoreState.parseFrom(state).getAdjustment(), restore);
  }
}
