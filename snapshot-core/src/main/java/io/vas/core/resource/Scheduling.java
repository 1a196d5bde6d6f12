package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.SchedulingState;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.ProgramResults;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import java.util.Optional;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * How a task is scheduled: policy, niceness, priority, time slice, bounds of utilization,
 * processors, I/O priority, timer slack.
 */
public final class Scheduling implements TaskResource {
  private static final String KIND = "scheduling";

  private static final int PR_SET_TIMERSLACK = 29;
  private static final int PR_GET_TIMERSLACK = 30;
  private static final int PRIO_PROCESS = 0;
  private static final int IOPRIO_WHO_PROCESS = 1;
  private static final int IOPRIO_CLASS_SHIFT = 13;

  /** The system call returns 20 minus the niceness, so that it is never negative. */
  private static final int NICE_BASE = 20;

  /** Bytes of a mask of processors: more than any kernel has. */
  private static final int AFFINITY_LENGTH = 1024;

  private static final int SCHED_DEADLINE = 6;
  private static final long SCHED_FLAG_RESET_ON_FORK = 0x01;
  private static final long SCHED_FLAG_UTIL_CLAMP = 0x60;
  private static final int UTILIZATION_WHOLE = 1024;

  // struct sched_attr
  private static final int SIZE_OFFSET = 0;
  private static final int POLICY_OFFSET = 4;
  private static final int FLAGS_OFFSET = 8;
  private static final int NICE_OFFSET = 16;
  private static final int PRIORITY_OFFSET = 20;
  private static final int RUNTIME_OFFSET = 24;
  private static final int UTILIZATION_MIN_OFFSET = 48;
  private static final int UTILIZATION_MAX_OFFSET = 52;
  private static final int LENGTH = 56;

  /** The kind. */
  public Scheduling() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Phase phase() {
    // All tasks exist and so inherit none of it, and nobody has become slow meanwhile.
    return Phase.CREDENTIALS;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    final ProgramBuilder program = plan.taskProgram();
    program.callAny(
        KIND + ": attributes",
        SystemCall.SCHED_GETATTR,
        0,
        program.data(KIND + " attributes", LENGTH),
        LENGTH,
        0);
    program.callAny(KIND + ": nice", SystemCall.GETPRIORITY, PRIO_PROCESS, 0);
    program.callAny(
        KIND + ": affinity",
        SystemCall.SCHED_GETAFFINITY,
        0,
        AFFINITY_LENGTH,
        program.data(KIND + " affinity", AFFINITY_LENGTH));
    program.callAny(KIND + ": I/O priority", SystemCall.IOPRIO_GET, IOPRIO_WHO_PROCESS, 0);
    program.callAny(KIND + ": timer slack", SystemCall.PRCTL, PR_GET_TIMERSLACK, 0, 0, 0, 0);
  }

  @Override
  public Optional<? extends Message> capture(final TaskRecord task, final CaptureContext context) {
    final ProgramResults results = task.program();
    Recorded.result(results, KIND + ": attributes");
    final DirectBuffer attributes = results.data(KIND + " attributes");
    final int policy = attributes.getInt(POLICY_OFFSET, LITTLE_ENDIAN);
    if (policy == SCHED_DEADLINE) {
      throw context.unsupported(
          task.process(),
          KIND,
          "thread "
              + task.tid()
              + " has SCHED_DEADLINE: its share of the processors is promised to it alone");
    }
    final int affinityLength = (int) Recorded.result(results, KIND + ": affinity");
    return Optional.of(
        SchedulingState.newBuilder()
            .setPolicy(policy)
            .setFlags(attributes.getLong(FLAGS_OFFSET, LITTLE_ENDIAN) & SCHED_FLAG_RESET_ON_FORK)
            .setNice(NICE_BASE - (int) Recorded.result(results, KIND + ": nice"))
            .setPriority(attributes.getInt(PRIORITY_OFFSET, LITTLE_ENDIAN))
            .setSliceNanos(attributes.getLong(RUNTIME_OFFSET, LITTLE_ENDIAN))
            .setUtilizationMin(attributes.getInt(UTILIZATION_MIN_OFFSET, LITTLE_ENDIAN))
            .setUtilizationMax(attributes.getInt(UTILIZATION_MAX_OFFSET, LITTLE_ENDIAN))
            .setAffinity(
                ByteString.copyFrom(
                    Recorded.bytes(results.data(KIND + " affinity"), 0, affinityLength)))
            .setIoPriority((int) Recorded.result(results, KIND + ": I/O priority"))
            .setTimerSlackNanos(results.result(KIND + ": timer slack"))
            .build());
  }

  @Override
  public void restore(final ByteString state, final TaskRestore restore)
      throws InvalidProtocolBufferException {
    final SchedulingState image = SchedulingState.parseFrom(state);
    final ProgramBuilder program = restore.program();
    program.call(
        restore.name("affinity"),
        SystemCall.SCHED_SETAFFINITY,
        0,
        image.getAffinity().size(),
        program.data(image.getAffinity().toByteArray()));
    if (image.getIoPriority() >>> IOPRIO_CLASS_SHIFT != 0) {
      program.call(
          restore.name("I/O priority"),
          SystemCall.IOPRIO_SET,
          IOPRIO_WHO_PROCESS,
          0,
          image.getIoPriority());
    }
    if (image.getTimerSlackNanos() > 0) {
      // Real-time tasks have none, and get their own back when they become ordinary ones.
      program.call(
          restore.name("timer slack"),
          SystemCall.PRCTL,
          PR_SET_TIMERSLACK,
          image.getTimerSlackNanos(),
          0,
          0,
          0);
    }
    // A real-time task has a niceness, too, for later.
    program.call(restore.name("nice"), SystemCall.SETPRIORITY, PRIO_PROCESS, 0, image.getNice());
    program.call(
        restore.name("attributes"),
        SystemCall.SCHED_SETATTR,
        0,
        program.data(attributes(image, 0)),
        0);
    if (image.getSliceNanos() != 0) {
      restoreSlice(image, restore);
    }
  }

  /**
   * The kernel shows every task's slice, but one that was set stays when the default changes: so
   * set it only where it is another than the default.
   */
  private static void restoreSlice(final SchedulingState image, final TaskRestore restore) {
    final ProgramBuilder program = restore.program();
    final Data present = program.data(restore.name("present attributes"), LENGTH);
    program.call(restore.name("read attributes"), SystemCall.SCHED_GETATTR, 0, present, LENGTH, 0);
    final Result slice =
        program.load(restore.name("read slice"), present.plus(RUNTIME_OFFSET), Long.BYTES);
    program.skipIfEqual(slice, Value.of(image.getSliceNanos()), 1);
    program.call(
        restore.name("slice"),
        SystemCall.SCHED_SETATTR,
        0,
        program.data(attributes(image, image.getSliceNanos())),
        0);
  }

  private static byte[] attributes(final SchedulingState image, final long sliceNanos) {
    final boolean clamped =
        image.getUtilizationMin() != 0
            || (image.getUtilizationMax() != 0 && image.getUtilizationMax() != UTILIZATION_WHOLE);
    final UnsafeBuffer attributes = new UnsafeBuffer(new byte[LENGTH]);
    attributes.putInt(SIZE_OFFSET, LENGTH, LITTLE_ENDIAN);
    attributes.putInt(POLICY_OFFSET, image.getPolicy(), LITTLE_ENDIAN);
    attributes.putLong(
        FLAGS_OFFSET, image.getFlags() | (clamped ? SCHED_FLAG_UTIL_CLAMP : 0), LITTLE_ENDIAN);
    attributes.putInt(NICE_OFFSET, image.getNice(), LITTLE_ENDIAN);
    attributes.putInt(PRIORITY_OFFSET, image.getPriority(), LITTLE_ENDIAN);
    attributes.putLong(RUNTIME_OFFSET, sliceNanos, LITTLE_ENDIAN);
    attributes.putInt(UTILIZATION_MIN_OFFSET, image.getUtilizationMin(), LITTLE_ENDIAN);
    attributes.putInt(UTILIZATION_MAX_OFFSET, image.getUtilizationMax(), LITTLE_ENDIAN);
    return attributes.byteArray();
  }
}
