package io.vas.core.linux;

/**
 * What was found out about one thing that vas uses.
 *
 * @param name of the thing.
 * @param status whether it is there.
 * @param detail what was found.
 * @param consequence what follows from it for vas, empty if all is well.
 */
public record Finding(String name, Status status, String detail, String consequence) {
  /** Whether the thing is there, and how much its lack matters. */
  public enum Status {
    /** It is there, or is not needed. */
    OK,
    /** It is not there, and vas does with less. */
    DEGRADED,
    /** It is not there, and vas, or an essential part of it, does not work. */
    MISSING
  }
}
