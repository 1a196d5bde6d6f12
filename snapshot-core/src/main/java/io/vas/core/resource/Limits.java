package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.LimitsState;
import io.vas.core.linux.Rlimit;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.Optional;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Resource limits. A fork starts with the keeper's; where a hard limit of the snapshot is higher
 * and root may not raise it (CAP_SYS_RESOURCE), the fork fails and names it. What a fork has used
 * of its processor time counts from 0.
 */
public final class Limits implements ProcessResource {
  /** The kind's name. */
  public static final String KIND = "resource limits";

  /** Bytes of a struct rlimit64: soft, hard. */
  private static final int LENGTH = 16;

  /** The kind. */
  public Limits() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Phase phase() {
    // After all that limits could hinder, and before the right to raise them is dropped.
    return Phase.CREDENTIALS;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    final ProgramBuilder program = plan.processProgram();
    final Data limits = program.data(KIND, Rlimit.values().length * LENGTH);
    for (final Rlimit limit : Rlimit.values()) {
      program.callAny(
          KIND + ": read " + limit,
          SystemCall.PRLIMIT64,
          0,
          limit.number(),
          0,
          limits.plus(limit.number() * LENGTH));
    }
  }

  @Override
  public Optional<? extends Message> capture(
      final ProcessRecord process, final CaptureContext context) {
    final DirectBuffer limits = process.program().data(KIND);
    final LimitsState.Builder image = LimitsState.newBuilder();
    for (final Rlimit limit : Rlimit.values()) {
      Recorded.result(process.program(), KIND + ": read " + limit);
      image.addSoft(limits.getLong(limit.number() * LENGTH, LITTLE_ENDIAN));
      image.addHard(limits.getLong(limit.number() * LENGTH + Long.BYTES, LITTLE_ENDIAN));
    }
    return Optional.of(image.build());
  }

  @Override
  public boolean isSettable() {
    return true;
  }

  @Override
  public void restore(final ByteString state, final ProcessRestore restore)
      throws InvalidProtocolBufferException {
    final ProgramBuilder program = restore.program();
    final LimitsState image = LimitsState.parseFrom(state);
    for (final Rlimit limit : Rlimit.values()) {
      final UnsafeBuffer value = new UnsafeBuffer(new byte[LENGTH]);
      value.putLong(0, image.getSoft(limit.number()), LITTLE_ENDIAN);
      value.putLong(Long.BYTES, image.getHard(limit.number()), LITTLE_ENDIAN);
      program.call(
          restore.name("set RLIMIT_" + limit),
          SystemCall.PRLIMIT64,
          0,
          limit.number(),
          program.data(value.byteArray()),
          0);
    }
  }
}
