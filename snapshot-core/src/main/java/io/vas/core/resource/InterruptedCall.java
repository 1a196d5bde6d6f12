package io.vas.core.resource;

import static io.vas.core.resource.GeneralRegisters.ORIG_RAX_OFFSET;
import static io.vas.core.resource.GeneralRegisters.RAX_OFFSET;
import static io.vas.core.resource.GeneralRegisters.RIP_OFFSET;

import io.vas.core.linux.Errno;
import java.util.OptionalInt;

/**
 * A system call that a task was in when it was stopped.
 *
 * <p>The kernel leaves an error of its own in rax that says how the call is to be continued, and
 * does so itself when the task goes on. A task that is made anew has no such call, so the registers
 * must be set as the kernel would have set them (arch/x86/kernel/signal.c). What it can not be
 * given is the time that was left of a relative timeout (the kernel's restart block): such a call
 * is made again with its full time.
 */
final class InterruptedCall {
  private static final long ERESTARTSYS = -512;
  private static final long ERESTARTNOINTR = -513;
  private static final long ERESTARTNOHAND = -514;
  private static final long ERESTART_RESTARTBLOCK = -516;
  private static final int SYSCALL_INSTRUCTION_LENGTH = 2;

  private InterruptedCall() {}

  /**
   * Set the registers so that the task goes on as if it had not been stopped.
   *
   * @param registers of the stopped task.
   * @param signalWaits whether a signal waits that the task does not block: its delivery ends calls
   *     that are only restarted when there is no handler.
   * @return the number of the call that will be made again, empty if there is none.
   */
  static OptionalInt resume(final GeneralRegisters registers, final boolean signalWaits) {
    final long call = registers.get(ORIG_RAX_OFFSET);
    final long result = registers.get(RAX_OFFSET);
    // Once it is looked at, the call must not be continued a second time.
    registers.set(ORIG_RAX_OFFSET, -1);
    if (call < 0) {
      return OptionalInt.empty();
    }
    if (result == ERESTARTSYS
        || result == ERESTARTNOINTR
        || ((result == ERESTARTNOHAND || result == ERESTART_RESTARTBLOCK) && !signalWaits)) {
      registers.set(RIP_OFFSET, registers.get(RIP_OFFSET) - SYSCALL_INSTRUCTION_LENGTH);
      registers.set(RAX_OFFSET, call);
      return OptionalInt.of((int) call);
    }
    if (result == ERESTARTNOHAND || result == ERESTART_RESTARTBLOCK) {
      registers.set(RAX_OFFSET, -Errno.EINTR.number());
    }
    return OptionalInt.empty();
  }
}
