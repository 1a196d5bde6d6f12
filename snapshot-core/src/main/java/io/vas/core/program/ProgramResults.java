package io.vas.core.program;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/** What a program that ran has left: the results of its operations and its data. */
public final class ProgramResults {
  private final Program program;
  private final DirectBuffer payload;

  /**
   * The results of a run.
   *
   * @param program the program that ran.
   * @param payload the program as it is after it ran, from its results on; it is not copied.
   */
  public ProgramResults(final Program program, final DirectBuffer payload) {
    final int expected = program.length() - program.resultsOffset();
    if (payload.capacity() < expected) {
      throw new IllegalArgumentException(
          "a program of "
              + program.length()
              + " bytes leaves "
              + expected
              + ", not "
              + payload.capacity());
    }
    this.program = program;
    this.payload = payload;
  }

  /**
   * The program that ran.
   *
   * @return the program.
   */
  public Program program() {
    return program;
  }

  /**
   * What an operation returned.
   *
   * @param step name of the operation.
   * @return the value, or -errno; 0 if it did not run.
   * @throws java.util.NoSuchElementException if there is no such operation.
   */
  public long result(final String step) {
    return result(program.resultOf(step));
  }

  /**
   * What an operation returned, or what a parameter was.
   *
   * @param result of this program.
   * @return the value, or -errno; 0 if it did not run.
   */
  public long result(final Result result) {
    if (result.slot() >= program.resultCount()) {
      throw new IllegalArgumentException("slot " + result.slot() + " of " + program.resultCount());
    }
    return payload.getLong(result.slot() * Long.BYTES, LITTLE_ENDIAN);
  }

  /**
   * Whether an operation returned an error.
   *
   * @param step name of the operation.
   * @return whether the result is in -4095..-1.
   */
  public boolean failed(final String step) {
    final long result = result(step);
    return result < 0 && result >= -4095;
  }

  /**
   * A named piece of data, as it was left.
   *
   * @param name of the piece.
   * @return a view of it.
   * @throws java.util.NoSuchElementException if there is no such piece.
   */
  public DirectBuffer data(final String name) {
    return data(program.piece(name));
  }

  /**
   * A piece of data, as it was left.
   *
   * @param piece of this program.
   * @return a view of it.
   */
  public DirectBuffer data(final Data piece) {
    return new UnsafeBuffer(
        payload, program.dataOffset(piece) - program.resultsOffset(), piece.length());
  }
}
