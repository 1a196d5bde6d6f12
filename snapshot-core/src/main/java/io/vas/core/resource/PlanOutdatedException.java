package io.vas.core.resource;

import io.vas.core.VasException;

/**
 * The instance has something that the plan did not foresee, so that not all of it was recorded. A
 * plan that is made for this instance now will foresee it: {@link
 * PlanBuilder#PlanBuilder(java.nio.file.Path)}.
 */
public final class PlanOutdatedException extends VasException {
  private static final long serialVersionUID = 1L;

  /**
   * Something was not recorded.
   *
   * @param what for example {@code timer 77}.
   */
  public PlanOutdatedException(final String what) {
    super(what + " came up while the snapshot was planned: try again");
  }
}
