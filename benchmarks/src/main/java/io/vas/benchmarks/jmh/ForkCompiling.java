package io.vas.benchmarks.jmh;

import io.vas.core.memory.MemoryStrategy;
import io.vas.core.restore.ForkCompiler;
import io.vas.core.restore.ForkProgram;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Warmup;

/** Compiling a snapshot to the program of its forks, which happens once per snapshot. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class ForkCompiling {
  /**
   * Compiles it.
   *
   * @param live whose snapshot.
   * @return the program's length.
   */
  @Benchmark
  public int compile(final LiveInstance live) {
    try (ForkProgram program =
        ForkCompiler.compile(live.image(), live.snapshot(), MemoryStrategy.MAP)) {
      return program.program().length();
    }
  }
}
