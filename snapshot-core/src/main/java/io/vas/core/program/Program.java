package io.vas.core.program;

import io.vas.core.linux.Errno;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.agrona.MutableDirectBuffer;

/** A program of system calls, ready to be run, with the names of what it does. Immutable. */
public final class Program {
  record Step(
      String name, String resource, int code, int number, boolean exact, long expected, int slot) {}

  private final byte[] bytes;
  private final List<Step> steps;
  private final Map<String, Integer> stepIndexes;
  private final Map<String, Result> parameters;
  private final Map<String, Data> named;
  private final int resultsOffset;
  private final int resultCount;
  private final int dataOffset;

  Program(
      final byte[] bytes,
      final List<Step> steps,
      final Map<String, Integer> stepIndexes,
      final Map<String, Result> parameters,
      final Map<String, Data> named,
      final int resultsOffset,
      final int resultCount,
      final int dataOffset) {
    this.bytes = bytes;
    this.steps = List.copyOf(steps);
    this.stepIndexes = stepIndexes;
    this.parameters = parameters;
    this.named = named;
    this.resultsOffset = resultsOffset;
    this.resultCount = resultCount;
    this.dataOffset = dataOffset;
  }

  /**
   * The program as the executor reads it, see {@link ProgramDescriptor}.
   *
   * @return a copy.
   */
  public byte[] bytes() {
    return bytes.clone();
  }

  /**
   * Write the program somewhere.
   *
   * @param target with room for {@link #length()} bytes.
   * @param offset where to begin.
   */
  public void writeTo(final MutableDirectBuffer target, final int offset) {
    target.putBytes(offset, bytes);
  }

  /**
   * Its length.
   *
   * @return bytes, a multiple of 8.
   */
  public int length() {
    return bytes.length;
  }

  /**
   * How many operations it has.
   *
   * @return 0 or more.
   */
  public int stepCount() {
    return steps.size();
  }

  /**
   * The name of an operation.
   *
   * @param step its index.
   * @return its name, or {@code "step 12"} if it was given none.
   */
  public String stepName(final int step) {
    return steps.get(step).name;
  }

  /**
   * What an operation belongs to.
   *
   * @param step its index.
   * @return the resource, empty if none was named.
   */
  public String resourceOf(final int step) {
    return steps.get(step).resource;
  }

  /**
   * Where an operation's result is kept.
   *
   * @param step name of the operation.
   * @return the result.
   * @throws NoSuchElementException if there is no such operation, or its result is not kept.
   */
  public Result resultOf(final String step) {
    final Integer index = stepIndexes.get(step);
    if (index == null || steps.get(index).slot == ProgramDescriptor.NO_RESULT) {
      throw new NoSuchElementException("the program has no step \"" + step + "\" with a result");
    }
    return new Result(steps.get(index).slot);
  }

  /**
   * Whether there is an operation with a result.
   *
   * @param step name of the operation.
   * @return whether {@link #resultOf(String)} finds it.
   */
  public boolean hasStep(final String step) {
    final Integer index = stepIndexes.get(step);
    return index != null && steps.get(index).slot != ProgramDescriptor.NO_RESULT;
  }

  /**
   * Where the keeper puts a parameter.
   *
   * @param name of the parameter.
   * @return its slot.
   * @throws NoSuchElementException if there is no such parameter.
   */
  public int parameterSlot(final String name) {
    final Result parameter = parameters.get(name);
    if (parameter == null) {
      throw new NoSuchElementException("the program has no parameter " + name);
    }
    return parameter.slot();
  }

  /**
   * Whether there is a parameter.
   *
   * @param name of the parameter.
   * @return whether {@link #parameterSlot(String)} finds it.
   */
  public boolean hasParameter(final String name) {
    return parameters.containsKey(name);
  }

  /**
   * Where a named piece of data is.
   *
   * @param name of the piece.
   * @return bytes from the program's begin.
   * @throws NoSuchElementException if there is no such piece.
   */
  public int dataOffset(final String name) {
    return dataOffset + piece(name).offset();
  }

  /**
   * Where a piece of data is.
   *
   * @param piece of this program.
   * @return bytes from the program's begin.
   */
  public int dataOffset(final Data piece) {
    return dataOffset + piece.offset();
  }

  Data piece(final String name) {
    final Data piece = named.get(name);
    if (piece == null) {
      throw new NoSuchElementException("the program has no data " + name);
    }
    return piece;
  }

  /** Where the results begin; what a record holds of a program that ran begins here. */
  int resultsOffset() {
    return resultsOffset;
  }

  int resultCount() {
    return resultCount;
  }

  /**
   * Say what went wrong.
   *
   * @param step index of the operation that failed.
   * @param result what it returned.
   * @return one line: the resource, the operation, the call and the error.
   */
  public String describeFailure(final int step, final long result) {
    if (step < 0 || step >= steps.size()) {
      return "step " + step + " of " + steps.size() + " failed with " + result;
    }
    final Step failed = steps.get(step);
    final StringBuilder text = new StringBuilder();
    if (!failed.resource.isEmpty()) {
      text.append(failed.resource).append(": ");
    }
    text.append(failed.name);
    if (failed.code == ProgramDescriptor.OP_SYSCALL) {
      text.append(" (").append(SystemCall.name(failed.number)).append(')');
    } else if (failed.code == ProgramDescriptor.OP_TASK) {
      text.append(" (clone3)");
    }
    text.append(": ");
    if (result < 0 && result >= -4095) {
      text.append(Errno.describe((int) -result));
    } else {
      text.append("returned ").append(result);
    }
    if (failed.exact) {
      text.append(" instead of ").append(failed.expected);
    }
    return text.toString();
  }

  @Override
  public String toString() {
    return "Program(" + steps.size() + " steps, " + bytes.length + " bytes)";
  }
}
