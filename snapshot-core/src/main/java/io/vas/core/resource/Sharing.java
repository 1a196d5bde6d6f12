package io.vas.core.resource;

import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import java.util.Map;

/** Threads that have left what threads share, which are refused: see CLONE_FILES in unshare(2). */
public final class Sharing extends Refusal.OfTask {
  private static final String KIND = "sharing";

  /** KCMP_FILES and KCMP_FS, and what they are about. */
  private static final Map<Integer, String> SHARED =
      Map.of(2, "descriptors", 3, "working directory and umask");

  /** The kind. */
  public Sharing() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    final ProgramBuilder program = plan.taskProgram();
    final Result pid = program.callAny(KIND + ": pid", SystemCall.GETPID);
    final Result tid = program.callAny(KIND + ": tid", SystemCall.GETTID);
    SHARED.forEach(
        (type, what) -> program.callAny(KIND + ": " + what, SystemCall.KCMP, pid, tid, type, 0, 0));
  }

  @Override
  void refuse(final TaskRecord task, final CaptureContext context) {
    SHARED.forEach(
        (type, what) -> {
          // It fails in kernels without CONFIG_KCMP.
          if (task.program().result(KIND + ": " + what) > 0) {
            throw context.unsupported(
                task.process(), KIND, "thread " + task.tid() + " has its own " + what);
          }
        });
  }
}
