package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.RegistersState;
import io.vas.core.linux.ProcStatus;
import io.vas.core.program.SystemCall;
import java.util.Optional;
import java.util.OptionalInt;
import org.agrona.DirectBuffer;

/**
 * The registers of a task, and the system call that it was in.
 *
 * <p>All but the bases of fs and gs come back with the task's last step, {@link SignalFrame}.
 */
public final class Registers implements TaskResource {
  /** The kind's name. */
  public static final String KIND = "registers";

  /** In an XSAVE area: u64, the components that are in use. */
  public static final int COMPONENTS_OFFSET = XsaveArea.PRESENT_OFFSET;

  /** Of those, the ones that can't be restored. */
  public static final long UNSUPPORTED_COMPONENTS = XsaveArea.DYNAMIC_COMPONENTS;

  private static final int ARCH_SET_GS = 0x1001;
  private static final int ARCH_SET_FS = 0x1002;

  /** The only code segment of 64-bit tasks. */
  private static final int USER_CS = 0x33;

  /** The kind. */
  public Registers() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    plan.taskFile("status");
  }

  @Override
  public Optional<? extends Message> capture(final TaskRecord task, final CaptureContext context) {
    final GeneralRegisters registers = new GeneralRegisters(bytes(task.registers()));
    final byte[] xstate = bytes(task.xstate());
    if (!areSupported(task.registers())) {
      throw context.unsupported(task.process(), "32-bit code", "task " + task.tid() + " runs it");
    }
    if (XsaveArea.hasDynamicComponents(task.xstate())) {
      throw context.unsupported(task.process(), "AMX tiles", "task " + task.tid() + " uses them");
    }
    final ProcStatus status = ProcStatus.parse(task.file("status"));
    final long waiting =
        (status.mask("SigPnd") | status.mask("ShdPnd"))
            & ~task.signalMask()
            & ~status.mask("SigIgn");
    final OptionalInt call = InterruptedCall.resume(registers, waiting != 0);
    final RegistersState.Builder state =
        RegistersState.newBuilder()
            .setGeneral(ByteString.copyFrom(registers.bytes()))
            .setXstate(ByteString.copyFrom(xstate))
            .setSignalMask(task.signalMask());
    call.ifPresent(state::setRepeatedCall);
    return Optional.of(state.build());
  }

  private static boolean areSupported(final DirectBuffer general) {
    return general.getLong(GeneralRegisters.CS_OFFSET, LITTLE_ENDIAN) == USER_CS;
  }

  @Override
  public void restore(final ByteString state, final TaskRestore restore)
      throws InvalidProtocolBufferException {
    final GeneralRegisters registers =
        new GeneralRegisters(RegistersState.parseFrom(state).getGeneral().toByteArray());
    restore
        .program()
        .call(
            restore.name("base of fs"),
            SystemCall.ARCH_PRCTL,
            ARCH_SET_FS,
            registers.get(GeneralRegisters.FS_BASE_OFFSET));
    restore
        .program()
        .call(
            restore.name("base of gs"),
            SystemCall.ARCH_PRCTL,
            ARCH_SET_GS,
            registers.get(GeneralRegisters.GS_BASE_OFFSET));
  }

  private static byte[] bytes(final DirectBuffer buffer) {
    final byte[] bytes = new byte[buffer.capacity()];
    buffer.getBytes(0, bytes);
    return bytes;
  }
}
