package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.SignalActionsState;
import io.vas.core.linux.Signals;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.Optional;

/** What the process does on each signal: handlers, their flags, restorers and masks. */
public final class SignalActions implements ProcessResource {
  private static final String KIND = "signal actions";

  /** Bytes of the kernel's struct sigaction, which is not the C library's. */
  private static final int ACTION_LENGTH = 32;

  /** Bytes of the kernel's sigset_t. */
  private static final int SET_LENGTH = 8;

  /** The kind. */
  public SignalActions() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Phase phase() {
    return Phase.PROCESS;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    final ProgramBuilder program = plan.processProgram();
    final Data actions = program.data(KIND, Signals.COUNT * ACTION_LENGTH);
    for (int signal = 1; signal <= Signals.COUNT; signal++) {
      if (isSettable(signal)) {
        program.callAny(
            KIND + ": read " + signal,
            SystemCall.RT_SIGACTION,
            signal,
            0,
            actions.plus(offset(signal)),
            SET_LENGTH);
      }
    }
  }

  @Override
  public Optional<? extends Message> capture(
      final ProcessRecord process, final CaptureContext context) {
    for (int signal = 1; signal <= Signals.COUNT; signal++) {
      if (isSettable(signal)) {
        Recorded.result(process.program(), KIND + ": read " + signal);
      }
    }
    final byte[] actions = Recorded.bytes(process.program().data(KIND));
    return Optional.of(
        SignalActionsState.newBuilder().setActions(ByteString.copyFrom(actions)).build());
  }

  @Override
  public boolean isSettable() {
    return true;
  }

  @Override
  public void restore(final ByteString state, final ProcessRestore restore)
      throws InvalidProtocolBufferException {
    final ProgramBuilder program = restore.program();
    final Data actions =
        program.data(SignalActionsState.parseFrom(state).getActions().toByteArray());
    // Default actions, too: signals that the keeper ignores are ignored in its children, even after
    // CLONE_CLEAR_SIGHAND.
    for (int signal = 1; signal <= Signals.COUNT; signal++) {
      if (isSettable(signal)) {
        program.call(
            restore.name("set " + signal),
            SystemCall.RT_SIGACTION,
            signal,
            actions.plus(offset(signal)),
            0,
            SET_LENGTH);
      }
    }
  }

  private static boolean isSettable(final int signal) {
    return signal != Signals.SIGKILL && signal != Signals.SIGSTOP;
  }

  private static int offset(final int signal) {
    return (signal - 1) * ACTION_LENGTH;
  }
}
