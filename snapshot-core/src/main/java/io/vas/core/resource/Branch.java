package io.vas.core.resource;

import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Value;
import java.util.function.BiConsumer;

/** Steps of a descriptor rule that run on some descriptors only. */
final class Branch {
  private static final Value ALWAYS = Value.of(0);

  private Branch() {}

  /** Runs the steps if a value is one of some. They may refer to the descriptor only. */
  static void ifAny(
      final ProgramBuilder program,
      final Value descriptor,
      final Value value,
      final long[] allowed,
      final BiConsumer<ProgramBuilder, Value> steps) {
    for (int i = 0; i < allowed.length; i++) {
      program.skipIfEqual(value, Value.of(allowed[i]), allowed.length - i);
    }
    program.skipIfEqual(ALWAYS, ALWAYS, countOf(steps));
    steps.accept(program, descriptor);
  }

  /** Runs the steps unless a value is a certain one. They may refer to the descriptor only. */
  static void unless(
      final ProgramBuilder program,
      final Value descriptor,
      final Value value,
      final long excluded,
      final BiConsumer<ProgramBuilder, Value> steps) {
    program.skipIfEqual(value, Value.of(excluded), countOf(steps));
    steps.accept(program, descriptor);
  }

  private static int countOf(final BiConsumer<ProgramBuilder, Value> steps) {
    final ProgramBuilder measured = new ProgramBuilder();
    steps.accept(measured, measured.parameter("descriptor"));
    return measured.stepCount();
  }
}
