package io.vas.benchmarks.jmh;

import io.vas.core.program.Data;
import io.vas.core.program.Program;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Building a program of system calls. A fork of Redis takes about 300. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class ProgramBuilding {
  private static final int DATA = 64;

  /** Of the program. */
  @Param({"30", "300"})
  public int calls;

  /**
   * Builds one: each third call with data, each third with the result of the one before.
   *
   * @return the program.
   */
  @Benchmark
  public Program build() {
    final ProgramBuilder builder = new ProgramBuilder();
    builder.resource("benchmark");
    Result last = builder.call("first", SystemCall.GETPID);
    for (int i = 1; i < calls; i++) {
      final String name = "step " + i;
      switch (i % 3) {
        case 0 -> {
          final Data data = builder.data(name, DATA);
          last = builder.call(name, SystemCall.PREAD64, 0, data, DATA, 0);
        }
        case 1 -> last = builder.callAny(name, SystemCall.CLOSE, last);
        default -> last = builder.callExpecting(0, name, SystemCall.CHDIR, builder.string("/" + i));
      }
    }
    builder.end();
    return builder.build();
  }
}
