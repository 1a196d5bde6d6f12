package io.vas.benchmarks;

import io.vas.core.VasException;

/** Something that this machine has no room for. It is said, and is no failure. */
final class SkippedException extends VasException {
  private static final long serialVersionUID = 1L;

  SkippedException(final String why) {
    super("skipped: " + why);
  }
}
