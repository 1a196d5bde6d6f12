package io.vas.core.resource;

/**
 * When in a fork's program a resource is restored. Phases run one after the other; within a phase,
 * resources run in the order in which {@link Resources} lists them.
 *
 * <p>Up to {@link #PROCESS} there is one task, and it has all capabilities. {@link #TASK} runs in
 * every task; {@link #TIMERS} again in the first one, when all tasks exist and have done {@link
 * #TASK}; {@link #CREDENTIALS} and {@link #LAST} in every task, for task resources, and in the
 * first one, before its task resources, for process resources. All signals are blocked throughout.
 */
public enum Phase {
  /** The namespaces are set up; the old address space and descriptors are still there. */
  SANDBOX,
  /** The files that live with the instance have their contents, and are not mapped yet. */
  OBJECTS,
  /** The address space is the restored one. */
  MEMORY,
  /** All files are open, at their numbers. Before this phase ends, descriptors are restored. */
  DESCRIPTORS,
  /** State that all tasks of the process share. */
  PROCESS,
  /** State of one task. */
  TASK,
  /** What starts to run or to wake tasks that must exist: timers. */
  TIMERS,
  /** Users, groups, capabilities: nothing privileged works afterwards. */
  CREDENTIALS,
  /** What a change of credentials resets, limits that would have hindered the program. */
  LAST
}
