package io.vas.core.program;

/** What an argument of an operation can be. */
public sealed interface Value permits Immediate, Result, Data, ReportRef, StackRef {
  /**
   * A value that is known when the program is made.
   *
   * @param value any 64 bits.
   * @return the value.
   */
  static Value of(final long value) {
    return new Immediate(value);
  }
}
