package io.vas.core.program;

/** A place in a program where a new task can begin. */
public final class Label {
  static final int UNBOUND = -1;

  private final ProgramBuilder builder;
  private int step = UNBOUND;

  Label(final ProgramBuilder builder) {
    this.builder = builder;
  }

  void bind(final ProgramBuilder owner, final int at) {
    if (owner != builder) {
      throw new IllegalArgumentException("the label belongs to another program");
    }
    if (step != UNBOUND) {
      throw new IllegalStateException("the label is bound already, to step " + step);
    }
    step = at;
  }

  int step() {
    return step;
  }
}
