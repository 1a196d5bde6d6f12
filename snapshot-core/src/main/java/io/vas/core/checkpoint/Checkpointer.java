package io.vas.core.checkpoint;

import io.vas.core.DeadlineException;
import io.vas.core.StoreFullException;
import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import io.vas.core.checkpoint.RecordFiles.RecordFile;
import io.vas.core.image.Image;
import io.vas.core.keeper.FreezeException;
import io.vas.core.keeper.FreezeMode;
import io.vas.core.keeper.FreezeReply;
import io.vas.core.keeper.FreezeRequest;
import io.vas.core.keeper.FreezeStage;
import io.vas.core.keeper.MendRequest;
import io.vas.core.keeper.Params;
import io.vas.core.keeper.RollbackReply;
import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.Errno;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.MemFd;
import io.vas.core.memory.PageSink;
import io.vas.core.memory.RegionKind;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Value;
import io.vas.core.resource.HostFacts;
import io.vas.core.resource.PlanBuilder;
import io.vas.core.resource.PlanOutdatedException;
import io.vas.core.sandbox.Sandbox;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * Takes snapshots: the keeper freezes an instance, records raw facts, copies its pages and lets it
 * go on; what was recorded is interpreted afterwards. Thread-safe, but to be closed when nobody
 * uses it any more.
 */
public final class Checkpointer implements AutoCloseable {
  /** Raised when an older version would misunderstand an image. */
  public static final int IMAGE_VERSION = 2;

  private static final String COPY_FILES = "files: copy the layer";

  /** A step of the instance program whose result is 0 if they are the same. */
  static final String COMPARE_FILES = "files: compare the layer";

  /** A step of the instance program whose result is a ROOTS constant of the record, or -errno. */
  static final String COMPARE_ROOTS = "files: compare what is seen";

  private static final int ATTEMPTS = 3;

  private final Plan.Devices devices;
  private final Plan livePlan;
  private final Plan stopPlan;
  private final Plan comparingPlan;
  private final RecordFiles recordFiles = new RecordFiles();
  private UnaryOperator<FreezeRequest> changes = UnaryOperator.identity();

  /**
   * A checkpointer for the snapshots of one store.
   *
   * @param huge the device of its regions with huge pages, by which mappings of them are
   *     recognised.
   * @param small that of its regions with small pages.
   */
  public Checkpointer(final DeviceNumber huge, final DeviceNumber small) {
    try (Fd probe = MemFd.create("vas-probe", 0, 0)) {
      devices = new Plan.Devices(FileStatus.of(probe).device(), huge, small);
    }
    livePlan = plan(new PlanBuilder(), false);
    stopPlan = plan(new PlanBuilder(), true);
    comparingPlan = comparingPlan(new PlanBuilder());
  }

  private Plan plan(final PlanBuilder builder, final boolean frozen) {
    return Plan.ofAllResources(builder, devices, more -> planBesides(more, frozen));
  }

  private Plan comparingPlan(final PlanBuilder builder) {
    return Plan.ofAllResources(
        builder,
        devices,
        more -> {
          Interpretation.plan(more, true);
          compareFiles(more);
        });
  }

  /**
   * Layers that are the same show the same; who has changed files since shows the same only when he
   * has changed them back.
   */
  private static void compareFiles(final PlanBuilder builder) {
    final ProgramBuilder program = builder.instanceProgram();
    final Value wanted = program.parameter(PlanBuilder.SNAPSHOT_ROOT);
    program.skipIfEqual(wanted, Value.of(-1), 2);
    program.compareRoots(COMPARE_ROOTS, builder.upper(), builder.layer(), builder.root(), wanted);
    program.skipIfEqual(wanted, wanted, 1);
    program.compareTrees(COMPARE_FILES, builder.upper(), builder.layer());
  }

  private static void planBesides(final PlanBuilder builder, final boolean frozen) {
    Interpretation.plan(builder, frozen);
    builder.instanceProgram().copyTree(COPY_FILES, builder.upper(), builder.layer());
  }

  /**
   * For tests: change what the keeper is asked.
   *
   * @param change is applied to every request.
   * @return this.
   */
  public Checkpointer changing(final UnaryOperator<FreezeRequest> change) {
    changes = change;
    return this;
  }

  /**
   * Take a snapshot in live mode. Whatever happens, the instance goes on as if nothing had been.
   *
   * @param instance of which.
   * @param sink where its pages and files go; if this fails, what is there is to be thrown away.
   * @param deadline how long the instance may be frozen.
   * @return the snapshot.
   * @throws UnsupportedException if the instance has something that can not be restored.
   * @throws DeadlineException if time ran out.
   * @throws VasException if it fails otherwise.
   */
  public Checkpoint take(final Subject instance, final PageSink sink, final Duration deadline) {
    return take(instance, sink, deadline, FreezeMode.LIVE);
  }

  /**
   * Take a snapshot. Whatever happens, the instance goes on as if nothing had been.
   *
   * @param instance of which.
   * @param sink where its pages and files go; if this fails, what is there is to be thrown away.
   * @param deadline how long the instance may be frozen.
   * @param mode when pages are copied.
   * @return the snapshot.
   * @throws UnsupportedException if the instance has something that can not be restored.
   * @throws DeadlineException if time ran out.
   * @throws VasException if it fails otherwise.
   */
  public Checkpoint take(
      final Subject instance, final PageSink sink, final Duration deadline, final FreezeMode mode) {
    return take(instance, sink, deadline, mode, Optional.empty());
  }

  /**
   * Take a snapshot of an instance that may have one already: then only what has changed is stored.
   * Whatever happens, the instance goes on as if nothing had been.
   *
   * @param instance of which.
   * @param sink where its pages and files go; if this fails, what is there is to be thrown away.
   * @param deadline how long the instance may be frozen.
   * @param mode when pages are copied.
   * @param base the earlier one; empty if there is none.
   * @return the snapshot.
   * @throws UnsupportedException if the instance has something that can not be restored.
   * @throws DeadlineException if time ran out.
   * @throws VasException if it fails otherwise.
   */
  public Checkpoint take(
      final Subject instance,
      final PageSink sink,
      final Duration deadline,
      final FreezeMode mode,
      final Optional<Base> base) {
    return take(new Take(instance, sink, deadline, mode, base));
  }

  /** What is asked for. */
  private record Take(
      Subject instance, PageSink sink, Duration deadline, FreezeMode mode, Optional<Base> base) {}

  private Checkpoint take(final Take asked) {
    try {
      return take(asked, asked.mode() == FreezeMode.LIVE ? livePlan : stopPlan);
    } catch (final RunningFlags.UncertainException e) {
      // It costs frozen time, but is certain.
      clear(asked.sink().layer());
      return takeCertainly(asked);
    } catch (final PlanOutdatedException e) {
      return takeWithOwnPlan(asked, ATTEMPTS);
    }
  }

  private Checkpoint takeCertainly(final Take asked) {
    try {
      return take(asked, stopPlan);
    } catch (final PlanOutdatedException e) {
      return takeWithOwnPlan(asked, ATTEMPTS);
    }
  }

  /**
   * The sink's files are used again: pages are written over, and what is not listed is not read.
   */
  private Checkpoint takeWithOwnPlan(final Take asked, final int attempts) {
    final Path process = Path.of("/proc", Integer.toString(asked.instance().pid()));
    clear(asked.sink().layer());
    try (Plan own = plan(new PlanBuilder(process), true)) {
      return take(asked, own);
    } catch (final PlanOutdatedException e) {
      if (attempts == 1) {
        throw e;
      }
      return takeWithOwnPlan(asked, attempts - 1);
    }
  }

  /** Removes what the attempt before has copied. */
  private static void clear(final Fd directory) {
    // With the dot it is not taken for a symbolic link.
    final Path top = Path.of("/proc/self/fd", Integer.toString(directory.value()), ".");
    try (Stream<Path> tree = Files.walk(top)) {
      for (final Path path : tree.sorted(Comparator.reverseOrder()).toList()) {
        if (!path.equals(top)) {
          Files.delete(path);
        }
      }
    } catch (final IOException e) {
      throw new VasException("the snapshot's layer can not be cleared: " + e, e);
    }
  }

  private Checkpoint take(final Take asked, final Plan by) {
    final Subject instance = asked.instance();
    final PageSink sink = asked.sink();
    sink.clear();
    try (RecordFile file = recordFiles.take()) {
      final FreezeReply reply = freeze(asked, by, file.fd());
      file.written(reply.recordLength());
      final InstanceRecord record =
          new InstanceRecord(by, file.memory(), file.length(), instance.pid());
      final Image image =
          new Interpretation(
                  instance,
                  layersOf(instance, sink),
                  Optional.of(new Pages(sink, asked.base(), reply.base() != 0)),
                  record,
                  reply.imprint(),
                  new HostFacts())
              .image();
      return new Checkpoint(
          image,
          reply.frozenNanos(),
          reply.pages(),
          reply.stageNanos(),
          reply.frozenPages(),
          reply.objectPages(),
          reply.otherNanos(),
          reply.roundPages(),
          reply.cut(),
          reply.base() != 0);
    }
  }

  /**
   * Stop an instance and look what it is. It stands still afterwards, until the deadline at most;
   * where this throws, it may do so, too.
   *
   * @param instance which one.
   * @param files what its files are compared with.
   * @param deadline how long it may stand still.
   * @return what was found, to be closed.
   * @throws VasException if it fails.
   */
  public Inspection inspect(
      final Subject instance, final WantedFiles files, final Duration deadline) {
    return inspect(
        instance, comparingPlan, files, deadline, request -> freezeOnly(instance, request));
  }

  /**
   * The same, but if the instance is found as it was known, it is put back at once.
   *
   * @param instance which one.
   * @param files as for {@link #inspect}.
   * @param deadline as for {@link #inspect}.
   * @param mend what it is to be then, and what it is known to be.
   * @param table a file that the mend's has been written to.
   * @return what was found, to be closed, and done.
   * @throws io.vas.core.keeper.MendException if it was found so, but could not be put back.
   * @throws VasException if it fails otherwise.
   */
  public Inspection inspectAndMend(
      final Subject instance,
      final WantedFiles files,
      final Duration deadline,
      final MendRequest mend,
      final Fd table) {
    return inspect(
        instance,
        comparingPlan,
        files,
        deadline,
        request -> explaining(instance, () -> instance.keeper().rollBack(request, mend, table)));
  }

  /**
   * The same as {@link #inspect} after {@link PlanOutdatedException}.
   *
   * @param instance which one.
   * @param files what its files are compared with.
   * @param deadline how long it may stand still.
   * @return what was found, to be closed.
   * @throws VasException if it fails.
   */
  public Inspection inspectWithOwnPlan(
      final Subject instance, final WantedFiles files, final Duration deadline) {
    final Path process = Path.of("/proc", Integer.toString(instance.pid()));
    try (Plan own = comparingPlan(new PlanBuilder(process))) {
      return inspect(instance, own, files, deadline, request -> freezeOnly(instance, request));
    }
  }

  private static RollbackReply freezeOnly(final Subject instance, final FreezeRequest request) {
    return new RollbackReply(freeze(instance, request), Optional.empty());
  }

  private Inspection inspect(
      final Subject instance,
      final Plan by,
      final WantedFiles files,
      final Duration deadline,
      final Function<FreezeRequest, RollbackReply> ask) {
    final Fd noRegion = by.file(); // nothing is written to it
    final RecordFile file = recordFiles.take();
    try {
      final Params params =
          Params.forFreeze(by.instanceProgram())
              .kept(PlanBuilder.UPPER, Sandbox.KEPT_UPPER)
              .kept(PlanBuilder.SOCK_DIAG, Sandbox.KEPT_SOCK_DIAG)
              .kept(PlanBuilder.ROOT, Sandbox.KEPT_ROOT);
      attach(params, PlanBuilder.LAYER, files.layer());
      attach(params, PlanBuilder.SNAPSHOT_ROOT, files.root());
      final RollbackReply reply =
          ask.apply(
              new FreezeRequest(instance.id(), by.file(), file.fd(), noRegion, noRegion, deadline)
                  .recordsOnly()
                  .keeps()
                  .params(params));
      file.written(reply.frozen().recordLength());
      return new Inspection(
          instance,
          files.layers(),
          by,
          by == comparingPlan,
          file,
          reply.frozen().imprint(),
          reply.mended());
    } catch (final RuntimeException e) {
      file.close();
      throw e;
    }
  }

  private static void attach(final Params params, final String name, final Optional<Fd> fd) {
    fd.ifPresentOrElse(there -> params.attached(name, there), () -> params.immediate(name, -1));
  }

  private FreezeReply freeze(final Take asked, final Plan by, final Fd recordFile) {
    final Subject instance = asked.instance();
    final PageSink sink = asked.sink();
    final FreezeRequest request =
        new FreezeRequest(
                instance.id(),
                by.file(),
                recordFile,
                sink.region(RegionKind.HUGE),
                sink.region(RegionKind.SMALL),
                asked.deadline())
            .mode(asked.mode())
            .base(asked.base().map(Base::cut).orElse(0L))
            .params(
                Params.forFreeze(by.instanceProgram())
                    .kept(PlanBuilder.UPPER, Sandbox.KEPT_UPPER)
                    .attached(PlanBuilder.LAYER, sink.layer())
                    .kept(PlanBuilder.SOCK_DIAG, Sandbox.KEPT_SOCK_DIAG)
                    .kept(PlanBuilder.ROOT, Sandbox.KEPT_ROOT));
    return freeze(instance, changes.apply(request));
  }

  private static FreezeReply freeze(final Subject instance, final FreezeRequest request) {
    return explaining(instance, () -> instance.keeper().freeze(request));
  }

  /** What a freeze says that failed, in the words of a user. */
  private static <T> T explaining(final Subject instance, final Supplier<T> freeze) {
    try {
      return freeze.get();
    } catch (final FreezeException e) {
      if (e.stage() == FreezeStage.SEIZE && e.number() == Errno.EBUSY.number()) {
        throw new UnsupportedException(
            instance.pid(), "traced task", "another process traces a task of the instance");
      }
      if (e.stage() == FreezeStage.SEIZE && e.number() == Errno.EOPNOTSUPP.number()) {
        throw new UnsupportedException(
            instance.pid(), "stopped task", "a signal has stopped task " + e.task());
      }
      if (e.stage() == FreezeStage.PROGRAMS && e.number() == Errno.EOPNOTSUPP.number()) {
        throw new UnsupportedException(
            instance.pid(), "seccomp", "it would stop what vas runs in task " + e.task());
      }
      if (e.number() == Errno.ENOSPC.number()) {
        throw new StoreFullException("the store has no room for the snapshot", e);
      }
      throw e;
    }
  }

  private static List<Fd> layersOf(final Subject instance, final PageSink sink) {
    final List<Fd> layers = new ArrayList<>();
    layers.add(sink.layer());
    instance.origin().ifPresent(origin -> layers.addAll(origin.pages().layers()));
    return layers;
  }

  @Override
  public void close() {
    livePlan.close();
    stopPlan.close();
    comparingPlan.close();
    recordFiles.close();
  }
}
