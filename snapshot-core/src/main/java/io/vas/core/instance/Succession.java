package io.vas.core.instance;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.vas.core.DeadlineException;
import io.vas.core.NotFoundException;
import io.vas.core.VasException;
import io.vas.core.checkpoint.CommandPiece;
import io.vas.core.checkpoint.Subject.Origin;
import io.vas.core.image.InstanceState;
import io.vas.core.image.ReplacementState;
import io.vas.core.keeper.ExitStatus;
import io.vas.core.keeper.Keeper;
import io.vas.core.keeper.SpawnReply;
import io.vas.core.linux.Fd;
import io.vas.core.linux.NetworkNamespace;
import io.vas.core.linux.Pidfd;
import io.vas.core.linux.Signals;
import io.vas.core.resource.TcpSocket;
import io.vas.core.restore.ForkProgram;
import io.vas.core.sandbox.KeptNetwork;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a fork takes the place of an instance's processes, once, under the monitor of the instance's
 * lifecycle; see {@link Instances#replace}.
 */
final class Succession {
  private static final Logger LOGGER = LoggerFactory.getLogger(Succession.class);

  private final Instances instances;
  private final Keeper keeper;
  private final Instance instance;
  private final ForkProgram program;
  private final String snapshot;
  private final long first;
  private final int firstPid;
  private final Fd log;
  private final long end;
  private boolean committed;
  private long named;
  private long stopped;
  private VasException failure;

  Succession(
      final Instances instances,
      final Keeper keeper,
      final Instance instance,
      final ForkProgram program,
      final String snapshot,
      final long first,
      final int firstPid,
      final Fd log,
      final long end) {
    this.instances = instances;
    this.keeper = keeper;
    this.instance = instance;
    this.program = program;
    this.snapshot = snapshot;
    this.first = first;
    this.firstPid = firstPid;
    this.log = log;
    this.end = end;
  }

  boolean isCommitted() {
    return committed;
  }

  Instances.Replacement run() {
    Instances.requireRunning(instance);
    final boolean wasPaused = instance.isPaused();
    final List<String> devices = NetworkNamespace.devices(instance.pid());
    final boolean isNetworkKept = !devices.isEmpty() && replaceInNetwork();
    if (!isNetworkKept) {
      if (named != first) {
        commit(first, firstPid);
      }
      goOnAlone(first);
      instances.endOld(instance.id());
      takePlace(first);
    }
    if (!wasPaused) {
      keeper.resume(instance.id());
    }
    instance.directory().endReplacement();
    final Optional<String> lost =
        isNetworkKept || devices.isEmpty()
            ? Optional.empty()
            : Optional.of(
                "its network devices "
                    + String.join(", ", devices)
                    + ", with addresses and routes ("
                    + failure.getMessage()
                    + ")");
    lost.ifPresent(what -> LOGGER.warn("instance {} has lost {}", instance, what));
    return new Instances.Replacement(System.nanoTime() - stopped, isNetworkKept, lost);
  }

  /**
   * The commit point of a rollback by replacement: from here on the fork is the instance. Before
   * the former processes end, for whoever waits for that may be the one that hears of it.
   *
   * @throws VasException if it is not passed.
   */
  private void commit(final long fork, final int pid) {
    final long now = System.nanoTime();
    instance
        .directory()
        .begin(
            ReplacementState.newBuilder()
                .setState(state(pid))
                .setFork(fork)
                .setStaysPaused(instance.isPaused())
                .build());
    incarnate(pid);
    named = fork;
    if (!committed) {
      committed = true;
      stopped = now;
    }
  }

  /** Should this daemon die, nobody else would see to it for a while. */
  private void goOnAlone(final long fork) {
    if (!instance.isPaused()) {
      succeed(fork, instance.id());
    }
  }

  private void succeed(final long fork, final long predecessor) {
    try {
      keeper.succeed(fork, predecessor);
    } catch (final NotFoundException e) {
      LOGGER.debug("{}: its fork {} has ended", instance, Instance.text(fork));
    }
  }

  private void incarnate(final int pid) {
    instance.incarnate(
        new Instance.Incarnation(
            state(pid),
            Optional.of(program.memoryPlan()),
            Optional.of(new Origin(program.image(), program.pages()))));
  }

  private InstanceState state(final int pid) {
    return instance.start().toBuilder()
        .setCommand(CommandPiece.encode(program.command()))
        .setSandbox(program.sandbox().encode())
        .setPid(pid)
        .setSnapshot(snapshot)
        .setLayout(program.pages().layout())
        .build();
  }

  private void takePlace(final long fork) {
    try {
      try {
        instances.follow(instance, instance.start(), keeper.rename(fork, instance.id()));
      } catch (final NotFoundException e) {
        LOGGER.warn("{}: its fork was killed before it took its place", instance);
        final SpawnReply again =
            instances.forkPaused(
                program, instance.id(), log, Instances.Start.PAUSED, Instances.KILL_TIME, () -> {});
        commit(instance.id(), again.pid());
        goOnAlone(instance.id());
        instances.follow(instance, instance.start(), again.exit());
      }
    } catch (final VasException e) {
      instances.end(instance, new ExitStatus(Instances.UNKNOWN_STATUS));
      throw new VasException("instance " + instance + " is lost: " + e.getMessage(), e);
    }
    instance.directory().save(instance.start());
  }

  // ---- in the same net namespace

  /**
   * Makes a second fork, in the instance's net namespace, and puts that in its place.
   *
   * @return false if that failed behind the commit point: the first one is to take the place.
   * @throws VasException if it failed before.
   */
  private boolean replaceInNetwork() {
    final long second = instances.unusedId();
    // While it starts a child, the keeper answers nothing.
    final CompletableFuture<ExitStatus> exit = keeper.exitOf(instance.id());
    try (Pidfd old = Pidfd.open(instance.pid());
        KeptNetwork network = KeptNetwork.of(NetworkNamespace.open(instance.pid()))) {
      // It is there still, so the number has not been another's.
      old.signal(0);
      // Before the commit point: when that is passed, the keeper answers nothing.
      goOnAlone(first);
      final Duration time = Duration.ofNanos(end - System.nanoTime()).plus(Instances.KILL_TIME);
      final SpawnReply reply =
          program.forkHeldIn(network, keeper, second, log, time, () -> handOver(network, old));
      try {
        keeper.pause(second);
        exit.get(
            Instances.KILL_TIME.toNanos(), NANOSECONDS); // or the keeper has the id's former owner
        succeed(first, 0); // one at most goes on by itself, the one that is named
        commit(second, reply.pid());
        goOnAlone(second);
        instances.follow(instance, instance.start(), keeper.rename(second, instance.id()));
      } catch (final ExecutionException | TimeoutException | InterruptedException e) {
        instances.kill(second);
        throw new VasException("its former processes do not end: " + e, e);
      } catch (final VasException e) {
        instances.kill(second);
        throw e;
      }
      instance.directory().save(instance.start());
      return true;
    } catch (final VasException e) {
      failure = failure == null ? e : failure;
      if (committed) {
        return false;
      }
      throw failure;
    }
  }

  /**
   * When the second fork asks for the net namespace, and so needs nothing but that: passes the
   * commit point, ends the processes that live there, and gives it. It does not wait for the
   * keeper's word of their end: that may have to wait for another replacement, and this for an
   * answer of the keeper, which waits for the fork.
   */
  private void handOver(final KeptNetwork network, final Pidfd old) {
    try {
      if (!network.isAskedFor()) {
        return; // it has failed, and the keeper tells why
      }
      if (System.nanoTime() > end) {
        throw new DeadlineException("the time to make its fork ran out");
      }
      commit(first, firstPid);
      old.signal(Signals.SIGKILL);
      if (!old.awaitExit((int) Instances.KILL_TIME.toMillis())) {
        throw new DeadlineException("its former processes do not end");
      }
      network.give(TcpSocket.boundPorts(program.image()));
    } catch (final VasException e) {
      failure = e;
    } finally {
      // It goes on, or does not wait any longer.
      network.close();
    }
  }
}
