package io.vas.core.restore;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.ConflictException;
import io.vas.core.NotFoundException;
import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import io.vas.core.checkpoint.Checkpointer;
import io.vas.core.checkpoint.Inspection;
import io.vas.core.checkpoint.SandboxPiece;
import io.vas.core.checkpoint.Subject;
import io.vas.core.checkpoint.WantedFiles;
import io.vas.core.image.Image;
import io.vas.core.image.Piece;
import io.vas.core.image.ProcessImage;
import io.vas.core.image.RegistersState;
import io.vas.core.image.TaskImage;
import io.vas.core.image.VmaImage;
import io.vas.core.keeper.FileChange;
import io.vas.core.keeper.FreezeException;
import io.vas.core.keeper.KeeperException;
import io.vas.core.keeper.MendException;
import io.vas.core.keeper.MendReply;
import io.vas.core.keeper.MendRequest;
import io.vas.core.keeper.MendStage;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileStatus;
import io.vas.core.memory.PageSource;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Value;
import io.vas.core.resource.Directories;
import io.vas.core.resource.PlanOutdatedException;
import io.vas.core.resource.ProcessResource;
import io.vas.core.resource.ProcessRestore;
import io.vas.core.resource.Registers;
import io.vas.core.resource.Resources;
import io.vas.core.resource.TaskResource;
import io.vas.core.resource.TaskRestore;
import io.vas.core.sandbox.Sandbox;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Puts an instance back to a snapshot in the processes that there are: it is stopped and looked at;
 * what it is now is compared with the snapshot, piece by piece; the keeper gets a list of what is
 * to be mended, and writes the pages that differ.
 *
 * <p>What is restored by the same steps as in a fork, is restored by them; what has gone for good,
 * or would take something that a running process can't do, is refused: then nothing has been
 * changed, and a fork has to take the instance's place.
 */
public final class InPlaceRollback implements AutoCloseable {
  private static final long AREA_LOWEST = 0x1000_0000_0000L;
  private static final long AREA_HIGHEST = 0x5000_0000_0000L;
  private static final long AREA_STEP = 1L << 30;

  private final Checkpointer checkpointer;
  private final LatestAnswers answers = new LatestAnswers();
  private final Writers writers = new Writers();
  private final AtomicLong repeats = new AtomicLong();
  private MendStage fault;

  /**
   * A way back.
   *
   * @param checkpointer looks at instances.
   */
  public InPlaceRollback(final Checkpointer checkpointer) {
    this.checkpointer = checkpointer;
  }

  /**
   * For tests: make a stage fail.
   *
   * @param stage which one; null: none any more.
   * @return this.
   */
  public InPlaceRollback failingAt(final MendStage stage) {
    fault = stage;
    return this;
  }

  /**
   * How often an instance was found as the time before, so that it was known what to mend.
   *
   * @return rollbacks.
   */
  public long repeats() {
    return repeats.get();
  }

  /**
   * Put an instance back.
   *
   * @param instance which one.
   * @param target the snapshot.
   * @param pages of the snapshot.
   * @param keepsConnections whether connections to the outside are left alone. Otherwise an
   *     instance that has some is not put back in place: a fork's come back reset.
   * @param isPaused whether the instance stands still, and is to do so afterwards.
   * @param deadline how long it may stand still until it is known what is to be mended.
   * @return what was done.
   * @throws NotInPlaceException if it differs in more than can be mended; it goes on as it was.
   * @throws MendException if it failed. When that says that it is committed, the instance stands
   *     still, and must be replaced.
   * @throws NotFoundException if it has ended.
   */
  public MendReply run(
      final Subject instance,
      final Image target,
      final PageSource pages,
      final boolean keepsConnections,
      final boolean isPaused,
      final Duration deadline) {
    final Wanted wanted = new Wanted(target, pages, keepsConnections, instance.origin());
    try (LatestAnswers.Turn turn = answers.take(instance.id());
        WantedRoot root = new WantedRoot(instance.keeper(), pages)) {
      final Decision decision;
      try {
        if (writers.contains(instance.id())) {
          root.mount();
        }
        decision = decide(instance, wanted, root, turn, isPaused, deadline);
      } catch (final RuntimeException e) {
        if (isUncertain(e)) {
          turn.forget();
        } else if (!isPaused && !(e instanceof MendException)) {
          letGo(instance);
        }
        throw e instanceof UnsupportedException refused
            ? new NotInPlaceException(refused.reason(), refused)
            : e;
      }
      try (Inspection found = decision.found()) {
        if (found.mended().isPresent()) {
          repeats.incrementAndGet();
          return found.mended().get();
        }
        final MendReply reply = instance.keeper().mend(asking(decision.request(), root, isPaused));
        turn.remember(wanted, found, decision.request());
        return reply;
      }
    }
  }

  private MendRequest asking(
      final MendRequest request, final WantedRoot root, final boolean isPaused) {
    return request.fault(fault).stays(isPaused).wantedRoot(root.directory());
  }

  /**
   * The keeper has not said what it has done, or does. If the instance is half put back it must not
   * be let go; if it only stands still it goes on at the deadline.
   */
  private static boolean isUncertain(final RuntimeException e) {
    return e instanceof KeeperException
        && !(e instanceof MendException)
        && !(e instanceof FreezeException);
  }

  private static void letGo(final Subject instance) {
    try {
      instance.keeper().resume(instance.id());
    } catch (final ConflictException | NotFoundException e) {
      // It was never stopped, goes on since the deadline, or has ended.
      return;
    }
  }

  // ---- what it is now

  /**
   * Where an instance is to go back to, and what it was made from. Pages are the same only as one
   * object: another use of the snapshot has other descriptors.
   */
  record Wanted(
      Image target, PageSource pages, boolean keepsConnections, Optional<Subject.Origin> origin) {}

  /** What an instance was found to be, and what is to be mended, unless that has been done. */
  private record Decision(Inspection found, MendRequest request) {}

  private Decision decide(
      final Subject instance,
      final Wanted wanted,
      final WantedRoot root,
      final LatestAnswers.Turn turn,
      final boolean isPaused,
      final Duration deadline) {
    final List<Fd> lower =
        instance.origin().map(origin -> origin.pages().layers()).orElse(List.of());
    final List<Fd> layers = wanted.pages().layers();
    final boolean startedHere = isSame(lower, layers);
    if (!startedHere && (layers.isEmpty() || !isSame(lower, layers.subList(1, layers.size())))) {
      throw new NotInPlaceException("its files lie upon those of another snapshot");
    }
    final Optional<Fd> layer = startedHere ? Optional.empty() : Optional.of(layers.get(0));
    final Optional<MendRequest> last = turn.request(wanted);
    final WantedFiles files = new WantedFiles(layer, root.directory(), layers);
    final Inspection found =
        last.isEmpty()
            ? checkpointer.inspect(instance, files, deadline)
            : checkpointer.inspectAndMend(
                instance, files, deadline, asking(last.get(), root, isPaused), turn.table());
    final Optional<Decision> decision = decide(instance, wanted, found, files, deadline);
    if (decision.isPresent()) {
      return decision.get();
    }
    writers.add(instance.id());
    root.mount();
    final WantedFiles seen = new WantedFiles(layer, root.directory(), layers);
    return decide(instance, wanted, checkpointer.inspect(instance, seen, deadline), seen, deadline)
        .orElseThrow();
  }

  private Optional<Decision> decide(
      final Subject instance,
      final Wanted wanted,
      final Inspection found,
      final WantedFiles files,
      final Duration deadline) {
    try {
      return decide(instance, wanted, found, files);
    } catch (final PlanOutdatedException e) {
      return decide(
          instance, wanted, checkpointer.inspectWithOwnPlan(instance, files, deadline), files);
    }
  }

  /** Empty if its layer differs from the snapshot's, and it is not known what is seen. */
  private static Optional<Decision> decide(
      final Subject instance,
      final Wanted wanted,
      final Inspection found,
      final WantedFiles files) {
    if (found.mended().isPresent()) {
      return Optional.of(new Decision(found, null));
    }
    try {
      if (files.root().isPresent() || found.sameFiles()) {
        return Optional.of(new Decision(found, compile(instance, wanted, found)));
      }
    } catch (final RuntimeException e) {
      found.close();
      throw e;
    }
    found.close();
    return Optional.empty();
  }

  private static boolean isSame(final List<Fd> some, final List<Fd> others) {
    if (some.size() != others.size()) {
      return false;
    }
    for (int i = 0; i < some.size(); i++) {
      if (some.get(i) == others.get(i)) {
        continue;
      }
      final FileStatus one = FileStatus.of(some.get(i));
      final FileStatus other = FileStatus.of(others.get(i));
      if (one.inode() != other.inode() || !one.device().equals(other.device())) {
        return false;
      }
    }
    return true;
  }

  // ---- what is to be mended

  private static MendRequest compile(
      final Subject instance, final Wanted wanted, final Inspection found) {
    final Image target = wanted.target();
    final Image current = found.image();
    if (target.getProcessesCount() != 1 || current.getProcessesCount() != 1) {
      throw new NotInPlaceException("it has several processes");
    }
    if (target.getObjectsCount() > 0) {
      throw new NotInPlaceException("it has shared memory, or files without a name");
    }
    if (!SandboxPiece.read(target).clocks().equals(SandboxPiece.read(current).clocks())) {
      throw new NotInPlaceException("its clocks are others than the snapshot's");
    }
    final List<FileChange> changes =
        new LayerDifference(found, target, current).changes(wanted.origin().isPresent());
    final ProcessImage before = target.getProcesses(0);
    final ProcessImage now = current.getProcesses(0);
    final ProgramBuilder program = new ProgramBuilder();
    final PageSpaceFiles files = PageSpaceFiles.of(wanted.pages(), before);
    try {
      final MemoryDifference memory =
          new MemoryDifference(
              program,
              before.getMemory(),
              now.getMemory(),
              files,
              OpensFiles.byPath(now) && OpensFiles.withoutLocks(before));
      final List<MendRequest.End> ends = new ArrayList<>(Descendants.end(program, found, before));
      new FileDifference(program, target, current).mend(wanted.keepsConnections());
      mendProcess(program, target, before, now);
      final Map<Integer, Integer> keeperTids = found.keeperTids();
      final List<MendRequest.Task> tasks = tasks(program, target, before, now, keeperTids);
      keeperTids.values().stream()
          .filter(tid -> tasks.stream().noneMatch(task -> task.tid() == tid))
          .forEach(tid -> ends.add(new MendRequest.End(tid, false)));
      memory.mend();
      final MendRequest request =
          new MendRequest(instance.id(), files.descriptors())
              .changes(changes, Sandbox.KEPT_ROOT)
              .tasks(tasks)
              .ends(ends)
              .runs(memory.runs());
      if (program.stepCount() > 0) {
        program.end();
        request.program(program.build(), freeArea(before, now));
      }
      return request;
    } catch (final InvalidProtocolBufferException e) {
      throw new VasException("the snapshot's image is damaged", e);
    }
  }

  private static long freeArea(final ProcessImage before, final ProcessImage now) {
    final List<VmaImage> vmas = new ArrayList<>(before.getMemory().getVmasList());
    vmas.addAll(now.getMemory().getVmasList());
    for (long at = AREA_LOWEST; at < AREA_HIGHEST; at += AREA_STEP) {
      final long from = at - AREA_STEP / 2;
      final long to = at + AREA_STEP / 2;
      if (vmas.stream().noneMatch(vma -> vma.getStart() < to && vma.getEnd() > from)) {
        return at;
      }
    }
    throw new NotInPlaceException("its memory leaves no room for the executor");
  }

  private static void mendProcess(
      final ProgramBuilder program,
      final Image target,
      final ProcessImage before,
      final ProcessImage now)
      throws InvalidProtocolBufferException {
    final Map<String, ByteString> wanted = pieces(before.getPiecesList());
    final Map<String, ByteString> there = pieces(now.getPiecesList());
    for (final ProcessResource resource : Resources.process()) {
      final String kind = resource.kind();
      if (differs(kind, wanted, there, resource.isSettable())) {
        if (kind.equals(Directories.KIND)
            && !(OpensFiles.byPath(before) && OpensFiles.byPath(now))) {
          throw new NotInPlaceException("its root directory is not the instance's");
        }
        program.resource(kind);
        resource.restore(
            wanted.get(kind), new Restoring(program, target, before.getTasks(0), kind));
      }
    }
  }

  private static List<MendRequest.Task> tasks(
      final ProgramBuilder program,
      final Image target,
      final ProcessImage before,
      final ProcessImage now,
      final Map<Integer, Integer> keeperTids)
      throws InvalidProtocolBufferException {
    final Map<Integer, TaskImage> there = new LinkedHashMap<>();
    now.getTasksList().forEach(task -> there.put(task.getTid(), task));
    final List<MendRequest.Task> tasks = new ArrayList<>();
    for (final TaskImage task : before.getTasksList()) {
      if (!there.containsKey(task.getTid())) {
        throw new NotInPlaceException("thread " + task.getTid() + " has ended");
      }
      final Map<String, ByteString> wanted = pieces(task.getPiecesList());
      final boolean isLeader = task.getTid() == before.getPid();
      mendTask(
          program,
          target,
          task,
          wanted,
          pieces(there.get(task.getTid()).getPiecesList()),
          isLeader);
      final RegistersState registers = RegistersState.parseFrom(wanted.get(Registers.KIND));
      tasks.add(
          new MendRequest.Task(
              keeperTids.get(task.getTid()),
              registers.getGeneral(),
              registers.getXstate(),
              registers.getSignalMask()));
    }
    return tasks;
  }

  private static void mendTask(
      final ProgramBuilder program,
      final Image target,
      final TaskImage task,
      final Map<String, ByteString> wanted,
      final Map<String, ByteString> there,
      final boolean isLeader)
      throws InvalidProtocolBufferException {
    for (final TaskResource resource : Resources.task()) {
      final String kind = resource.kind();
      if (!kind.equals(Registers.KIND)
          && differs(kind, wanted, there, isLeader && resource.isSettable())) {
        program.resource(kind);
        resource.restore(wanted.get(kind), new Restoring(program, target, task, kind));
      }
    }
  }

  private static boolean differs(
      final String kind,
      final Map<String, ByteString> wanted,
      final Map<String, ByteString> there,
      final boolean isSettable) {
    final ByteString state = wanted.get(kind);
    if (state == null ? !there.containsKey(kind) : state.equals(there.get(kind))) {
      return false;
    }
    if (state == null || !isSettable) {
      throw new NotInPlaceException("its " + kind + " differ");
    }
    return true;
  }

  private static Map<String, ByteString> pieces(final List<Piece> pieces) {
    final Map<String, ByteString> states = new LinkedHashMap<>();
    pieces.forEach(piece -> states.put(piece.getKind(), piece.getState()));
    return states;
  }

  @Override
  public void close() {
    answers.close();
  }

  /** Where a resource that is restored puts its steps. */
  private record Restoring(ProgramBuilder program, Image image, TaskImage task, String kind)
      implements ProcessRestore, TaskRestore {
    @Override
    public String name(final String step) {
      return kind + ": " + step;
    }

    @Override
    public ProcessImage process() {
      return image.getProcesses(0);
    }

    @Override
    public boolean isLeader() {
      return task.getTid() == process().getPid();
    }

    @Override
    public Value log() {
      throw new NotInPlaceException("its " + kind + " refer to the log");
    }

    @Override
    public Optional<Integer> object(final long device, final long inode) {
      throw new NotInPlaceException("its " + kind + " refer to files without a name");
    }
  }
}
