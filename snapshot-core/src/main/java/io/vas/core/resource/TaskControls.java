package io.vas.core.resource;

import static io.vas.core.resource.Control.Call.call;
import static io.vas.core.resource.Control.Call.prctl;
import static io.vas.core.resource.Control.WHERE;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.ControlState;
import io.vas.core.image.TaskControlsState;
import io.vas.core.program.SystemCall;
import java.util.List;
import java.util.Optional;

/**
 * Settings of a single task: personality(2), and those of prctl(2) and arch_prctl(2). System call
 * user dispatch, Landlock rules and labels of security modules are not kept: the kernel does not
 * tell a task's.
 */
public final class TaskControls implements TaskResource {
  private static final String KIND = "thread controls";

  /** PR_SPEC_PRCTL: the task may choose; PR_SPEC_ENABLE: it has not. */
  private static final long CHOOSES = 1;

  /** PR_SPEC_DISABLE, PR_SPEC_FORCE_DISABLE, PR_SPEC_DISABLE_NOEXEC. */
  private static final long CHOSEN = 4 | 8 | 16;

  private static final List<Control> CONTROLS =
      List.of(
          new Control(
              "personality",
              call(SystemCall.PERSONALITY, 0xffffffffL),
              value -> value == 0,
              value -> call(SystemCall.PERSONALITY, value)),
          // PR_GET_TSC, PR_SET_TSC; PR_TSC_ENABLE
          new Control("rdtsc", prctl(25, WHERE), value -> value == 1, value -> prctl(26, value)),
          // ARCH_GET_CPUID, ARCH_SET_CPUID
          new Control(
              "cpuid",
              call(SystemCall.ARCH_PRCTL, 0x1011, 0),
              value -> value == 1,
              value -> call(SystemCall.ARCH_PRCTL, 0x1012, value)),
          // PR_MCE_KILL_GET, PR_MCE_KILL with PR_MCE_KILL_SET; PR_MCE_KILL_DEFAULT
          new Control(
              "memory error policy", prctl(34), value -> value == 2, value -> prctl(33, 1, value)),
          speculation("speculative store bypass", 0),
          speculation("indirect branch speculation", 1),
          speculation("L1D flush", 2));

  /** The kind. */
  public TaskControls() {}

  /** PR_GET_SPECULATION_CTRL, PR_SET_SPECULATION_CTRL. */
  private static Control speculation(final String name, final int which) {
    return new Control(
        name,
        prctl(52, which),
        value -> (value & CHOOSES) == 0 || (value & CHOSEN) == 0,
        value -> prctl(53, which, value & CHOSEN));
  }

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Phase phase() {
    // Otherwise new tasks would inherit them.
    return Phase.CREDENTIALS;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    Control.plan(CONTROLS, KIND, plan.taskProgram());
  }

  @Override
  public Optional<? extends Message> capture(final TaskRecord task, final CaptureContext context) {
    final List<ControlState> images = Control.capture(CONTROLS, KIND, task.program());
    return images.isEmpty()
        ? Optional.empty()
        : Optional.of(TaskControlsState.newBuilder().addAllControls(images).build());
  }

  @Override
  public void restore(final ByteString state, final TaskRestore restore)
      throws InvalidProtocolBufferException {
    Control.restore(CONTROLS, TaskControlsState.parseFrom(state).getControlsList(), restore);
  }
}
