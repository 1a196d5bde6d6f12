package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.image.RegistersState;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * What rt_sigreturn(2) takes a task's registers and signal mask from: {@code struct ucontext} of
 * x86-64, as the kernel's own signal delivery writes it, with the XSAVE area behind it.
 *
 * <pre>
 *   0  uc_flags        8  uc_link       16  uc_stack (sp, flags, size)
 *  40  r8 .. r15     104  rdi rsi rbp rbx rdx rax rcx rsp rip eflags
 * 184  cs gs fs ss (16 bits each)      192  err trapno oldmask cr2
 * 224  fpstate       232  reserved     296  uc_sigmask
 * 320  XSAVE area, aligned to 64 bytes, and FP_XSTATE_MAGIC2
 * </pre>
 */
public final class SignalFrame {
  private static final int UC_FP_XSTATE = 1;
  private static final int UC_SIGCONTEXT_SS = 2;
  private static final int UC_STRICT_RESTORE_SS = 4;

  private static final int FLAGS_OFFSET = 0;
  private static final int R8_OFFSET = 40;
  private static final int EFLAGS_OFFSET = 176;
  private static final int CS_OFFSET = EFLAGS_OFFSET + Long.BYTES;
  private static final int GS_OFFSET = CS_OFFSET + Short.BYTES;
  private static final int FS_OFFSET = GS_OFFSET + Short.BYTES;
  private static final int SS_OFFSET = FS_OFFSET + Short.BYTES;
  private static final int FPSTATE_OFFSET = 224;
  private static final int SIGMASK_OFFSET = 296;
  private static final int XSAVE_OFFSET = 320;
  private static final int ALIGNMENT = 64;

  /** In the order of the frame, from r8 on. */
  private static final int[] IN_FRAME_ORDER = {
    GeneralRegisters.R8_OFFSET,
    GeneralRegisters.R9_OFFSET,
    GeneralRegisters.R10_OFFSET,
    GeneralRegisters.R11_OFFSET,
    GeneralRegisters.R12_OFFSET,
    GeneralRegisters.R13_OFFSET,
    GeneralRegisters.R14_OFFSET,
    GeneralRegisters.R15_OFFSET,
    GeneralRegisters.RDI_OFFSET,
    GeneralRegisters.RSI_OFFSET,
    GeneralRegisters.RBP_OFFSET,
    GeneralRegisters.RBX_OFFSET,
    GeneralRegisters.RDX_OFFSET,
    GeneralRegisters.RAX_OFFSET,
    GeneralRegisters.RCX_OFFSET,
    GeneralRegisters.RSP_OFFSET,
    GeneralRegisters.RIP_OFFSET,
    GeneralRegisters.EFLAGS_OFFSET
  };

  private SignalFrame() {}

  /**
   * Put a frame into a program's data.
   *
   * <p>It has no alternate stack, which the kernel takes for an invalid one and so leaves the one
   * alone that the task has set before.
   *
   * @param program the program; a step is added that completes the frame.
   * @param name of the data.
   * @param state what the frame is to hold.
   * @return the frame, for {@link ProgramBuilder#signalReturn}.
   */
  public static Data add(
      final ProgramBuilder program, final String name, final RegistersState state) {
    final GeneralRegisters registers = new GeneralRegisters(state.getGeneral().toByteArray());
    final byte[] xsave = XsaveArea.forSignalFrame(state.getXstate().toByteArray());
    final byte[] bytes = new byte[XSAVE_OFFSET + xsave.length];
    final UnsafeBuffer frame = new UnsafeBuffer(bytes);

    frame.putLong(
        FLAGS_OFFSET, UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS, LITTLE_ENDIAN);
    for (int i = 0; i < IN_FRAME_ORDER.length; i++) {
      frame.putLong(R8_OFFSET + i * Long.BYTES, registers.get(IN_FRAME_ORDER[i]), LITTLE_ENDIAN);
    }
    frame.putShort(CS_OFFSET, (short) registers.get(GeneralRegisters.CS_OFFSET), LITTLE_ENDIAN);
    frame.putShort(GS_OFFSET, (short) registers.get(GeneralRegisters.GS_OFFSET), LITTLE_ENDIAN);
    frame.putShort(FS_OFFSET, (short) registers.get(GeneralRegisters.FS_OFFSET), LITTLE_ENDIAN);
    frame.putShort(SS_OFFSET, (short) registers.get(GeneralRegisters.SS_OFFSET), LITTLE_ENDIAN);
    frame.putLong(SIGMASK_OFFSET, state.getSignalMask(), LITTLE_ENDIAN);
    frame.putBytes(XSAVE_OFFSET, xsave);

    final Data data = program.data(name, bytes.length, ALIGNMENT);
    program.fill(data, bytes);
    // The program's address is not known before it runs.
    program.store(data.plus(FPSTATE_OFFSET), data.plus(XSAVE_OFFSET), Long.BYTES);
    return data;
  }
}
