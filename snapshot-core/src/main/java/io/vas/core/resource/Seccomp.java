package io.vas.core.resource;

import io.vas.core.linux.ProcStatus;

/**
 * Seccomp filters, which are refused: a filter would stop the programs that vas runs in its tasks.
 */
public final class Seccomp extends Refusal.OfTask {
  private static final String LINE = "Seccomp";

  /** The kind. */
  public Seccomp() {}

  @Override
  public String kind() {
    return "seccomp";
  }

  @Override
  public void plan(final PlanBuilder plan) {
    plan.taskFile("status");
  }

  @Override
  void refuse(final TaskRecord task, final CaptureContext context) {
    final ProcStatus status = ProcStatus.parse(task.file("status"));
    if (status.has(LINE) && status.number(LINE) != 0) {
      throw context.unsupported(
          task.process(), kind(), "thread " + task.tid() + " is confined by seccomp");
    }
  }
}
