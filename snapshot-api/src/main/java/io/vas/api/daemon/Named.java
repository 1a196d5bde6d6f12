package io.vas.api.daemon;

import io.vas.core.ConflictException;
import io.vas.core.DeadlineException;
import io.vas.core.ForbiddenException;
import io.vas.core.InvalidRequestException;
import io.vas.core.NotFoundException;
import io.vas.core.StoreFullException;
import io.vas.core.UnsupportedException;
import io.vas.core.VasException;

/** Errors that say which instance or snapshot they are about. */
final class Named {
  private Named() {}

  /**
   * The same error with a name before its message.
   *
   * @param what for example {@code instance web}.
   * @param error of any kind.
   * @return an error of the same kind; the same one if it has the name already.
   */
  static VasException error(final String what, final VasException error) {
    final String name = what.substring(what.indexOf(' ') + 1);
    if (error.getMessage().contains(name)) {
      return error;
    }
    final String message = what + ": " + error.getMessage();
    if (error instanceof UnsupportedException e) {
      return new UnsupportedException(message, e.pid(), e.descriptor(), e.kind(), e.reason());
    }
    if (error instanceof DeadlineException) {
      return new DeadlineException(message, error);
    }
    if (error instanceof StoreFullException) {
      return new StoreFullException(message, error);
    }
    if (error instanceof NotFoundException) {
      return new NotFoundException(message, error);
    }
    if (error instanceof ConflictException) {
      return new ConflictException(message, error);
    }
    if (error instanceof ForbiddenException) {
      return new ForbiddenException(message, error);
    }
    if (error instanceof InvalidRequestException) {
      return new InvalidRequestException(message, error);
    }
    return new VasException(message, error);
  }
}
