package io.vas.core.resource;

import java.util.List;

/** The kinds of resources, each list in the order in which they are captured and restored. */
public final class Resources {
  private static final List<ProcessResource> PROCESS = List.of();

  private static final List<TaskResource> TASK = List.of(new Registers());

  private static final List<DescriptorResource> DESCRIPTOR = List.of();

  private Resources() {}

  /**
   * What a process has once.
   *
   * @return all kinds.
   */
  public static List<ProcessResource> process() {
    return PROCESS;
  }

  /**
   * What every task has.
   *
   * @return all kinds.
   */
  public static List<TaskResource> task() {
    return TASK;
  }

  /**
   * What descriptors refer to.
   *
   * @return all kinds, the more special before the more general.
   */
  public static List<DescriptorResource> descriptor() {
    return DESCRIPTOR;
  }
}
