package io.vas.core.resource;

import io.vas.core.linux.ProcStatus;

/**
 * Seccomp filters of the instance's own, which are refused: they would stop the programs that vas
 * runs in its tasks. The keeper does not freeze a process whose first task has one, but for the one
 * that guards mapped memory, which all tasks of a fork have. So here all must be as the first.
 */
public final class Seccomp extends Refusal.OfTask {
  private static final String MODE = "Seccomp";
  private static final String FILTERS = "Seccomp_filters";

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
    if (!state(task).equals(state(task.process().tasks().get(0)))) {
      throw context.unsupported(
          task.process(), kind(), "thread " + task.tid() + " has a filter of its own");
    }
  }

  private static String state(final TaskRecord task) {
    final ProcStatus status = ProcStatus.parse(task.file("status"));
    return value(status, MODE) + " " + value(status, FILTERS);
  }

  private static String value(final ProcStatus status, final String line) {
    return status.has(line) ? status.value(line) : "";
  }
}
