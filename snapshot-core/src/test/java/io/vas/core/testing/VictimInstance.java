package io.vas.core.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.core.NotFoundException;
import io.vas.core.checkpoint.Base;
import io.vas.core.checkpoint.Checkpoint;
import io.vas.core.checkpoint.Subject;
import io.vas.core.keeper.ExitStatus;
import io.vas.core.keeper.FreezeMode;
import io.vas.core.keeper.Keeper;
import io.vas.core.keeper.SpawnReply;
import io.vas.core.linux.FileStatus;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.sandbox.SandboxSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;

/** A victim that runs in an instance. */
public final class VictimInstance implements Subject, AutoCloseable {
  private static final int SIGKILL = 9;
  private static final int SIGUSR1 = 10;
  private static final long PATIENCE_SECONDS = 20;

  private final VictimHost host;
  private final long id;
  private final Path log;
  private final SpawnReply reply;
  private final Optional<VictimSnapshot> snapshot;
  private int linesRead;

  VictimInstance(
      final VictimHost host,
      final long id,
      final Path log,
      final SpawnReply reply,
      final Optional<VictimSnapshot> snapshot) {
    this.host = host;
    this.id = id;
    this.log = log;
    this.reply = reply;
    this.snapshot = snapshot;
  }

  /** Ask the victim whether all is as it was, and expect that it is. */
  public void expectOk() {
    final String answer = ask();
    assertThat(answer).as("what %s says", this).isEqualTo("ok");
  }

  /**
   * Ask the victim whether all is as it was.
   *
   * @return its answer, a line.
   */
  public String ask() {
    signal(SIGUSR1);
    return nextLine();
  }

  /**
   * Send a signal.
   *
   * @param number of the signal.
   */
  public void signal(final int number) {
    host.keeper().signal(id, number);
  }

  /**
   * The next line of its output.
   *
   * @return a line that has not been read yet.
   */
  public String nextLine() {
    final long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (System.nanoTime() < end) {
      final List<String> lines = lines();
      if (lines.size() > linesRead) {
        return lines.get(linesRead++);
      }
      if (reply.exit().isDone() && lines().size() == linesRead) {
        throw new AssertionError(
            this
                + " has ended: "
                + exitStatus()
                + "; it said "
                + lines
                + "; the keeper says "
                + host.keeperLog());
      }
      pause();
    }
    throw new AssertionError(
        this
            + " says nothing; it said "
            + lines()
            + "; its tasks: "
            + describeTasks()
            + "; the keeper says "
            + host.keeperLog());
  }

  private String describeTasks() {
    final StringBuilder text = new StringBuilder();
    final Path tasks = Path.of("/proc", Integer.toString(pid()), "task");
    try (var list = Files.list(tasks)) {
      for (final Path task : list.toList()) {
        text.append(task.getFileName());
        for (final String name : List.of("comm", "wchan", "syscall")) {
          text.append(' ').append(Files.readString(task.resolve(name)).trim());
        }
        for (final String line : Files.readAllLines(task.resolve("status"))) {
          if (line.startsWith("Sig") || line.startsWith("State")) {
            text.append(' ').append(line.replace('\t', ' '));
          }
        }
        text.append("; ");
      }
    } catch (final IOException e) {
      text.append(e);
    }
    return text.toString();
  }

  /**
   * Wait for a line of its output.
   *
   * @param expected the line.
   */
  public void awaitLine(final String expected) {
    assertThat(nextLine()).as("what %s says", this).isEqualTo(expected);
  }

  private List<String> lines() {
    try {
      final String text = Files.readString(log, StandardCharsets.ISO_8859_1);
      // The last line may not be complete yet.
      return text.substring(0, text.lastIndexOf('\n') + 1).lines().toList();
    } catch (final IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void pause() {
    try {
      Thread.sleep(2);
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  /**
   * Take a snapshot.
   *
   * @return the snapshot.
   */
  public VictimSnapshot snapshot() {
    return snapshot(FreezeMode.LIVE);
  }

  /**
   * Take a snapshot.
   *
   * @param mode when pages are copied.
   * @return the snapshot.
   */
  public VictimSnapshot snapshot(final FreezeMode mode) {
    return snapshot(entry -> host.checkpointer().take(this, entry, VictimHost.DEADLINE, mode));
  }

  /**
   * Take a snapshot of what has changed.
   *
   * @param mode when pages are copied.
   * @param earlier the snapshot since which, open as long as the new one is.
   * @return the snapshot.
   */
  public VictimSnapshot snapshot(final FreezeMode mode, final VictimSnapshot earlier) {
    final Base base = new Base(earlier.checkpoint().cut(), earlier.entry());
    return snapshot(
        entry ->
            host.checkpointer().take(this, entry, VictimHost.DEADLINE, mode, Optional.of(base)));
  }

  private VictimSnapshot snapshot(final Function<TestStore.Entry, Checkpoint> take) {
    final TestStore.Entry entry = host.store().newEntry();
    final Checkpoint checkpoint;
    try {
      checkpoint = take.apply(entry);
    } catch (final NotFoundException e) {
      throw new AssertionError(
          this + " has ended: " + exitStatus() + "; the keeper says " + host.keeperLog(), e);
    }
    entry.publish(snapshot.map(origin -> origin.entry().layers()).orElse(List.of()));
    return new VictimSnapshot(host, checkpoint, entry);
  }

  /**
   * The whole test of a victim: a snapshot is taken, the victim has not noticed, and forks with
   * either strategy find everything as it was; so do forks of forks.
   */
  public void expectToSurvive() {
    expectOk();
    try (VictimSnapshot taken = snapshot()) {
      expectOk();
      for (final MemoryStrategy strategy : MemoryStrategy.values()) {
        try (VictimInstance fork = taken.fork(strategy)) {
          fork.expectOk();
          try (VictimSnapshot again = fork.snapshot();
              VictimInstance forkOfFork = again.fork(strategy)) {
            forkOfFork.expectOk();
          }
          fork.expectOk();
        }
      }
      expectOk();
    }
  }

  /**
   * How it ended.
   *
   * @return its exit status, which it must have soon.
   */
  public ExitStatus exitStatus() {
    try {
      return reply.exit().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (final InterruptedException | ExecutionException | TimeoutException e) {
      throw new AssertionError(this + " does not end", e);
    }
  }

  /**
   * How it was started.
   *
   * @return the keeper's reply.
   */
  public SpawnReply reply() {
    return reply;
  }

  @Override
  public long id() {
    return id;
  }

  @Override
  public int pid() {
    return reply.pid();
  }

  @Override
  public Keeper keeper() {
    return host.keeper();
  }

  @Override
  public SandboxSpec sandbox() {
    return snapshot.map(taken -> taken.program().sandbox()).orElseGet(host::sandbox);
  }

  @Override
  public FileStatus log() {
    return FileStatus.of(log.toString());
  }

  @Override
  public Optional<Origin> origin() {
    return snapshot.map(taken -> new Origin(taken.image(), taken.entry()));
  }

  /** Kill it, if it lives. */
  @Override
  public void close() {
    if (!reply.exit().isDone()) {
      try {
        signal(SIGKILL);
      } catch (final io.vas.core.VasException e) {
        // It ended meanwhile.
      }
      exitStatus();
    }
  }

  @Override
  public String toString() {
    return (snapshot.isPresent() ? "fork " : "victim ") + id + " (pid " + pid() + ")";
  }
}
