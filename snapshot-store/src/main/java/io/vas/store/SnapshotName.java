package io.vas.store;

import io.vas.core.InvalidRequestException;
import java.util.regex.Pattern;

/**
 * A name of a snapshot, in the manner of container images.
 *
 * @param name lower-case letters, digits, and {@code . _ - /} between them; at most 128 characters.
 * @param tag letters, digits and {@code _ . -}, the first not being {@code .} or {@code -}; at most
 *     128 characters.
 */
public record SnapshotName(String name, String tag) {
  /** The tag of a name that is given without one. */
  public static final String DEFAULT_TAG = "latest";

  /** The most characters of a name, and of a tag. */
  public static final int LENGTH_MAX = 128;

  private static final Pattern NAME = Pattern.compile("[a-z0-9]+([._/-]+[a-z0-9]+)*");
  private static final Pattern TAG = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}");

  /**
   * A name from its parts.
   *
   * @throws InvalidRequestException if a part is malformed.
   */
  public SnapshotName {
    checkLength(name, "name");
    checkLength(tag, "tag");
    if (!NAME.matcher(name).matches()) {
      throw new InvalidRequestException(
          "'"
              + name
              + "' is not a snapshot's name: lower-case letters and digits, with . _ - / between");
    }
    if (!TAG.matcher(tag).matches()) {
      throw new InvalidRequestException(
          "'" + tag + "' is not a snapshot's tag: letters, digits and _ . -");
    }
  }

  private static void checkLength(final String part, final String what) {
    if (part.length() > LENGTH_MAX) {
      throw new InvalidRequestException(
          "a snapshot's " + what + " has 1 to " + LENGTH_MAX + " characters, not " + part.length());
    }
  }

  /**
   * A name as users write it.
   *
   * @param text {@code name:tag} or {@code name}, which means {@code name:latest}.
   * @return the name.
   * @throws InvalidRequestException if it is malformed.
   */
  public static SnapshotName parse(final String text) {
    final int colon = text.indexOf(':');
    return colon < 0
        ? new SnapshotName(text, DEFAULT_TAG)
        : new SnapshotName(text.substring(0, colon), text.substring(colon + 1));
  }

  /**
   * Whether a text could be a name, without an exception if not.
   *
   * @param text any text.
   * @return whether {@link #parse} takes it.
   */
  public static boolean isValid(final String text) {
    final int colon = text.indexOf(':');
    final String name = colon < 0 ? text : text.substring(0, colon);
    return name.length() <= LENGTH_MAX
        && NAME.matcher(name).matches()
        && (colon < 0 || TAG.matcher(text.substring(colon + 1)).matches());
  }

  @Override
  public String toString() {
    return name + ":" + tag;
  }
}
