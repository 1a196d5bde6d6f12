package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import org.agrona.MutableDirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * The general registers of a task: {@code struct user_regs_struct} of x86-64, 64 bits each, in the
 * order r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs,
 * eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs.
 */
public final class GeneralRegisters {
  /** Offset of r15. */
  public static final int R15_OFFSET = 0;

  /** Offset of r14. */
  public static final int R14_OFFSET = R15_OFFSET + Long.BYTES;

  /** Offset of r13. */
  public static final int R13_OFFSET = R14_OFFSET + Long.BYTES;

  /** Offset of r12. */
  public static final int R12_OFFSET = R13_OFFSET + Long.BYTES;

  /** Offset of rbp. */
  public static final int RBP_OFFSET = R12_OFFSET + Long.BYTES;

  /** Offset of rbx. */
  public static final int RBX_OFFSET = RBP_OFFSET + Long.BYTES;

  /** Offset of r11. */
  public static final int R11_OFFSET = RBX_OFFSET + Long.BYTES;

  /** Offset of r10. */
  public static final int R10_OFFSET = R11_OFFSET + Long.BYTES;

  /** Offset of r9. */
  public static final int R9_OFFSET = R10_OFFSET + Long.BYTES;

  /** Offset of r8. */
  public static final int R8_OFFSET = R9_OFFSET + Long.BYTES;

  /** Offset of rax. */
  public static final int RAX_OFFSET = R8_OFFSET + Long.BYTES;

  /** Offset of rcx. */
  public static final int RCX_OFFSET = RAX_OFFSET + Long.BYTES;

  /** Offset of rdx. */
  public static final int RDX_OFFSET = RCX_OFFSET + Long.BYTES;

  /** Offset of rsi. */
  public static final int RSI_OFFSET = RDX_OFFSET + Long.BYTES;

  /** Offset of rdi. */
  public static final int RDI_OFFSET = RSI_OFFSET + Long.BYTES;

  /** Offset of the number of the system call that the task is in, -1 if it is in none. */
  public static final int ORIG_RAX_OFFSET = RDI_OFFSET + Long.BYTES;

  /** Offset of rip. */
  public static final int RIP_OFFSET = ORIG_RAX_OFFSET + Long.BYTES;

  /** Offset of cs. */
  public static final int CS_OFFSET = RIP_OFFSET + Long.BYTES;

  /** Offset of eflags. */
  public static final int EFLAGS_OFFSET = CS_OFFSET + Long.BYTES;

  /** Offset of rsp. */
  public static final int RSP_OFFSET = EFLAGS_OFFSET + Long.BYTES;

  /** Offset of ss. */
  public static final int SS_OFFSET = RSP_OFFSET + Long.BYTES;

  /** Offset of the base that the segment register fs stands for. */
  public static final int FS_BASE_OFFSET = SS_OFFSET + Long.BYTES;

  /** Offset of the base that the segment register gs stands for. */
  public static final int GS_BASE_OFFSET = FS_BASE_OFFSET + Long.BYTES;

  /** Offset of ds. */
  public static final int DS_OFFSET = GS_BASE_OFFSET + Long.BYTES;

  /** Offset of es. */
  public static final int ES_OFFSET = DS_OFFSET + Long.BYTES;

  /** Offset of fs. */
  public static final int FS_OFFSET = ES_OFFSET + Long.BYTES;

  /** Offset of gs. */
  public static final int GS_OFFSET = FS_OFFSET + Long.BYTES;

  /** Bytes of all of them. */
  public static final int LENGTH = GS_OFFSET + Long.BYTES;

  private final MutableDirectBuffer buffer;

  /**
   * Registers in an array.
   *
   * @param bytes {@link #LENGTH} bytes, which belong to the new object.
   */
  public GeneralRegisters(final byte[] bytes) {
    if (bytes.length != LENGTH) {
      throw new IllegalArgumentException(bytes.length + " bytes of registers, not " + LENGTH);
    }
    buffer = new UnsafeBuffer(bytes);
  }

  /**
   * The value of a register.
   *
   * @param offset of the constants.
   * @return its 64 bits.
   */
  public long get(final int offset) {
    return buffer.getLong(offset, LITTLE_ENDIAN);
  }

  /**
   * Change a register.
   *
   * @param offset of the constants.
   * @param value its 64 bits.
   */
  public void set(final int offset, final long value) {
    buffer.putLong(offset, value, LITTLE_ENDIAN);
  }

  /**
   * All of them.
   *
   * @return a copy.
   */
  public byte[] bytes() {
    final byte[] bytes = new byte[LENGTH];
    buffer.getBytes(0, bytes);
    return bytes;
  }
}
