package io.vas.benchmarks.jmh;

import io.vas.core.checkpoint.Checkpoint;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Taking a snapshot of next to no memory: the plan, the freeze, and the interpretation of the
 * record, which can not be had without the others.
 */
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class Checkpointing {
  /**
   * Takes one, and throws it away.
   *
   * @param live of which.
   * @return the checkpoint.
   */
  @Benchmark
  public Checkpoint take(final LiveInstance live) {
    return live.take();
  }
}
