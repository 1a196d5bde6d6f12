package io.vas.core.resource;

import static io.vas.core.resource.Control.Call.prctl;
import static io.vas.core.resource.Control.WHERE;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.ControlState;
import io.vas.core.image.ProcessControlsState;
import java.util.List;
import java.util.Optional;

/** Settings of prctl(2) that a process has as a whole. */
public final class ProcessControls implements ProcessResource {
  private static final String KIND = "process controls";

  private static final List<Control> CONTROLS =
      List.of(
          // PR_GET_CHILD_SUBREAPER, PR_SET_CHILD_SUBREAPER
          new Control(
              "child subreaper", prctl(37, WHERE), value -> value == 0, value -> prctl(36, value)),
          // PR_GET_THP_DISABLE, PR_SET_THP_DISABLE: bit 0 is on or off, the others are flags
          new Control(
              "huge pages off",
              prctl(42),
              value -> value == 0,
              value -> prctl(41, value & 1, value & ~1)),
          // PR_GET_MEMORY_MERGE, PR_SET_MEMORY_MERGE
          new Control(
              "merging of equal pages", prctl(68), value -> value == 0, value -> prctl(67, value)),
          // PR_GET_MDWE, PR_SET_MDWE: it cannot be taken back, so it comes when memory is complete
          new Control(
              "no writable code", prctl(66), value -> value == 0, value -> prctl(65, value)));

  /** The kind. */
  public ProcessControls() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Phase phase() {
    return Phase.CREDENTIALS;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    Control.plan(CONTROLS, KIND, plan.processProgram());
  }

  @Override
  public Optional<? extends Message> capture(
      final ProcessRecord process, final CaptureContext context) {
    final List<ControlState> images = Control.capture(CONTROLS, KIND, process.program());
    return images.isEmpty()
        ? Optional.empty()
        : Optional.of(ProcessControlsState.newBuilder().addAllControls(images).build());
  }

  @Override
  public void restore(final ByteString state, final ProcessRestore restore)
      throws InvalidProtocolBufferException {
    Control.restore(CONTROLS, ProcessControlsState.parseFrom(state).getControlsList(), restore);
  }
}
