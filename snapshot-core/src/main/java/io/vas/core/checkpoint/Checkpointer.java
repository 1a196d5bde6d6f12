package io.vas.core.checkpoint;

import com.google.protobuf.Message;
import io.vas.core.DeadlineException;
import io.vas.core.StoreFullException;
import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import io.vas.core.image.Backing;
import io.vas.core.image.DescriptorImage;
import io.vas.core.image.FileImage;
import io.vas.core.image.Image;
import io.vas.core.image.MemoryImage;
import io.vas.core.image.ObjectImage;
import io.vas.core.image.Piece;
import io.vas.core.image.ProcessImage;
import io.vas.core.image.TaskImage;
import io.vas.core.image.VmaImage;
import io.vas.core.keeper.FreezeException;
import io.vas.core.keeper.FreezeMode;
import io.vas.core.keeper.FreezeReply;
import io.vas.core.keeper.FreezeRequest;
import io.vas.core.keeper.FreezeStage;
import io.vas.core.keeper.Params;
import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.Errno;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.Machine;
import io.vas.core.linux.MappedMemory;
import io.vas.core.linux.MemFd;
import io.vas.core.linux.OpenFlags;
import io.vas.core.memory.PageSink;
import io.vas.core.memory.PageSpace;
import io.vas.core.memory.RegionKind;
import io.vas.core.program.ProgramResults;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import io.vas.core.resource.CaptureContext;
import io.vas.core.resource.DescriptorRecord;
import io.vas.core.resource.DescriptorResource;
import io.vas.core.resource.PlanBuilder;
import io.vas.core.resource.PlanOutdatedException;
import io.vas.core.resource.ProcessRecord;
import io.vas.core.resource.ProcessResource;
import io.vas.core.resource.RecordedStatus;
import io.vas.core.resource.Resources;
import io.vas.core.resource.StoredObject;
import io.vas.core.resource.TaskRecord;
import io.vas.core.resource.TaskResource;
import io.vas.core.sandbox.ClockOffsets;
import io.vas.core.sandbox.Sandbox;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.agrona.DirectBuffer;

/**
 * Takes snapshots: the keeper freezes an instance, records raw facts, copies its pages and lets it
 * go on; what was recorded is interpreted afterwards. Thread-safe.
 */
public final class Checkpointer {
  /** Raised when an older version would misunderstand an image. */
  public static final int IMAGE_VERSION = 2;

  private static final String CHILDREN = "children";
  private static final String COPY_FILES = "files: copy the layer";
  private static final String COMPARE_FILES = "files: compare the layer";
  private static final List<String> EMPTY_DIRECTORIES = List.of("dev/mqueue");
  private static final int DIRECTORY_BUFFER = 1024;
  private static final int PAGE = 4096;

  /** Bytes that getdents64 gives for "." and "..". */
  private static final int EMPTY_DIRECTORY_LENGTH = 48;

  private static final int ATTEMPTS = 3;

  private final DeviceNumber sharedMemory;
  private final Plan livePlan;
  private final Plan stopPlan;
  private final Plan comparingPlan;
  private UnaryOperator<FreezeRequest> changes = UnaryOperator.identity();

  /** A checkpointer. */
  public Checkpointer() {
    try (Fd probe = MemFd.create("vas-probe", 0, 0)) {
      sharedMemory = FileStatus.of(probe).device();
    }
    livePlan = plan(new PlanBuilder(), false);
    stopPlan = plan(new PlanBuilder(), true);
    comparingPlan = comparingPlan(new PlanBuilder());
  }

  private Plan plan(final PlanBuilder builder, final boolean frozen) {
    return Plan.ofAllResources(builder, sharedMemory, more -> planBesides(more, frozen));
  }

  private Plan comparingPlan(final PlanBuilder builder) {
    return Plan.ofAllResources(
        builder,
        sharedMemory,
        more -> {
          planState(more, true);
          more.instanceProgram().compareTrees(COMPARE_FILES, more.upper(), more.layer());
        });
  }

  private static void planBesides(final PlanBuilder builder, final boolean frozen) {
    planState(builder, frozen);
    builder.instanceProgram().copyTree(COPY_FILES, builder.upper(), builder.layer());
  }

  private static void planState(final PlanBuilder builder, final boolean frozen) {
    AddressSpace.plan(builder, frozen);
    builder.taskFile("status");
    builder.taskFile(CHILDREN);
    builder.instanceProgram().resource("files");
    for (final String directory : EMPTY_DIRECTORIES) {
      final Value opened =
          builder
              .instanceProgram()
              .callAny(
                  "files: open " + directory,
                  SystemCall.OPENAT,
                  builder.root(),
                  builder.instanceProgram().string(directory),
                  OpenFlags.O_DIRECTORY | OpenFlags.O_CLOEXEC);
      builder
          .instanceProgram()
          .callAny(
              "files: list " + directory,
              SystemCall.GETDENTS64,
              opened,
              builder.instanceProgram().data("files: entries of " + directory, DIRECTORY_BUFFER),
              DIRECTORY_BUFFER);
      builder.instanceProgram().callAny("files: close " + directory, SystemCall.CLOSE, opened);
    }
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
    try {
      final Path process = Path.of("/proc", Integer.toString(asked.instance().pid()));
      clear(asked.sink().layer());
      return take(asked, plan(new PlanBuilder(process), true));
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
    for (final RegionKind kind : RegionKind.values()) {
      FileIo.truncate(sink.region(kind), 0);
    }
    try (Fd planFile =
            MemFd.of(
                "vas-plan", by.bytes(sink.device(RegionKind.HUGE), sink.device(RegionKind.SMALL)));
        Fd recordFile = MemFd.create("vas-record", 0, 0)) {
      final FreezeReply reply = freeze(asked, by, planFile, recordFile);
      try (MappedMemory memory = MappedMemory.mapReadOnly(recordFile, 0, reply.recordLength())) {
        final InstanceRecord record =
            new InstanceRecord(by, memory, reply.recordLength(), instance.pid());
        final Image image =
            new Interpretation(
                    instance,
                    layersOf(instance, sink),
                    Optional.of(new Pages(sink, asked.base(), reply.base() != 0)),
                    record,
                    reply.tracked())
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
  }

  /**
   * What an instance is at a moment, without its pages and files.
   *
   * @param image of which only VMAs and objects are known of memory; VMAs that map a region are
   *     what they stand for.
   * @param keeperTids the numbers that its keeper has for its tasks, by the instance's own.
   * @param sameFiles whether its own layer is the one that it was compared with.
   */
  public record Inspection(Image image, Map<Integer, Integer> keeperTids, boolean sameFiles) {}

  /**
   * Stop an instance and look what it is. It stands still afterwards, until the deadline at most;
   * where this throws, it may do so, too.
   *
   * @param instance which one.
   * @param layer what its own layer of files is compared with; empty: with one that holds nothing.
   * @param layers its layers, as far as they are known, the uppermost first.
   * @param deadline how long it may stand still.
   * @return what it is.
   * @throws UnsupportedException if it has something that can not be restored.
   * @throws VasException if it fails otherwise.
   */
  public Inspection inspect(
      final Subject instance,
      final Optional<Fd> layer,
      final List<Fd> layers,
      final Duration deadline) {
    try {
      return inspect(instance, comparingPlan, layer, layers, deadline);
    } catch (final PlanOutdatedException e) {
      final Path process = Path.of("/proc", Integer.toString(instance.pid()));
      return inspect(instance, comparingPlan(new PlanBuilder(process)), layer, layers, deadline);
    }
  }

  private Inspection inspect(
      final Subject instance,
      final Plan by,
      final Optional<Fd> layer,
      final List<Fd> layers,
      final Duration deadline) {
    final List<DeviceNumber> devices = new ArrayList<>();
    for (final RegionKind kind : RegionKind.values()) {
      devices.add(
          instance.origin().map(origin -> origin.pages().device(kind)).orElse(DeviceNumber.of(0)));
    }
    try (Fd planFile = MemFd.of("vas-plan", by.bytes(devices.get(0), devices.get(1)));
        Fd recordFile = MemFd.create("vas-record", 0, 0)) {
      final Params params =
          Params.forFreeze(by.instanceProgram())
              .kept(PlanBuilder.UPPER, Sandbox.KEPT_UPPER)
              .kept(PlanBuilder.SOCK_DIAG, Sandbox.KEPT_SOCK_DIAG)
              .kept(PlanBuilder.ROOT, Sandbox.KEPT_ROOT);
      if (layer.isPresent()) {
        params.attached(PlanBuilder.LAYER, layer.get());
      } else {
        params.immediate(PlanBuilder.LAYER, -1);
      }
      final FreezeReply reply =
          freeze(
              instance,
              new FreezeRequest(instance.id(), planFile, recordFile, planFile, planFile, deadline)
                  .recordsOnly()
                  .keeps()
                  .params(params));
      try (MappedMemory memory = MappedMemory.mapReadOnly(recordFile, 0, reply.recordLength())) {
        final InstanceRecord record =
            new InstanceRecord(by, memory, reply.recordLength(), instance.pid());
        return new Inspection(
            new Interpretation(instance, layers, Optional.empty(), record, reply.tracked())
                .imageWithoutPages(),
            record.keeperTids(),
            record.program().result(COMPARE_FILES) == 0);
      }
    }
  }

  private FreezeReply freeze(
      final Take asked, final Plan by, final Fd planFile, final Fd recordFile) {
    final Subject instance = asked.instance();
    final PageSink sink = asked.sink();
    final FreezeRequest request =
        new FreezeRequest(
                instance.id(),
                planFile,
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
    try {
      return instance.keeper().freeze(request);
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

  /** From a record to an image. */
  private static final class Interpretation implements CaptureContext {
    private final Subject instance;
    private final List<Fd> layers;
    private final Optional<Pages> pages;
    private final InstanceRecord record;
    private final List<StoredObject> objects;
    private final FileStatus log;
    private final boolean isTracked;

    /** The others are the executor's own, which a fork makes anew. */
    private final Set<Integer> usedObjects = new HashSet<>();

    Interpretation(
        final Subject instance,
        final List<Fd> layers,
        final Optional<Pages> pages,
        final InstanceRecord record,
        final boolean isTracked) {
      this.isTracked = isTracked;
      this.instance = instance;
      this.pages = pages;
      this.layers = List.copyOf(layers);
      this.record = record;
      this.objects = record.objects();
      this.log = instance.log();
    }

    Image image() {
      return image(UnaryOperator.identity());
    }

    Image imageWithoutPages() {
      return image(this::withInheritedFiles);
    }

    /**
     * What VMAs stand for that map a region: they are where the snapshot had them, for the guard
     * makes memory anonymous before it moves.
     */
    private MemoryImage withInheritedFiles(final MemoryImage memory) {
      final MemoryImage.Builder result = memory.toBuilder();
      for (final InstanceRecord.StoredPages stored : record.pages()) {
        final VmaImage before = originVma(stored.start());
        for (final VmaImage.Builder vma : result.getVmasBuilderList()) {
          if (vma.getStart() == stored.start() && before.getBacking() != Backing.ANONYMOUS) {
            vma.setBacking(before.getBacking())
                .setFile(before.getFile())
                .setOffset(before.getOffset() + (vma.getStart() - before.getStart()));
          }
        }
      }
      return result.build();
    }

    private VmaImage originVma(final long address) {
      return instance.origin().stream()
          .flatMap(origin -> origin.image().getProcessesList().stream())
          .flatMap(process -> process.getMemory().getVmasList().stream())
          .filter(vma -> vma.getStart() <= address && address < vma.getEnd())
          .findFirst()
          .orElseThrow(
              () ->
                  new VasException(
                      "the mapping at 0x"
                          + Long.toHexString(address)
                          + " is not of the snapshot that the instance was forked from"));
    }

    private Image image(final UnaryOperator<MemoryImage> change) {
      refuseWhatHasNoResource();
      final Image.Builder image =
          Image.newBuilder()
              .setVersion(IMAGE_VERSION)
              .setKernel(Machine.current().kernelRelease())
              .addPieces(SandboxPiece.of(instance.sandbox()))
              .addAllPieces(instance.pieces());
      for (final ProcessRecord process : record.processes()) {
        image.addProcesses(process(process, image, change));
      }
      for (final StoredObject object : objects) {
        if (usedObjects.contains(object.id())) {
          image.addObjects(objectImage(object));
        }
      }
      return image.build();
    }

    private void refuseWhatHasNoResource() {
      final ProcessRecord root = record.processes().get(0);
      if (root.file("stat").capacity() == 0) {
        throw new UnsupportedException(
            instance.pid(), "main thread", "it has exited, while others have not");
      }
      for (final TaskRecord task : root.tasks()) {
        if (!task.text(CHILDREN).isBlank()) {
          throw unsupported(
              root,
              "child process",
              "task "
                  + task.tid()
                  + " has children; only instances of one process can be snapshotted");
        }
      }
      if (record.processes().size() > 1) {
        throw unsupported(
            root, "child process", "only instances of one process can be snapshotted");
      }
      for (final String directory : EMPTY_DIRECTORIES) {
        if (record.program().result("files: list " + directory) > EMPTY_DIRECTORY_LENGTH) {
          throw unsupported(root, "file", "there are files in /" + directory);
        }
      }
    }

    private ObjectImage objectImage(final StoredObject object) {
      for (final StoredObject.Run run : object.runs()) {
        pages.ifPresent(
            to ->
                to.store(
                    PageSpace.ofObject(object.id()),
                    run.start(),
                    (run.length() + PAGE - 1) / PAGE * PAGE,
                    object.region(),
                    object.offset() + run.start()));
      }
      final RecordedStatus status = object.status();
      return ObjectImage.newBuilder()
          .setId(object.id())
          .setDevice(status.device().encoded())
          .setInode(status.inode())
          .setMode(status.mode())
          .setUid(status.uid())
          .setGid(status.gid())
          .setSize(status.size())
          .setLink(object.link())
          .build();
    }

    private ProcessImage process(
        final ProcessRecord process,
        final Image.Builder image,
        final UnaryOperator<MemoryImage> change) {
      final ProcessImage.Builder result = ProcessImage.newBuilder().setPid(process.pid());
      for (final ProcessResource resource : Resources.process()) {
        resource
            .capture(process, this)
            .ifPresent(state -> result.addPieces(piece(resource.kind(), state)));
      }
      for (final TaskRecord task : process.tasks()) {
        final TaskImage.Builder taskImage = TaskImage.newBuilder().setTid(task.tid());
        for (final TaskResource resource : Resources.task()) {
          resource
              .capture(task, this)
              .ifPresent(state -> taskImage.addPieces(piece(resource.kind(), state)));
        }
        result.addTasks(taskImage);
      }
      descriptors(process, result, image);
      final AddressSpace space =
          new AddressSpace(
              process,
              this,
              record,
              new HostFiles("/", layers()),
              pages.map(
                  to ->
                      new SpacePages(
                          to,
                          PageSpace.ofProcess(process.pid()),
                          instance
                              .origin()
                              .map(from -> new OriginPages(from.image(), from.pages())))),
              instance.origin().map(Subject.Origin::areaStart).orElse(0L),
              instance.origin().map(Subject.Origin::areaEnd).orElse(0L),
              isTracked);
      result.setMemory(change.apply(space.capture()));
      return result.build();
    }

    private static Piece piece(final String kind, final Message state) {
      return Piece.newBuilder().setKind(kind).setState(state.toByteString()).build();
    }

    private void descriptors(
        final ProcessRecord process, final ProcessImage.Builder result, final Image.Builder image) {
      final Map<Integer, FileImage> files = new LinkedHashMap<>();
      final Map<Integer, DescriptorResource> kinds = new HashMap<>();
      for (final DescriptorRecord descriptor : process.descriptors()) {
        if (!kinds.containsKey(descriptor.file())) {
          final DescriptorResource resource = recognise(descriptor);
          kinds.put(descriptor.file(), resource);
          files.put(
              descriptor.file(),
              FileImage.newBuilder()
                  .setId(descriptor.file())
                  .setKind(resource.kind())
                  .setState(resource.capture(descriptor, this).toByteString())
                  .setLink(descriptor.link())
                  .build());
        }
        result.addDescriptors(
            DescriptorImage.newBuilder()
                .setNumber(descriptor.number())
                .setCloseOnExec(descriptor.closeOnExec())
                .setFile(descriptor.file()));
      }
      image.addAllFiles(files.values());
    }

    private DescriptorResource recognise(final DescriptorRecord descriptor) {
      for (final DescriptorResource resource : Resources.descriptor()) {
        if (resource.recognises(descriptor, this)) {
          return resource;
        }
      }
      throw unsupported(descriptor, descriptor.link(), "this kind of file can not be restored");
    }

    @Override
    public List<ProcessRecord> processes() {
      return List.copyOf(record.processes());
    }

    @Override
    public ProgramResults program() {
      return record.program();
    }

    @Override
    public List<DirectBuffer> bytes() {
      return record.bytes();
    }

    @Override
    public Optional<StoredObject> object(final RecordedStatus status) {
      final Optional<StoredObject> found =
          objects.stream()
              .filter(object -> InstanceRecord.isSame(object.status(), status))
              .findFirst();
      found.ifPresent(object -> usedObjects.add(object.id()));
      return found;
    }

    @Override
    public List<Fd> layers() {
      return layers;
    }

    @Override
    public ClockOffsets clocks() {
      return instance.sandbox().clocks();
    }

    @Override
    public boolean isLog(final RecordedStatus status) {
      return status.inode() == log.inode() && status.device().equals(log.device());
    }
  }
}
