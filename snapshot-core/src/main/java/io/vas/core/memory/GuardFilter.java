package io.vas.core.memory;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Lets the calls of a fork wait for the keeper that the guard of its mapped memory is not told of,
 * or that a mapping of a file would answer differently than anonymous memory: mremap, and madvise
 * with {@code MADV_FREE}, {@code MADV_WIPEONFORK} and {@code MADV_GUARD_INSTALL}. The keeper makes
 * anonymous what they are about, and then they go on.
 *
 * <p>The filter is a seccomp filter that lets everything else pass; the kernel decides that by a
 * bitmap, without running it. It is visible in the fork as {@code Seccomp: 2}.
 */
public final class GuardFilter {
  private static final int SECCOMP_SET_MODE_FILTER = 1;

  /** Without it kernels before 5.16 slow the task down by speculation mitigations. */
  private static final int SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4;

  /** The call returns a descriptor on which the calls that wait are told. */
  private static final int SECCOMP_FILTER_FLAG_NEW_LISTENER = 8;

  private static final int AUDIT_ARCH_X86_64 = 0xC000003E;
  private static final int MADV_FREE = 8;
  private static final int MADV_WIPEONFORK = 18;
  private static final int MADV_GUARD_INSTALL = 102;
  private static final int EINVAL = 22;

  // struct seccomp_data
  private static final int NUMBER = 0;
  private static final int ARCHITECTURE = 4;
  private static final int THIRD_ARGUMENT = 32;
  private static final int FOURTH_ARGUMENT = 40;

  // Instructions of the classic BPF, linux/bpf_common.h
  private static final int LOAD = 0x20;
  private static final int JUMP_IF_EQUAL = 0x15;
  private static final int RETURN = 0x06;
  private static final int RET_ALLOW = 0x7fff0000;
  private static final int RET_USER_NOTIF = 0x7fc00000;
  private static final int RET_ERRNO = 0x00050000;

  private static final int[][] FILTER = {
    // code, jump if true, jump if false, operand; jumps count from the next instruction
    {LOAD, 0, 0, ARCHITECTURE},
    {JUMP_IF_EQUAL, 0, 10, AUDIT_ARCH_X86_64},
    {LOAD, 0, 0, NUMBER},
    {JUMP_IF_EQUAL, 9, 0, SystemCall.MREMAP},
    {JUMP_IF_EQUAL, 3, 0, SystemCall.MADVISE},
    {JUMP_IF_EQUAL, 0, 6, SystemCall.PROCESS_MADVISE},
    {LOAD, 0, 0, FOURTH_ARGUMENT},
    {JUMP_IF_EQUAL, 6, 4, MADV_GUARD_INSTALL},
    {LOAD, 0, 0, THIRD_ARGUMENT},
    {JUMP_IF_EQUAL, 3, 0, MADV_FREE},
    {JUMP_IF_EQUAL, 2, 0, MADV_WIPEONFORK},
    {JUMP_IF_EQUAL, 1, 0, MADV_GUARD_INSTALL},
    {RETURN, 0, 0, RET_ALLOW},
    {RETURN, 0, 0, RET_USER_NOTIF},
    // The keeper could not tell whose memory it is about. Only Linux 6.13 and later know this.
    {RETURN, 0, 0, RET_ERRNO | EINVAL},
  };
  private static final int INSTRUCTION_LENGTH = 8;

  private GuardFilter() {}

  /**
   * Adds the steps that install the filter in the task that runs the program. Tasks that it creates
   * afterwards inherit it. Needs CAP_SYS_ADMIN.
   *
   * @param program to add to.
   * @return the listener, for the keeper.
   */
  public static Result install(final ProgramBuilder program) {
    final UnsafeBuffer code = new UnsafeBuffer(new byte[FILTER.length * INSTRUCTION_LENGTH]);
    for (int i = 0; i < FILTER.length; i++) {
      final int at = i * INSTRUCTION_LENGTH;
      code.putShort(at, (short) FILTER[i][0], LITTLE_ENDIAN);
      code.putByte(at + 2, (byte) FILTER[i][1]);
      code.putByte(at + 3, (byte) FILTER[i][2]);
      code.putInt(at + 4, FILTER[i][3], LITTLE_ENDIAN);
    }
    final Data instructions = program.data(code.byteArray());
    // struct sock_fprog: the number of instructions, their address
    final UnsafeBuffer filter = new UnsafeBuffer(new byte[2 * Long.BYTES]);
    filter.putShort(0, (short) FILTER.length, LITTLE_ENDIAN);
    final Data description = program.data("guard filter", filter.byteArray());
    program.store(description.plus(Long.BYTES), instructions, Long.BYTES);
    return program.call(
        "guard filter",
        SystemCall.SECCOMP,
        SECCOMP_SET_MODE_FILTER,
        SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_NEW_LISTENER,
        description);
  }
}
