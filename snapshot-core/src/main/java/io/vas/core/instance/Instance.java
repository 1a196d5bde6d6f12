package io.vas.core.instance;

import io.vas.core.checkpoint.CommandPiece;
import io.vas.core.checkpoint.Subject;
import io.vas.core.image.InstanceState;
import io.vas.core.image.Piece;
import io.vas.core.keeper.Keeper;
import io.vas.core.linux.FileStatus;
import io.vas.core.memory.MemoryPlan;
import io.vas.core.sandbox.RunSpec;
import io.vas.core.sandbox.SandboxSpec;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;

/** A running container, or one that has ended and was not removed yet. */
public final class Instance implements Subject {
  /** What the instance does. */
  public enum State {
    /** Its command runs. */
    RUNNING,
    /** Its command has ended, and all its processes with it. */
    EXITED
  }

  /** How {@link Instance#id()} is written: 12 hexadecimal digits. */
  static final int ID_BITS = 48;

  private final Keeper keeper;
  private final RunSpec spec;
  private final InstanceDirectory directory;
  private final AtomicInteger visitors = new AtomicInteger();
  private final CompletableFuture<Integer> exit = new CompletableFuture<>();
  private final Object lifecycle = new Object();
  private volatile Incarnation incarnation;
  private volatile InstanceState end;
  private volatile boolean paused;

  /**
   * The processes that are the instance now. A rollback may put others in their place.
   *
   * @param start how they were started.
   * @param memoryPlan how their memory came back; empty if they were not forked, or before the
   *     daemon was started again.
   * @param origin where they come from; empty if they were not forked, or it is not known any more.
   */
  record Incarnation(
      InstanceState start, Optional<MemoryPlan> memoryPlan, Optional<Origin> origin) {}

  Instance(
      final Keeper keeper,
      final InstanceState start,
      final RunSpec spec,
      final InstanceDirectory directory,
      final Optional<MemoryPlan> memoryPlan) {
    this.keeper = keeper;
    this.spec = spec;
    this.directory = directory;
    this.incarnation = new Incarnation(start, memoryPlan, Optional.empty());
  }

  /**
   * Its id in the form that people use.
   *
   * @return 12 hexadecimal digits.
   */
  public String reference() {
    return text(id());
  }

  static String text(final long id) {
    return String.format("%012x", id);
  }

  /**
   * Its name.
   *
   * @return unique among instances.
   */
  public String name() {
    return start().getName();
  }

  /**
   * The user that it belongs to.
   *
   * @return the number, which is unsigned.
   */
  public int ownerUid() {
    return start().getOwnerUid();
  }

  /**
   * What it was started to run; a fork: what its origin was.
   *
   * @return the command and what goes with it.
   */
  public RunSpec spec() {
    return spec;
  }

  /**
   * What it does.
   *
   * @return its state now.
   */
  public State state() {
    return end == null ? State.RUNNING : State.EXITED;
  }

  /**
   * When it was started.
   *
   * @return in microseconds.
   */
  public Instant created() {
    return Instant.EPOCH.plus(start().getCreatedUnixMicros(), ChronoUnit.MICROS);
  }

  /**
   * When it ended.
   *
   * @return empty as long as it runs.
   */
  public Optional<Instant> ended() {
    return Optional.ofNullable(end)
        .map(state -> Instant.EPOCH.plus(state.getEndedUnixMicros(), ChronoUnit.MICROS));
  }

  /**
   * The snapshot that its processes were forked from.
   *
   * @return the name that {@link Instances#fork} was given; empty if it was not forked.
   */
  public Optional<String> snapshot() {
    return Optional.of(start().getSnapshot()).filter(id -> !id.isEmpty());
  }

  /**
   * Which layout of its snapshot's pages its processes map.
   *
   * @return what {@link io.vas.core.memory.PageSource#layout()} told; empty: the first.
   */
  public Optional<String> layout() {
    return Optional.of(start().getLayout()).filter(layout -> !layout.isEmpty());
  }

  /**
   * How its memory came back.
   *
   * @return empty if it was not forked, or before the daemon was started again.
   */
  public Optional<MemoryPlan> memoryPlan() {
    return incarnation.memoryPlan();
  }

  /**
   * The file that takes its standard output and error.
   *
   * @return a path.
   */
  public Path logFile() {
    return directory.log();
  }

  /**
   * A place for what must be known of it for as long as it is there, whoever serves.
   *
   * @param name of the file, which is not one of this package's.
   * @return a path in a directory that goes when the instance is removed.
   */
  public Path file(final String name) {
    return directory.file(name);
  }

  /**
   * Its end.
   *
   * @return completes with the exit code, or 128 plus the signal that ended it; 255 if it ended
   *     while there was no daemon, or when the keeper did.
   */
  public CompletableFuture<Integer> exit() {
    return exit.copy();
  }

  @Override
  public long id() {
    return start().getId();
  }

  /**
   * Its first process.
   *
   * @return the pid as the host sees it, or 0 if it has ended.
   */
  @Override
  public int pid() {
    return end == null ? start().getPid() : 0;
  }

  @Override
  public Keeper keeper() {
    return keeper;
  }

  @Override
  public SandboxSpec sandbox() {
    return SandboxSpec.decode(start().getSandbox());
  }

  @Override
  public FileStatus log() {
    return FileStatus.of(logFile().toString());
  }

  @Override
  public List<Piece> pieces() {
    return List.of(CommandPiece.of(spec));
  }

  @Override
  public Optional<Origin> origin() {
    return incarnation.origin();
  }

  /**
   * Say where it comes from, after the daemon was started again: the image and the pages of its
   * {@link #snapshot()}.
   *
   * @param known of the snapshot.
   */
  public void setOrigin(final Origin known) {
    final Incarnation now = incarnation;
    incarnation = new Incarnation(now.start(), now.memoryPlan(), Optional.of(known));
  }

  InstanceDirectory directory() {
    return directory;
  }

  int nextVisitor() {
    return visitors.incrementAndGet();
  }

  InstanceState start() {
    return incarnation.start();
  }

  /** Who holds its monitor ends its processes, or puts others in their place. */
  Object lifecycle() {
    return lifecycle;
  }

  void incarnate(final Incarnation next) {
    incarnation = next;
  }

  /**
   * Whether it stands still until it is told to go on.
   *
   * @return false if it runs, or has ended.
   */
  public boolean isPaused() {
    return paused && end == null;
  }

  void setPaused(final boolean now) {
    paused = now;
  }

  void complete(final InstanceState ended, final int code) {
    end = ended;
    exit.complete(code);
  }

  @Override
  public String toString() {
    return name() + " (" + reference() + ")";
  }
}
