package io.vas.core.checkpoint;

import com.google.protobuf.Message;
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
import io.vas.core.keeper.Imprint;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.Machine;
import io.vas.core.linux.OpenFlags;
import io.vas.core.memory.PageSpace;
import io.vas.core.program.ProgramResults;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import io.vas.core.resource.CaptureContext;
import io.vas.core.resource.DescriptorRecord;
import io.vas.core.resource.DescriptorResource;
import io.vas.core.resource.HostFacts;
import io.vas.core.resource.PlanBuilder;
import io.vas.core.resource.ProcessRecord;
import io.vas.core.resource.ProcessResource;
import io.vas.core.resource.RecordedStatus;
import io.vas.core.resource.Resources;
import io.vas.core.resource.StoredObject;
import io.vas.core.resource.TaskRecord;
import io.vas.core.resource.TaskResource;
import io.vas.core.sandbox.ClockOffsets;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.agrona.DirectBuffer;

/** From a record to an image. */
final class Interpretation implements CaptureContext {
  private static final String KERNEL = Machine.current().kernelRelease();

  /** Of a task: the processes that it is the parent of. */
  static final String CHILDREN = "children";

  private static final List<String> EMPTY_DIRECTORIES = List.of("dev/mqueue");
  private static final int DIRECTORY_BUFFER = 1024;
  private static final int PAGE = 4096;

  /** Bytes that getdents64 gives for "." and "..". */
  private static final int EMPTY_DIRECTORY_LENGTH = 48;

  private final Subject instance;
  private final List<Fd> layers;
  private final Optional<Pages> pages;
  private final InstanceRecord record;
  private final List<StoredObject> objects;
  private final FileStatus log;
  private final Imprint imprint;
  private final HostFacts host;

  /** The others are the executor's own, which a fork makes anew. */
  private final Set<Integer> usedObjects = new HashSet<>();

  Interpretation(
      final Subject instance,
      final List<Fd> layers,
      final Optional<Pages> pages,
      final InstanceRecord record,
      final Imprint imprint,
      final HostFacts host) {
    this.imprint = imprint;
    this.host = host;
    this.instance = instance;
    this.pages = pages;
    this.layers = List.copyOf(layers);
    this.record = record;
    this.objects = record.objects();
    this.log = instance.log();
  }

  /**
   * Ask for what is interpreted.
   *
   * @param builder of the plan by which a record is made.
   * @param frozen whether all is to be read while the instance is frozen.
   */
  static void plan(final PlanBuilder builder, final boolean frozen) {
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

  Image image() {
    refuseChildren();
    return image(UnaryOperator.identity());
  }

  /** Of the first process alone: what others there are is for whoever asks to see to. */
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
            .setVersion(Checkpointer.IMAGE_VERSION)
            .setKernel(KERNEL)
            .addPieces(SandboxPiece.of(instance.sandbox()))
            .addAllPieces(instance.pieces());
    for (final ProcessRecord process : processes()) {
      image.addProcesses(process(process, image, change));
    }
    for (final StoredObject object : objects) {
      if (usedObjects.contains(object.id())) {
        image.addObjects(objectImage(object));
      }
    }
    return image.build();
  }

  private void refuseChildren() {
    final ProcessRecord root = record.processes().get(0);
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
      throw unsupported(root, "child process", "only instances of one process can be snapshotted");
    }
  }

  private void refuseWhatHasNoResource() {
    final ProcessRecord root = record.processes().get(0);
    if (root.file("stat").capacity() == 0) {
      throw new UnsupportedException(
          instance.pid(), "main thread", "it has exited, while others have not");
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
            new HostFiles("/", layers(), host),
            pages.map(
                to ->
                    new SpacePages(
                        to,
                        PageSpace.ofProcess(process.pid()),
                        instance
                            .origin()
                            .map(from -> new OriginPages(from.image(), from.pages())))),
            imprint);
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
    return List.of(record.processes().get(0));
  }

  @Override
  public ProgramResults program() {
    return record.program();
  }

  @Override
  public HostFacts host() {
    return host;
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
  public boolean isOnlyCompared() {
    return pages.isEmpty();
  }

  @Override
  public boolean isLog(final RecordedStatus status) {
    return status.inode() == log.inode() && status.device().equals(log.device());
  }
}
