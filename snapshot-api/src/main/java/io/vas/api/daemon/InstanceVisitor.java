package io.vas.api.daemon;

import io.vas.core.instance.Instance;
import io.vas.core.instance.Instances;
import io.vas.core.instance.Visit;
import io.vas.core.keeper.ExitStatus;
import io.vas.core.linux.Pipe;
import io.vas.core.sandbox.VisitSpec;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/** A visitor whose standard streams are pipes. */
record InstanceVisitor(Visit visit, OutputStream stdin, InputStream stdout, InputStream stderr)
    implements Visitor {
  static InstanceVisitor start(
      final Instances instances,
      final Instance instance,
      final VisitSpec spec,
      final Duration deadline) {
    // When this returns the visitor alone has its ends.
    try (Pipe stdin = Pipe.create();
        Pipe stdout = Pipe.create();
        Pipe stderr = Pipe.create()) {
      final Visit visit =
          instances.exec(
              instance, spec, stdin.reader(), stdout.writer(), stderr.writer(), deadline);
      return new InstanceVisitor(visit, stdin.output(), stdout.input(), stderr.input());
    }
  }

  @Override
  public int pid() {
    return visit.pid();
  }

  @Override
  public CompletableFuture<Integer> exit() {
    return visit.exit().thenApply(ExitStatus::code);
  }

  @Override
  public void close() {
    if (!visit.exit().isDone()) {
      visit.kill();
    }
  }
}
