package io.vas.core.instance;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.vas.core.ConflictException;
import io.vas.core.DeadlineException;
import io.vas.core.NotFoundException;
import io.vas.core.VasException;
import io.vas.core.checkpoint.CommandPiece;
import io.vas.core.checkpoint.Subject.Origin;
import io.vas.core.image.InstanceState;
import io.vas.core.image.ReplacementState;
import io.vas.core.keeper.ExitStatus;
import io.vas.core.keeper.Keeper;
import io.vas.core.keeper.Listed;
import io.vas.core.keeper.Params;
import io.vas.core.keeper.ProgramFile;
import io.vas.core.keeper.SpawnException;
import io.vas.core.keeper.SpawnReply;
import io.vas.core.keeper.SpawnRequest;
import io.vas.core.linux.Errno;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.OpenFlags;
import io.vas.core.linux.RawText;
import io.vas.core.linux.Signals;
import io.vas.core.memory.MemoryPlan;
import io.vas.core.program.Program;
import io.vas.core.restore.ForkProgram;
import io.vas.core.sandbox.Commands;
import io.vas.core.sandbox.HostMounts;
import io.vas.core.sandbox.RunAs;
import io.vas.core.sandbox.RunSpec;
import io.vas.core.sandbox.SandboxBase;
import io.vas.core.sandbox.SandboxSpec;
import io.vas.core.sandbox.VisitSpec;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All instances of a daemon. Each has a directory below the state directory for its log and for
 * what a daemon that is started again must know. Methods may be called by many threads at once.
 */
public final class Instances {
  private static final Logger LOGGER = LoggerFactory.getLogger(Instances.class);
  static final int UNKNOWN_STATUS = 255 << 8;
  static final Duration KILL_TIME = Duration.ofSeconds(30);

  /** Visitors' pids lie this far below the highest, so that they never meet the instance's. */
  private static final int VISITOR_PIDS = 4096;

  private static final int VISITOR_ATTEMPTS = 64;

  private final Path stateDirectory;
  private final Path directory;
  private final Keeper keeper;
  private final int highestPid;
  private final Map<Long, Instance> byId = new HashMap<>();
  private final Set<String> reservedNames = new HashSet<>();

  /**
   * The instances of a state directory: those that a former daemon has left, and those to come.
   *
   * @param stateDirectory an existing directory of the daemon's own.
   * @param keeper their parent.
   * @throws VasException if the directory can not be used.
   */
  public Instances(final Path stateDirectory, final Keeper keeper) {
    this.stateDirectory = stateDirectory.toAbsolutePath().normalize();
    this.directory = this.stateDirectory.resolve("instances");
    this.keeper = keeper;
    this.highestPid =
        Integer.parseInt(RawText.decode(FileIo.readAll("/proc/sys/kernel/pid_max")).trim());
    try {
      if (!Files.isDirectory(directory)) {
        Files.createDirectory(
            directory,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      }
      load();
    } catch (final IOException e) {
      throw new VasException("cannot use " + directory + ": " + e, e);
    }
  }

  // ---- start

  /**
   * Start a command in an instance of its own, which belongs to the user that it runs as.
   *
   * @param spec what to run.
   * @param deadline how long it may take until the command has been executed.
   * @return the instance.
   * @throws ConflictException if the name is taken.
   * @throws io.vas.core.InvalidRequestException if the name is none, or a capability can't be had.
   * @throws NotFoundException if there is no such command or working directory.
   * @throws DeadlineException if it took too long. Then, as after every error, nothing is left.
   */
  public Instance run(final RunSpec spec, final Duration deadline) {
    final Claim claim = claim(spec.name());
    try {
      final HostMounts mounts = HostMounts.current(stateDirectory);
      final SandboxSpec sandbox =
          new SandboxSpec(
              Instance.text(claim.id), spec.privileged(), mounts.mountPoints(), mounts.hidden());
      final Program program = Commands.run(spec, sandbox);
      try (ProgramFile file = ProgramFile.of(program);
          Fd log = claim.openLog(spec)) {
        final Params params =
            Params.forSpawn(program).control(Commands.CONTROL).attached(Commands.LOG, log);
        claim.describe(
            spec,
            sandbox,
            InstanceState.newBuilder().setOwnerUid(spec.runAs().map(RunAs::uid).orElse(0)));
        final SpawnReply reply =
            keeper.spawn(
                SandboxBase.of(keeper)
                    .request(claim.id, file, params)
                    .deadline(deadline)
                    .meanwhile(claim::save));
        return claim.adopt(reply, Optional.empty());
      } catch (final SpawnException e) {
        throw Commands.failure(e, spec.command(), spec.workingDirectory());
      }
    } finally {
      claim.close();
    }
  }

  /**
   * Start an instance of root's from a snapshot.
   *
   * @param program the snapshot, compiled.
   * @param snapshot its id, for {@link Instance#snapshot()}.
   * @param name of the instance; empty: one is made up.
   * @param deadline how long it may take until its tasks are released.
   * @return the instance.
   * @throws ConflictException if the name is taken.
   * @throws io.vas.core.InvalidRequestException if the name is none.
   * @throws DeadlineException if it took too long. Then, as after every error, nothing is left.
   * @throws VasException if something of the snapshot could not be restored; it names what.
   */
  public Fork fork(
      final ForkProgram program,
      final String snapshot,
      final String name,
      final Duration deadline) {
    return fork(program, snapshot, 0, name, Start.RUNNING, deadline);
  }

  /** How a fork begins. */
  public enum Start {
    /** Its tasks go on at once. */
    RUNNING,
    /**
     * It stands still before its first instruction until it is {@link Instances#resume resumed}.
     */
    PAUSED,
    /** The same, and a debugger can trace it. For memory without a guard only. */
    YIELDED
  }

  /**
   * Start an instance from a snapshot.
   *
   * @param program the snapshot, compiled.
   * @param snapshot its id, for {@link Instance#snapshot()}.
   * @param ownerUid the user that it is to belong to. Whom its processes run as, the snapshot says.
   * @param name of the instance; empty: one is made up.
   * @param start how it begins.
   * @param deadline how long it may take until its tasks are released, or stand still.
   * @return the instance.
   * @throws ConflictException if the name is taken.
   * @throws io.vas.core.InvalidRequestException if the name is none.
   * @throws DeadlineException if it took too long. Then, as after every error, nothing is left.
   * @throws VasException if something of the snapshot could not be restored; it names what.
   */
  public Fork fork(
      final ForkProgram program,
      final String snapshot,
      final int ownerUid,
      final String name,
      final Start start,
      final Duration deadline) {
    final Claim claim = claim(name);
    try (Fd log = claim.openLooseLog(program.command())) {
      claim.describe(
          program.command(),
          program.sandbox(),
          InstanceState.newBuilder()
              .setOwnerUid(ownerUid)
              .setSnapshot(snapshot)
              .setLayout(program.pages().layout()));
      final SpawnReply reply =
          start == Start.RUNNING
              ? program.fork(keeper, claim.id, log, deadline, claim::settle)
              : forkPaused(program, claim.id, log, start, deadline, claim::settle);
      if (claim.failure != null) {
        discard(claim.id, reply.exit());
        throw claim.failure;
      }
      final Instance instance = claim.adopt(reply, Optional.of(program.memoryPlan()));
      instance.setOrigin(new Origin(program.image(), program.pages()));
      instance.setPaused(start != Start.RUNNING);
      return new Fork(instance, reply);
    } finally {
      claim.close();
    }
  }

  SpawnReply forkPaused(
      final ForkProgram program,
      final long id,
      final Fd log,
      final Start start,
      final Duration deadline,
      final Runnable meanwhile) {
    final SpawnReply reply = program.forkHeld(keeper, id, log, deadline, meanwhile);
    try {
      keeper.pause(id);
      if (start == Start.YIELDED) {
        keeper.yieldToDebugger(id);
      }
      return reply;
    } catch (final VasException e) {
      discard(id, reply.exit());
      throw e;
    }
  }

  /** Ends a child that is no instance, or not any more. */
  void discard(final long id, final CompletableFuture<ExitStatus> exit) {
    try {
      keeper.signal(id, Signals.SIGKILL);
      exit.get(KILL_TIME.toNanos(), NANOSECONDS);
    } catch (final NotFoundException e) {
      LOGGER.debug("child {} ended by itself", id);
    } catch (final ExecutionException | TimeoutException e) {
      throw new VasException("child " + id + " of the keeper does not end", e);
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new VasException("interrupted while a child was ended", e);
    }
  }

  /**
   * A new instance, and where the time went.
   *
   * @param instance the instance, which runs.
   * @param reply what the keeper told: when its tasks were released, among other times.
   */
  public record Fork(Instance instance, SpawnReply reply) {}

  /**
   * Put a command into an instance.
   *
   * @param instance which one.
   * @param visit what to run.
   * @param stdin its standard input; like the others it stays the caller's.
   * @param stdout its standard output.
   * @param stderr its standard error.
   * @param deadline how long it may take until the command has been executed.
   * @return the visit.
   * @throws ConflictException if the instance has ended.
   * @throws NotFoundException if there is no such command or working directory.
   * @throws DeadlineException if it took too long; nothing is left of it.
   */
  public Visit exec(
      final Instance instance,
      final VisitSpec visit,
      final Fd stdin,
      final Fd stdout,
      final Fd stderr,
      final Duration deadline) {
    requireRunning(instance);
    if (instance.isPaused()) {
      // What it waits for might never come.
      throw new ConflictException("instance " + instance + " is paused");
    }
    final Program program = Commands.visit(visit, instance.spec(), instance.sandbox());
    try (ProgramFile file = ProgramFile.of(program)) {
      final Params params =
          Params.forSpawn(program)
              .control(Commands.CONTROL)
              .pidfd(Commands.PIDFD)
              .attached(Commands.STDIN, stdin)
              .attached(Commands.STDOUT, stdout)
              .attached(Commands.STDERR, stderr);
      for (int attempt = 1; ; attempt++) {
        final long id = randomId();
        final int pid = highestPid - 1 - instance.nextVisitor() % VISITOR_PIDS;
        try {
          final SpawnReply reply =
              keeper.spawn(
                  new SpawnRequest(id, file, params).visits(instance.id(), pid).deadline(deadline));
          return new Visit(keeper, id, pid, reply.pid(), reply.exit());
        } catch (final SpawnException e) {
          // An earlier visitor, or a child of one, has this pid.
          if (e.errno() != Errno.EEXIST || e.failedStep() >= 0 || attempt == VISITOR_ATTEMPTS) {
            final String start = visit.workingDirectory();
            throw Commands.failure(
                e, visit.command(), start.isEmpty() ? instance.spec().workingDirectory() : start);
          }
        } catch (final NotFoundException e) {
          throw hasEnded(instance);
        }
      }
    }
  }

  // ---- rollback

  /**
   * Put a fork of a snapshot in the place of an instance's processes. It keeps id, name, log and
   * all that is known of it; pids on the host and connections are new, and so are namespaces, but
   * for a net namespace that somebody has moved devices into.
   *
   * <p>The fork is made first, and stands still. From the commit point on there is no way back, and
   * the instance is rolled forward: should its fork die before it is in its place, another one is
   * made; should this daemon die, the next one goes on.
   *
   * <p>A fork that keeps the net namespace can be complete only when the former processes have
   * closed their sockets, behind the commit point. So it is a second one; the first one, in a net
   * namespace of its own, has shown that all can be restored, and is there if the second one fails.
   *
   * @param instance which one.
   * @param program the snapshot, compiled.
   * @param snapshot its id, for {@link Instance#snapshot()}.
   * @param deadline how long it may take until the commit point.
   * @return what was done.
   * @throws ConflictException if the instance has ended.
   * @throws VasException if the fork can't be made; the instance goes on as it was.
   */
  public Replacement replace(
      final Instance instance,
      final ForkProgram program,
      final String snapshot,
      final Duration deadline) {
    requireRunning(instance);
    final long end = System.nanoTime() + deadline.toNanos();
    try (Fd log =
        Fd.open(instance.logFile().toString(), OpenFlags.O_WRONLY | OpenFlags.O_APPEND, 0)) {
      final long first = unusedId();
      final SpawnReply reply = forkPaused(program, first, log, Start.PAUSED, deadline, () -> {});
      final Succession succession =
          new Succession(this, keeper, instance, program, snapshot, first, reply.pid(), log, end);
      final Replacement done;
      synchronized (instance.lifecycle()) {
        try {
          done = succession.run();
        } catch (final VasException e) {
          if (!succession.isCommitted()) {
            discard(first, reply.exit());
          }
          throw e;
        }
      }
      if (done.isNetworkKept()) {
        // Not before: ends are told one after the other, and whoever hears of that of the former
        // processes waits for the monitor.
        discard(first, reply.exit());
      }
      return done;
    }
  }

  /**
   * How a fork has taken the place of an instance's processes.
   *
   * @param frozenNanos for so long neither the old nor the new ones ran.
   * @param isNetworkKept whether they live in the same net namespace.
   * @param lost what the instance had and has no more; empty: nothing.
   */
  public record Replacement(long frozenNanos, boolean isNetworkKept, Optional<String> lost) {}

  long unusedId() {
    synchronized (byId) {
      long id = randomId();
      while (byId.containsKey(id)) {
        id = randomId();
      }
      return id;
    }
  }

  void endOld(final long id) {
    try {
      // Before the signal: afterwards its end may have been told already.
      final CompletableFuture<ExitStatus> exit = keeper.exitOf(id);
      if (!exit.isCompletedExceptionally()) {
        discard(id, exit);
      }
    } catch (final NotFoundException e) {
      LOGGER.debug("child {} ended by itself", id);
    }
  }

  // ---- what there is

  /**
   * Find an instance.
   *
   * @param reference its name, its id, or the beginning of its id that no other has.
   * @return the instance.
   * @throws NotFoundException if there is none.
   * @throws ConflictException if it could be several.
   */
  public Instance find(final String reference) {
    return lookUp(reference)
        .orElseThrow(() -> new NotFoundException("there is no instance " + reference));
  }

  /**
   * Find an instance.
   *
   * @param reference its name, its id, or the beginning of its id that no other has.
   * @return the instance, if there is one.
   * @throws ConflictException if it could be several.
   */
  public Optional<Instance> lookUp(final String reference) {
    return lookUp(reference, instance -> true);
  }

  /**
   * Find an instance among some.
   *
   * @param reference its name, its id, or the beginning of its id that no other of these has.
   * @param among which ones; the others are as if they were not there.
   * @return the instance, if there is one.
   * @throws ConflictException if it could be several.
   */
  public Optional<Instance> lookUp(final String reference, final Predicate<Instance> among) {
    final List<Instance> list = list().stream().filter(among).toList();
    // First the id: one instance may be named as another's id is.
    final Optional<Instance> known =
        list.stream()
            .filter(instance -> instance.reference().equals(reference))
            .findFirst()
            .or(
                () ->
                    list.stream()
                        .filter(instance -> instance.name().equals(reference))
                        .findFirst());
    if (known.isPresent()) {
      return known;
    }
    final List<Instance> candidates =
        list.stream()
            .filter(i -> !reference.isEmpty() && i.reference().startsWith(reference))
            .toList();
    if (candidates.size() > 1) {
      throw new ConflictException(
          reference + " could be any of " + candidates.size() + " instances: " + candidates);
    }
    return candidates.stream().findFirst();
  }

  /**
   * All instances, those that have ended included.
   *
   * @return oldest first.
   */
  public List<Instance> list() {
    final List<Instance> list;
    synchronized (byId) {
      list = new ArrayList<>(byId.values());
    }
    list.sort(Comparator.comparing(Instance::created).thenComparing(Instance::id));
    return list;
  }

  // ---- pause

  /**
   * Let an instance stand still. It does not notice.
   *
   * @param instance which one.
   * @throws ConflictException if it is paused already, or has ended.
   */
  public void pause(final Instance instance) {
    requireRunning(instance);
    try {
      keeper.pause(instance.id());
      instance.setPaused(true);
    } catch (final ConflictException e) {
      throw new ConflictException("instance " + instance + " is paused already", e);
    } catch (final NotFoundException e) {
      throw hasEnded(instance);
    }
  }

  /**
   * Let a paused instance go on.
   *
   * @param instance which one.
   * @throws ConflictException if it is not paused, or has ended.
   */
  public void resume(final Instance instance) {
    requireRunning(instance);
    try {
      keeper.resume(instance.id());
      instance.setPaused(false);
    } catch (final ConflictException e) {
      throw new ConflictException("instance " + instance + " is not paused", e);
    } catch (final NotFoundException e) {
      throw hasEnded(instance);
    }
  }

  // ---- end

  /**
   * Send a signal to an instance's first process. As its pid namespace's init it gets only those
   * that it has a handler for, and SIGKILL and SIGSTOP.
   *
   * @param instance which one.
   * @param signal 1 to 64.
   * @throws ConflictException if it has ended.
   */
  public void signal(final Instance instance, final int signal) {
    synchronized (instance.lifecycle()) {
      requireRunning(instance);
      try {
        keeper.signal(instance.id(), signal);
      } catch (final NotFoundException e) {
        throw hasEnded(instance);
      }
    }
  }

  /**
   * End an instance: SIGTERM, and SIGKILL if it is there still after a while. One that has ended is
   * left as it is.
   *
   * @param instance which one.
   * @param grace how long it has; zero: SIGKILL at once.
   * @return its exit code.
   */
  public int stop(final Instance instance, final Duration grace) {
    try {
      if (!grace.isZero()) {
        signal(instance, Signals.SIGTERM);
        if (instance.isPaused()) {
          resume(instance); // or it could not heed the signal
        }
        final Optional<Integer> code = await(instance, grace);
        if (code.isPresent()) {
          return code.get();
        }
      }
      signal(instance, Signals.SIGKILL);
    } catch (final ConflictException e) {
      LOGGER.debug("{} ended by itself", instance);
    }
    return await(instance, KILL_TIME)
        .orElseThrow(
            () -> new DeadlineException("instance " + instance + " does not end after SIGKILL"));
  }

  private static Optional<Integer> await(final Instance instance, final Duration time) {
    try {
      return Optional.of(instance.exit().get(time.toNanos(), NANOSECONDS));
    } catch (final TimeoutException e) {
      return Optional.empty();
    } catch (final ExecutionException e) {
      throw new VasException("waiting for instance " + instance + " failed", e);
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new VasException("interrupted while waiting for instance " + instance, e);
    }
  }

  /**
   * Remove an instance that has ended, with its log.
   *
   * @param instance which one.
   * @param force end it first if it runs.
   * @throws ConflictException if it runs.
   * @throws NotFoundException if it has been removed meanwhile.
   */
  public void remove(final Instance instance, final boolean force) {
    if (instance.state() == Instance.State.RUNNING) {
      if (!force) {
        throw new ConflictException("instance " + instance + " runs: stop it first, or use force");
      }
      stop(instance, Duration.ZERO);
    }
    synchronized (byId) {
      if (byId.remove(instance.id()) == null) {
        throw new NotFoundException("there is no instance " + instance + " any more");
      }
      reservedNames.remove(instance.name());
    }
    instance.directory().delete();
  }

  /** Remove what is left of all instances, after the keeper was told to end them. */
  public void clear() {
    final List<Instance> all;
    synchronized (byId) {
      all = List.copyOf(byId.values());
      byId.clear();
      reservedNames.clear();
    }
    all.forEach(instance -> instance.directory().delete());
  }

  static void requireRunning(final Instance instance) {
    if (instance.state() != Instance.State.RUNNING) {
      throw hasEnded(instance);
    }
  }

  private static ConflictException hasEnded(final Instance instance) {
    return new ConflictException("instance " + instance + " has ended");
  }

  // ---- a new one

  private Claim claim(final String wanted) {
    if (!wanted.isEmpty()) {
      InstanceNames.check(wanted);
    }
    synchronized (byId) {
      String name = wanted;
      for (int attempt = 0; name.isEmpty(); attempt++) {
        final String made = InstanceNames.random(attempt);
        name = reservedNames.contains(made) ? "" : made;
      }
      if (!reservedNames.add(name)) {
        throw new ConflictException("there is an instance " + name + " already");
      }
      long id = randomId();
      while (byId.containsKey(id)) {
        id = randomId();
      }
      return new Claim(id, name);
    }
  }

  private static long randomId() {
    return ThreadLocalRandom.current().nextLong(1, 1L << Instance.ID_BITS);
  }

  /** The name, id and directory of an instance that is being started. */
  private final class Claim implements AutoCloseable {
    private final long id;
    private final String name;
    private final InstanceDirectory own;
    private VasException failure;
    private RunSpec spec;
    private InstanceState.Builder state;
    private boolean adopted;

    Claim(final long id, final String name) {
      this.id = id;
      this.name = name;
      this.own = new InstanceDirectory(directory.resolve(Instance.text(id)));
    }

    Fd openLog(final RunSpec writer) {
      return own.makeWithLog(writer);
    }

    Fd openLooseLog(final RunSpec writer) {
      return own.makeLooseLog(writer);
    }

    /** While the keeper starts it: a loose log's directory, and then {@link #save()}. */
    void settle() {
      try {
        own.takeLooseLog();
        save();
      } catch (final VasException e) {
        failure = e;
      }
    }

    /** What is known of it before it runs. */
    void describe(
        final RunSpec toRun, final SandboxSpec livesIn, final InstanceState.Builder more) {
      spec = toRun;
      state =
          more.setId(id)
              .setName(name)
              .setCommand(CommandPiece.encode(toRun))
              .setSandbox(livesIn.encode())
              .setCreatedUnixMicros(nowMicros());
    }

    /** While the keeper starts it, so that nobody waits for it. */
    void save() {
      own.save(state.build());
    }

    Instance adopt(final SpawnReply reply, final Optional<MemoryPlan> memoryPlan) {
      final InstanceState started = state.setPid(reply.pid()).build();
      final Instance instance = new Instance(keeper, started, spec, own, memoryPlan);
      synchronized (byId) {
        byId.put(id, instance);
        adopted = true;
      }
      follow(instance, started, reply.exit());
      return instance;
    }

    @Override
    public void close() {
      if (!adopted) {
        own.delete();
        synchronized (byId) {
          reservedNames.remove(name);
        }
      }
    }
  }

  @SuppressWarnings("FutureReturnValueIgnored") // end() throws nothing.
  void follow(
      final Instance instance,
      final InstanceState start,
      final CompletableFuture<ExitStatus> exit) {
    exit.whenComplete(
        (status, error) -> {
          synchronized (instance.lifecycle()) {
            // A daemon that lets go of its keeper leaves the instance running. Processes that were
            // replaced are not the instance any more.
            if (instance.start().equals(start) && (error == null || !keeper.isClosed())) {
              end(instance, error == null ? status : new ExitStatus(UNKNOWN_STATUS));
            }
          }
        });
  }

  void end(final Instance instance, final ExitStatus status) {
    final InstanceState ended =
        instance.start().toBuilder()
            .setEnded(true)
            .setWaitStatus(status.waitStatus())
            .setEndedUnixMicros(nowMicros())
            .build();
    instance.directory().save(ended);
    instance.complete(ended, status.code());
  }

  private static long nowMicros() {
    return ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
  }

  // ---- files

  private void load() throws IOException {
    final Map<Long, Listed> alive = new HashMap<>();
    keeper.list().forEach(listed -> alive.put(listed.id(), listed));
    try (DirectoryStream<Path> directories = Files.newDirectoryStream(directory)) {
      for (final Path path : directories) {
        final InstanceDirectory own = new InstanceDirectory(path);
        final Optional<InstanceState> state =
            Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS) ? own.state() : Optional.empty();
        if (state.isEmpty()) {
          // The daemon died while it started this one.
          LOGGER.warn("{} is not complete and is removed", own);
          own.delete();
          continue;
        }
        final InstanceState current = rollForward(own, state.get(), alive);
        load(own, current, Optional.ofNullable(alive.get(current.getId())));
      }
    }
    keeper.list().stream()
        .filter(listed -> listed.visited() == 0 && !byId.containsKey(listed.id()))
        .forEach(listed -> endUnknown(listed.id()));
  }

  /** If the daemon died while it put a fork in the place of this one, after the commit point. */
  private InstanceState rollForward(
      final InstanceDirectory own, final InstanceState state, final Map<Long, Listed> alive)
      throws IOException {
    final Optional<ReplacementState> begun = own.replacement();
    if (begun.isEmpty()) {
      return state;
    }
    final ReplacementState next = begun.get();
    final long id = state.getId();
    final int pid = next.getState().getPid();
    final Listed fork = alive.remove(next.getFork());
    if (fork != null && fork.pid() == pid) {
      if (fork.id() != id) {
        endOld(id);
        final var unused = keeper.rename(fork.id(), id);
      }
      alive.put(id, new Listed(id, fork.visited(), pid, fork.paused(), fork.broken()));
    }
    final Listed there = alive.get(id);
    if (there == null || there.pid() != pid) {
      LOGGER.warn("instance {} was being put back, but its fork has ended", state.getName());
      own.endReplacement();
      return state;
    }
    LOGGER.warn(
        "instance {} was being put back to snapshot {}, and is now",
        state.getName(),
        next.getState().getSnapshot());
    own.save(next.getState());
    if (there.paused() && !next.getStaysPaused()) {
      resumeHeir(id);
      alive.put(id, new Listed(id, there.visited(), pid, false, there.broken()));
    }
    own.endReplacement();
    return next.getState();
  }

  private void resumeHeir(final long id) {
    try {
      keeper.resume(id);
    } catch (final ConflictException e) {
      LOGGER.debug("{} has gone on by itself", Instance.text(id));
    }
  }

  /** The daemon died while it started this one, and nobody was told that it runs. */
  private void endUnknown(final long id) {
    LOGGER.warn("the child {} of a former daemon is ended", Instance.text(id));
    kill(id);
  }

  void kill(final long id) {
    try {
      keeper.signal(id, Signals.SIGKILL);
    } catch (final NotFoundException e) {
      LOGGER.debug("{} ended by itself", Instance.text(id));
    }
  }

  private void load(
      final InstanceDirectory own, final InstanceState saved, final Optional<Listed> alive) {
    // Who is alive was saved before there was a pid.
    final InstanceState state =
        alive.map(listed -> saved.toBuilder().setPid(listed.pid()).build()).orElse(saved);
    final Instance instance =
        new Instance(keeper, state, CommandPiece.decode(state.getCommand()), own, Optional.empty());
    synchronized (byId) {
      byId.put(state.getId(), instance);
      reservedNames.add(state.getName());
    }
    if (state.getEnded()) {
      instance.complete(state, new ExitStatus(state.getWaitStatus()).code());
    } else if (alive.isPresent()) {
      instance.setPaused(alive.get().paused());
      follow(instance, state, keeper.exitOf(state.getId()));
      if (alive.get().broken()) {
        LOGGER.warn("instance {} is ended: its rollback failed, and its daemon died", instance);
        endOld(state.getId());
      }
    } else {
      end(instance, new ExitStatus(UNKNOWN_STATUS));
    }
  }
}
