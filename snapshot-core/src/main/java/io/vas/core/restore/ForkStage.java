package io.vas.core.restore;

import io.vas.core.keeper.SpawnReply;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.sandbox.ClockOffsets;
import java.util.EnumMap;
import java.util.Map;

/** The parts of a fork, in their order: where its time goes. */
public enum ForkStage {
  /** By the keeper and its launcher, until the child's program begins. */
  CLONE(6),
  /** Mounts, network, and what the keeper keeps of them. */
  SANDBOX(0),
  /** The address space. */
  MEMORY(1),
  /** Files. */
  DESCRIPTORS(2),
  /** What all tasks share. */
  PROCESS(3),
  /** The other tasks are made, and each task's own state. */
  TASKS(4),
  /** The guard is registered, and the keeper told. */
  GUARD(5);

  private final int stamp;

  ForkStage(final int stamp) {
    this.stamp = stamp;
  }

  /** Lets the program note when this is done. The last stage ends when the keeper knows. */
  void end(final ProgramBuilder program) {
    program.stamp(stamp);
  }

  /**
   * How long each took.
   *
   * @param reply of the fork.
   * @param clocks of the fork, by which it tells the time once it has them.
   * @return nanoseconds, in the stages' order.
   */
  public static Map<ForkStage, Long> nanos(final SpawnReply reply, final ClockOffsets clocks) {
    final Map<ForkStage, Long> nanos = new EnumMap<>(ForkStage.class);
    long begin = reply.receivedNanos();
    for (final ForkStage stage : values()) {
      final long end =
          stage == GUARD
              ? reply.readyNanos()
              : reply.stampNanos().get(stage.stamp)
                  - (stage == CLONE ? 0 : clocks.monotonicNanos());
      nanos.put(stage, end - begin);
      begin = end;
    }
    return nanos;
  }
}
