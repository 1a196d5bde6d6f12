package io.vas.core.resource;

import io.vas.core.image.TaskImage;

/** Where the steps that restore state of a task go. They run in the task itself. */
public interface TaskRestore extends Restore {
  /**
   * The task that is restored.
   *
   * @return its image.
   */
  TaskImage task();

  /**
   * Whether it is the first task of its process.
   *
   * @return whether its tid is the pid.
   */
  boolean isLeader();
}
