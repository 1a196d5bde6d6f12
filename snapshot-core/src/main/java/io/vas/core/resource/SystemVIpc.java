package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.ProgramResults;
import io.vas.core.program.SystemCall;

/**
 * Objects of System V IPC, which are refused: shared memory, semaphores and message queues live in
 * the instance's IPC namespace, attached or not. /proc/sysvipc shows those of its reader, so the
 * process itself is made to ask. POSIX message queues that nobody has open are not kept.
 */
public final class SystemVIpc extends Refusal.OfProcess {
  private static final String KIND = "System V IPC";
  private static final int MSG_INFO = 12;
  private static final int SHM_INFO = 14;
  private static final int SEM_INFO = 19;

  /** More than the largest of struct msginfo, shm_info and seminfo. */
  private static final int INFO_LENGTH = 64;

  private static final int SHM_USED_OFFSET = 0;
  private static final int MSG_USED_OFFSET = 0;
  private static final int SEM_USED_OFFSET = 28;

  /** The kind. */
  public SystemVIpc() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    final ProgramBuilder program = plan.processProgram();
    program.callAny(
        KIND + ": shared memory",
        SystemCall.SHMCTL,
        0,
        SHM_INFO,
        program.data(KIND + " shared memory", INFO_LENGTH));
    program.callAny(
        KIND + ": semaphores",
        SystemCall.SEMCTL,
        0,
        0,
        SEM_INFO,
        program.data(KIND + " semaphores", INFO_LENGTH));
    program.callAny(
        KIND + ": message queues",
        SystemCall.MSGCTL,
        0,
        MSG_INFO,
        program.data(KIND + " message queues", INFO_LENGTH));
  }

  @Override
  void refuse(final ProcessRecord process, final CaptureContext context) {
    refuse("shared memory", SHM_USED_OFFSET, process, context);
    refuse("semaphores", SEM_USED_OFFSET, process, context);
    refuse("message queues", MSG_USED_OFFSET, process, context);
  }

  private static void refuse(
      final String what,
      final int usedOffset,
      final ProcessRecord process,
      final CaptureContext context) {
    final ProgramResults results = process.program();
    if (results.failed(KIND + ": " + what)) {
      return; // a kernel without it
    }
    final int used = results.data(KIND + " " + what).getInt(usedOffset, LITTLE_ENDIAN);
    if (used != 0) {
      throw context.unsupported(
          process, KIND, what + ": the instance has " + used + ", and they are not supported");
    }
  }
}
