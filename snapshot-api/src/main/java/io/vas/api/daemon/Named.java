package io.vas.api.daemon;

import io.vas.core.ConflictException;
import io.vas.core.DeadlineException;
import io.vas.core.ForbiddenException;
import io.vas.core.InvalidRequestException;
import io.vas.core.NotFoundException;
import io.vas.core.StoreFullException;
import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import java.util.regex.Pattern;

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
    if (isNamed(error.getMessage(), what.substring(what.indexOf(' ') + 1))) {
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

  /** As a word: an instance may be called by a letter. */
  private static boolean isNamed(final String message, final String name) {
    return Pattern.compile("(?<![\\w-])" + Pattern.quote(name) + "(?![\\w-])")
        .matcher(message)
        .find();
  }
}
