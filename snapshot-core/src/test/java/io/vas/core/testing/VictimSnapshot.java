package io.vas.core.testing;

import io.vas.core.checkpoint.Checkpoint;
import io.vas.core.checkpoint.SandboxPiece;
import io.vas.core.image.Image;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.restore.ForkCompiler;
import io.vas.core.restore.ForkProgram;
import io.vas.core.sandbox.ClockOffsets;
import java.util.EnumMap;
import java.util.Map;

/** A snapshot of a victim. */
public final class VictimSnapshot implements AutoCloseable {
  private final VictimHost host;
  private final Checkpoint checkpoint;
  private final TestStore.Entry entry;
  private final Map<MemoryStrategy, ForkProgram> programs = new EnumMap<>(MemoryStrategy.class);
  private Image image;
  private MemoryStrategy last = MemoryStrategy.MAP;

  VictimSnapshot(final VictimHost host, final Checkpoint checkpoint, final TestStore.Entry entry) {
    this.host = host;
    this.checkpoint = checkpoint;
    this.entry = entry;
    this.image = checkpoint.image();
  }

  /**
   * Have forks that are made from now on be what they would be after the machine was started again.
   *
   * @param offsets how far their clocks are ahead of the machine's.
   */
  public void setClocks(final ClockOffsets offsets) {
    image = SandboxPiece.replace(image, SandboxPiece.read(image).withClocks(offsets));
    programs.values().forEach(ForkProgram::close);
    programs.clear();
  }

  /**
   * Start a new instance.
   *
   * @param strategy how its memory comes back.
   * @return the instance, which runs.
   */
  public VictimInstance fork(final MemoryStrategy strategy) {
    last = strategy;
    return host.fork(this);
  }

  /**
   * The program of the latest fork's strategy.
   *
   * @return a program that belongs to the snapshot.
   */
  public ForkProgram program() {
    return programs.computeIfAbsent(
        last, strategy -> ForkCompiler.compile(image(), entry, strategy));
  }

  /**
   * What was taken.
   *
   * @return image and times.
   */
  public Checkpoint checkpoint() {
    return checkpoint;
  }

  /**
   * What was taken.
   *
   * @return everything but pages and files.
   */
  public Image image() {
    return image;
  }

  /**
   * Where its pages and files are.
   *
   * @return they belong to the snapshot.
   */
  public io.vas.core.memory.PageSource pages() {
    return entry;
  }

  TestStore.Entry entry() {
    return entry;
  }

  /** Throw it away. */
  @Override
  public void close() {
    programs.values().forEach(ForkProgram::close);
    entry.close();
  }
}
