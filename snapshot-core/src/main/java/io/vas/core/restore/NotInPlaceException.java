package io.vas.core.restore;

import io.vas.core.VasException;

/** An instance differs from a snapshot in a way that can't be mended in its processes. */
public final class NotInPlaceException extends VasException {
  private static final long serialVersionUID = 1L;

  NotInPlaceException(final String reason) {
    super(reason);
  }

  NotInPlaceException(final String reason, final Throwable cause) {
    super(reason, cause);
  }
}
