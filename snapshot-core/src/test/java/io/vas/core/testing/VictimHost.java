package io.vas.core.testing;

import io.vas.core.checkpoint.Checkpointer;
import io.vas.core.keeper.Keeper;
import io.vas.core.keeper.Params;
import io.vas.core.keeper.ProgramFile;
import io.vas.core.keeper.SpawnReply;
import io.vas.core.linux.Fd;
import io.vas.core.linux.OpenFlags;
import io.vas.core.memory.RegionKind;
import io.vas.core.sandbox.Commands;
import io.vas.core.sandbox.HostMounts;
import io.vas.core.sandbox.RunSpec;
import io.vas.core.sandbox.SandboxBase;
import io.vas.core.sandbox.SandboxSpec;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A keeper and a store, in which victims run, are snapshotted and forked. What it does is what the
 * daemon does, without a daemon.
 */
public final class VictimHost implements AutoCloseable {
  /** What a request may take. */
  public static final Duration DEADLINE = Duration.ofSeconds(20);

  private final Path directory;
  private final Keeper keeper;
  private final TestStore store;
  private final Checkpointer checkpointer;
  private final SandboxSpec sandbox;
  private final AtomicLong ids = new AtomicLong();
  private final List<VictimInstance> instances = new ArrayList<>();

  /**
   * A host.
   *
   * @param directory an empty directory.
   */
  public VictimHost(final Path directory) {
    this.directory = directory;
    this.keeper = Keeper.start(directory);
    this.store = new TestStore(keeper);
    this.checkpointer =
        new Checkpointer(store.device(RegionKind.HUGE), store.device(RegionKind.SMALL));
    final HostMounts mounts = HostMounts.current(directory);
    this.sandbox = new SandboxSpec("victim", false, mounts.mountPoints(), List.of());
  }

  /**
   * The path of a victim's binary.
   *
   * @param name as its source is called, without {@code .c}.
   * @return a path that exists on the host and in instances.
   */
  public static String victim(final String name) {
    return Path.of(System.getProperty("vas.victims.dir"), name).toString();
  }

  /**
   * Run a victim and wait until it is ready.
   *
   * @param name as its source is called, without {@code .c}.
   * @param arguments of its main().
   * @return the instance.
   */
  public VictimInstance run(final String name, final String... arguments) {
    final List<String> command = new ArrayList<>();
    command.add(victim(name));
    command.addAll(List.of(arguments));
    return run(new RunSpec(name, command, java.util.Map.of(), "/", java.util.Set.of(), false));
  }

  /**
   * Run a command and wait until it says that it is ready.
   *
   * @param spec what and how.
   * @return the instance.
   */
  public VictimInstance run(final RunSpec spec) {
    final VictimInstance instance = start(spec);
    instance.awaitLine("ready");
    return instance;
  }

  /**
   * Run a command.
   *
   * @param spec what and how.
   * @return the instance.
   */
  public VictimInstance start(final RunSpec spec) {
    final long id = ids.incrementAndGet();
    final Path log = directory.resolve("log-" + id);
    try (Fd logFile = openLog(log);
        ProgramFile program = ProgramFile.of(Commands.run(spec, sandbox))) {
      final SpawnReply reply =
          keeper.spawn(
              SandboxBase.of(keeper)
                  .request(
                      id,
                      program,
                      Params.forSpawn(program.program())
                          .control(Commands.CONTROL)
                          .attached(Commands.LOG, logFile))
                  .deadline(DEADLINE));
      return add(new VictimInstance(this, id, log, reply, Optional.empty()));
    }
  }

  VictimInstance fork(final VictimSnapshot snapshot) {
    final long id = ids.incrementAndGet();
    final Path log = directory.resolve("log-" + id);
    try (Fd logFile = openLog(log)) {
      final SpawnReply reply = snapshot.program().fork(keeper, id, logFile, DEADLINE, () -> {});
      return add(new VictimInstance(this, id, log, reply, Optional.of(snapshot)));
    }
  }

  private VictimInstance add(final VictimInstance instance) {
    instances.add(instance);
    return instance;
  }

  private static Fd openLog(final Path log) {
    return Fd.open(log.toString(), OpenFlags.O_CREAT | OpenFlags.O_RDWR | OpenFlags.O_APPEND, 0600);
  }

  /**
   * The keeper.
   *
   * @return a connection that belongs to the host.
   */
  public Keeper keeper() {
    return keeper;
  }

  /**
   * What the keeper had to say, of guards that failed for example.
   *
   * @return its log.
   */
  public String keeperLog() {
    try {
      return java.nio.file.Files.readString(directory.resolve(Keeper.LOG));
    } catch (final java.io.IOException e) {
      return e.toString();
    }
  }

  /**
   * The store.
   *
   * @return a store that belongs to the host.
   */
  public TestStore store() {
    return store;
  }

  /**
   * The checkpointer.
   *
   * @return whose changes concern all snapshots from then on.
   */
  public Checkpointer checkpointer() {
    return checkpointer;
  }

  /**
   * What instances live in.
   *
   * @return the same for all.
   */
  public SandboxSpec sandbox() {
    return sandbox;
  }

  /** End all instances and the keeper. */
  @Override
  public void close() {
    instances.forEach(VictimInstance::close);
    store.close();
    checkpointer.close();
    keeper.shutdown();
  }
}
