package io.vas.core.restore;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.VasException;
import io.vas.core.checkpoint.Checkpointer;
import io.vas.core.checkpoint.CommandPiece;
import io.vas.core.checkpoint.SandboxPiece;
import io.vas.core.image.DescriptorImage;
import io.vas.core.image.FileImage;
import io.vas.core.image.Image;
import io.vas.core.image.ObjectImage;
import io.vas.core.image.Piece;
import io.vas.core.image.ProcessImage;
import io.vas.core.image.RegistersState;
import io.vas.core.image.TaskImage;
import io.vas.core.image.VmaImage;
import io.vas.core.keeper.ProgramFile;
import io.vas.core.keeper.ReadyMessage;
import io.vas.core.keeper.ReadyMessage.Kept;
import io.vas.core.keeper.SpawnRequest;
import io.vas.core.linux.Machine;
import io.vas.core.linux.OpenFlags;
import io.vas.core.memory.GuardFilter;
import io.vas.core.memory.MemoryPlan;
import io.vas.core.memory.MemoryRestore;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.memory.PageSource;
import io.vas.core.memory.PageSpace;
import io.vas.core.program.Data;
import io.vas.core.program.Label;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import io.vas.core.resource.DescriptorResource;
import io.vas.core.resource.DescriptorRestore;
import io.vas.core.resource.Phase;
import io.vas.core.resource.ProcessResource;
import io.vas.core.resource.ProcessRestore;
import io.vas.core.resource.Registers;
import io.vas.core.resource.Resources;
import io.vas.core.resource.SignalFrame;
import io.vas.core.resource.TaskResource;
import io.vas.core.resource.TaskRestore;
import io.vas.core.sandbox.RunAs;
import io.vas.core.sandbox.Sandbox;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Compiles a snapshot to the program that a new child runs to become an instance of it.
 *
 * <p>The program's order: the sandbox; what it needs is moved out of the way; the address space;
 * descriptors; what all tasks share; the other tasks; each task's own state; timers; credentials;
 * the keeper is told; all wait for their release and go on from their frames.
 */
public final class ForkCompiler {
  /** Parameter: the number of the child's socket to the keeper. */
  static final String CONTROL = "control";

  /** Parameter: the number of the fork's log. */
  static final String LOG = "log";

  /** Parameter: the number of the socket over which the fork's net namespace comes. */
  static final String NETWORK = "network";

  /** Parameter: whether that is the one of an instance whose place it takes, 1 or 0. */
  static final String NETWORK_IS_KEPT = "network is kept";

  /** Stack of each task but the first; the interpreter takes a few hundred bytes. */
  private static final int TASK_STACK = 4096;

  private static final long AREA_LOWEST = 0x2000_0000_0000L;
  private static final long AREA_HIGHEST = 0x5000_0000_0000L;
  private static final long AREA_STEP = 1L << 30;

  /** More than executor, program, stacks and report ever take. */
  private static final long AREA_ROOM = 1L << 28;

  private static final int PAGE = 4096;
  private static final int F_DUPFD_CLOEXEC = 1030;
  private static final int HIGHEST_DESCRIPTOR = -1;

  // struct clone_args
  private static final int CLONE_STACK_OFFSET = 5 * Long.BYTES;
  private static final int CLONE_STACK_SIZE_OFFSET = 6 * Long.BYTES;
  private static final int CLONE_SET_TID_OFFSET = 8 * Long.BYTES;
  private static final int CLONE_SET_TID_SIZE_OFFSET = 9 * Long.BYTES;
  private static final int CLONE_ARGS_LENGTH = 11 * Long.BYTES;

  /** CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_THREAD, CLONE_SYSVSEM. */
  private static final long THREAD_FLAGS = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000;

  private static final int ALL_HAVE_STATE = 0;
  private static final int ALL_ARE_READY = 1;

  private final Image image;
  private final ProcessImage process;
  private final PageSource pages;
  private final MemoryPlan plan;
  private final Optional<RunAs> runAs;
  private final ProgramBuilder program = new ProgramBuilder();
  private final Numbers numbers;
  private final List<Long> pageFiles;
  private final long base;
  private Sandbox sandbox;
  private Result networkIsKept;

  private ForkCompiler(final Image image, final PageSource pages, final MemoryStrategy strategy) {
    this.image = image;
    this.process = image.getProcesses(0);
    this.pages = pages;
    this.runAs = CommandPiece.runAs(image);
    this.plan =
        MemoryPlan.of(process.getMemory(), PageSpace.ofProcess(process.getPid()), pages, strategy);
    this.pageFiles = pageFiles();
    this.numbers = new Numbers(image, pageFiles);
    this.base = freeArea();
  }

  /**
   * Compile a snapshot.
   *
   * @param image everything but its pages and files.
   * @param pages its pages and files, which the keeper must hold as long as forks are made.
   * @param strategy how its memory comes back where nothing speaks against it.
   * @return the program, for any number of forks.
   * @throws VasException if the image is not one that this version and this kernel can restore.
   */
  public static ForkProgram compile(
      final Image image, final PageSource pages, final MemoryStrategy strategy) {
    if (image.getVersion() != Checkpointer.IMAGE_VERSION) {
      throw new VasException(
          "the snapshot's image has version "
              + image.getVersion()
              + ", this is "
              + Checkpointer.IMAGE_VERSION);
    }
    final String kernel = Machine.current().kernelRelease();
    if (!image.getKernel().equals(kernel)) {
      throw new VasException(
          "the snapshot was taken on Linux " + image.getKernel() + ", this is " + kernel);
    }
    if (image.getProcessesCount() != 1) {
      throw new VasException("the snapshot has " + image.getProcessesCount() + " processes, not 1");
    }
    try {
      return new ForkCompiler(image, pages, strategy).compile();
    } catch (final InvalidProtocolBufferException e) {
      throw new VasException("the snapshot's image is damaged", e);
    }
  }

  /** Where nothing of the snapshot lies, nor of the keeper, which is low or near the stack. */
  private long freeArea() {
    for (long at = AREA_LOWEST; at < AREA_HIGHEST; at += AREA_STEP) {
      final long from = at;
      if (process.getMemory().getVmasList().stream()
          .noneMatch(vma -> isNear(vma, from - AREA_STEP / 2, from + AREA_STEP / 2))) {
        return from;
      }
    }
    throw new VasException("the snapshot's memory leaves no room for the executor");
  }

  private static boolean isNear(final VmaImage vma, final long from, final long to) {
    return vma.getStart() < to && vma.getEnd() > from;
  }

  private ForkProgram compile() throws InvalidProtocolBufferException {
    program.resource("sandbox");
    ForkStage.CLONE.end(program);
    final List<String> layers = enterSandbox();
    restoreProcess(Phase.SANDBOX);
    ForkStage.SANDBOX.end(program);
    restoreMemory();
    finishSandbox();
    restoreProcess(Phase.MEMORY);
    ForkStage.MEMORY.end(program);
    beginFiles("descriptors");
    restoreDescriptors();
    restoreProcess(Phase.DESCRIPTORS);
    endFiles("descriptors");
    ForkStage.DESCRIPTORS.end(program);
    restoreProcess(Phase.PROCESS);
    if (plan.needsGuard()) {
      program.resource("memory");
      // Other tasks inherit it.
      final Result listener = GuardFilter.install(program, plan);
      moveTo("guard filter", listener, numbers.notifier());
      program.call("close duplicate of the guard filter", SystemCall.CLOSE, listener);
    }
    ForkStage.PROCESS.end(program);
    final List<Label> entries = createTasks();
    firstTask();
    for (int i = 1; i < process.getTasksCount(); i++) {
      program.bind(entries.get(i - 1));
      otherTask(process.getTasks(i));
    }
    final ProgramFile file = ProgramFile.of(program.build());
    final int stackLength =
        (process.getTasksCount() - 1) * TASK_STACK + SpawnRequest.DEFAULT_STACK_LENGTH;
    final long length = (long) file.codeLength() + file.programLength() + stackLength + PAGE;
    if (length > AREA_ROOM) {
      file.close();
      throw new VasException("the snapshot's program has " + length + " bytes: too many");
    }
    return new ForkProgram(image, pages, pageFiles, plan, file, base, stackLength, layers);
  }

  // ---- sandbox

  /** Parameters of the layers, in their order. */
  private List<String> enterSandbox() {
    program.resource("descriptors");
    final Result control = program.parameter(CONTROL);
    final Result log = program.parameter(LOG);
    final Result network = program.parameter(NETWORK);
    networkIsKept = program.parameter(NETWORK_IS_KEPT);
    final Map<Long, Result> regions = new LinkedHashMap<>();
    for (final long file : pageFiles) {
      regions.put(file, program.parameter(pageFileParameter(file)));
    }
    final List<String> layerNames = new ArrayList<>();
    final List<Result> layers = new ArrayList<>();
    for (int i = 0; i < pages.layers().size(); i++) {
      layerNames.add("layer " + i);
      layers.add(program.parameter("layer " + i));
    }
    sandbox = Sandbox.begin(program, SandboxPiece.read(image), List.copyOf(layers));

    program.resource("descriptors");
    // First above all fixed numbers, for the kernel's choices may be anywhere among them.
    final Map<Integer, Result> moved = new LinkedHashMap<>();
    moved.put(numbers.control(), moveUp("control socket", control));
    moved.put(numbers.log(), moveUp("log", log));
    moved.put(numbers.network(), moveUp("network's socket", network));
    regions.forEach(
        (file, region) -> moved.put(numbers.region(file), moveUp(pageFileParameter(file), region)));
    moved.put(numbers.upper(), moveUp("upper directory", sandbox.upper()));
    moved.put(numbers.root(), moveUp("root directory", sandbox.root()));
    closeRange("close what is the keeper's and the sandbox's", 0, numbers.end() - 1);
    moved.forEach((number, high) -> moveTo("descriptor " + number, high, number));
    closeRange("close duplicates", numbers.end(), HIGHEST_DESCRIPTOR);
    return layerNames;
  }

  /** Not before the address space is there: by then the net namespace has been made. */
  private void finishSandbox() {
    final Result sockDiag = sandbox.finish(Value.of(numbers.network()), networkIsKept);
    program.resource("descriptors");
    moveTo("sock_diag socket", sockDiag, numbers.sockDiag());
    program.call("close duplicate of the sock_diag socket", SystemCall.CLOSE, sockDiag);
  }

  /** Parameter: the number of a file of the snapshot's pages. */
  static String pageFileParameter(final long file) {
    return "pages " + file;
  }

  private List<Long> pageFiles() {
    final Set<Long> files = new TreeSet<>(plan.files());
    for (final ObjectImage object : image.getObjectsList()) {
      pages
          .extents(PageSpace.ofObject(object.getId()), 0, PageSpace.END)
          .forEach(extent -> files.add(extent.file()));
    }
    return List.copyOf(files);
  }

  private Result moveUp(final String what, final Value descriptor) {
    return program.call(
        "move up " + what, SystemCall.FCNTL, descriptor, F_DUPFD_CLOEXEC, numbers.end());
  }

  private void moveTo(final String what, final Value descriptor, final int number) {
    program.callExpecting(
        number, "place " + what, SystemCall.DUP3, descriptor, number, OpenFlags.O_CLOEXEC);
  }

  private void closeRange(final String name, final int first, final int last) {
    program.call(name, SystemCall.CLOSE_RANGE, first, Integer.toUnsignedLong(last), 0);
  }

  // ---- files

  /**
   * Files are opened anew by their names, which may stand for others by now: the user of an
   * instance that is not root's can see to that on the host. So they are opened with what that user
   * may.
   */
  private void beginFiles(final String what) {
    if (runAs.isPresent()) {
      program.resource("files");
      runAs.get().beginFiles(program, what);
    }
  }

  private void endFiles(final String what) {
    if (runAs.isPresent()) {
      program.resource("files");
      runAs.get().endFiles(program, what);
    }
  }

  // ---- memory

  private void restoreMemory() throws InvalidProtocolBufferException {
    final MemoryRestore memory = memoryRestore();
    beginFiles("mappings");
    copyUp(memory);
    memory.openFiles();
    endFiles("mappings");
    memory.makeObjects();
    restoreProcess(Phase.OBJECTS);
    memory.unmapLauncher(base, base + AREA_ROOM);
    memory.map();
    if (plan.needsGuard()) {
      memory.makeGuard(numbers.guard());
      memory.complete(numbers.guard(), base + AREA_ROOM);
      program.data(FileRanges.NAME, FileRanges.encode(plan));
    }
    memory.seal();
  }

  /**
   * The instance's files lie in a lower layer now. The overlay copies a file up when it is opened
   * for writing, and whoever had opened or mapped it before stays with the former one. So what is
   * both written to and read is copied up before anybody opens it.
   */
  private void copyUp(final MemoryRestore memory) throws InvalidProtocolBufferException {
    final Set<String> written = new TreeSet<>(memory.paths(true));
    final Set<String> read = new HashSet<>(memory.paths(false));
    for (final FileImage file : image.getFilesList()) {
      final DescriptorResource kind = Resources.descriptor(file.getKind());
      final Set<String> paths = kind.changesContent(file.getState()) ? written : read;
      kind.contentPath(file.getState()).ifPresent(paths::add);
    }
    written.retainAll(read);
    program.resource("files");
    for (final String path : written) {
      final Result opened =
          program.callAny(
              "copy up " + path,
              SystemCall.OPENAT,
              OpenFlags.AT_FDCWD,
              program.string(path),
              OpenFlags.O_WRONLY | OpenFlags.O_CLOEXEC);
      program.callAny("close " + path + ", copied up", SystemCall.CLOSE, opened);
    }
  }

  private MemoryRestore memoryRestore() {
    return new MemoryRestore(
        program, image, process.getMemory(), plan, pages, numbers::region, numbers::object);
  }

  // ---- descriptors

  private void restoreDescriptors() throws InvalidProtocolBufferException {
    final Set<Integer> made = new HashSet<>();
    for (final FileImage file : image.getFilesList()) {
      if (made.add(file.getId())) {
        program.resource(describe(file));
        Resources.descriptor(file.getKind()).restore(file.getState(), new OfDescriptor(file, made));
      }
    }
    program.resource("descriptors");
    for (final DescriptorImage descriptor : process.getDescriptorsList()) {
      program.callExpecting(
          descriptor.getNumber(),
          "file " + descriptor.getFile() + " to descriptor " + descriptor.getNumber(),
          SystemCall.DUP3,
          numbers.file(descriptor.getFile()),
          descriptor.getNumber(),
          descriptor.getCloseOnExec() ? OpenFlags.O_CLOEXEC : 0);
    }
    for (final FileImage file : image.getFilesList()) {
      program.resource(describe(file));
      Resources.descriptor(file.getKind()).complete(file.getState(), new OfDescriptor(file, made));
    }
    program.resource("descriptors");
    if (numbers.end() > numbers.firstObject()) {
      closeRange("close files out of the way", numbers.firstObject(), numbers.end() - 1);
    }
  }

  private String describe(final FileImage file) {
    final StringBuilder text = new StringBuilder("descriptor");
    for (final DescriptorImage descriptor : process.getDescriptorsList()) {
      if (descriptor.getFile() == file.getId()) {
        text.append(' ').append(descriptor.getNumber());
      }
    }
    return text.append(" (")
        .append(file.getKind())
        .append(' ')
        .append(file.getLink())
        .append(')')
        .toString();
  }

  // ---- tasks

  private List<Label> createTasks() {
    final List<Label> entries = new ArrayList<>();
    program.resource("tasks");
    for (int i = 1; i < process.getTasksCount(); i++) {
      final int tid = process.getTasks(i).getTid();
      final byte[] tidBytes = new byte[Integer.BYTES];
      new UnsafeBuffer(tidBytes).putInt(0, tid, LITTLE_ENDIAN);
      final byte[] bytes = new byte[CLONE_ARGS_LENGTH];
      final UnsafeBuffer buffer = new UnsafeBuffer(bytes);
      buffer.putLong(0, THREAD_FLAGS, LITTLE_ENDIAN);
      buffer.putLong(CLONE_STACK_SIZE_OFFSET, TASK_STACK, LITTLE_ENDIAN);
      buffer.putLong(CLONE_SET_TID_SIZE_OFFSET, 1, LITTLE_ENDIAN);
      final Data arguments = program.data("clone arguments of task " + tid, bytes);
      program.store(arguments.plus(CLONE_SET_TID_OFFSET), program.data(tidBytes), Long.BYTES);
      program.store(
          arguments.plus(CLONE_STACK_OFFSET), program.stack((i - 1) * TASK_STACK), Long.BYTES);
      final Label entry = program.newLabel();
      program.task("task " + tid, arguments, entry);
      entries.add(entry);
    }
    return entries;
  }

  private void firstTask() throws InvalidProtocolBufferException {
    final TaskImage task = process.getTasks(0);
    final Data frame = frame(task);
    restoreTask(task, Phase.TASK);
    awaitState();
    restoreProcess(Phase.TIMERS);
    beginFiles("directories");
    restoreProcess(Phase.CREDENTIALS);
    endFiles("directories");
    restoreTask(task, Phase.CREDENTIALS);
    restoreProcess(Phase.LAST);
    restoreTask(task, Phase.LAST);
    program.resource("tasks");
    program.barrier(ALL_ARE_READY, process.getTasksCount());
    ForkStage.TASKS.end(program);
    final List<Kept> kept =
        new ArrayList<>(
            new Sandbox.Entered(
                    Value.of(numbers.upper()),
                    Value.of(numbers.sockDiag()),
                    Value.of(numbers.root()))
                .kept());
    if (plan.needsGuard()) {
      memoryRestore().registerGuard(numbers.guard(), base);
      kept.add(Kept.userfaultfd(Value.of(numbers.guard())));
      kept.add(Kept.seccomp(Value.of(numbers.notifier())));
    }
    program.resource("keeper");
    ReadyMessage.send(program, Value.of(numbers.control()), kept);
    closeRange("close all that is not the instance's", numbers.base(), HIGHEST_DESCRIPTOR);
    program.awaitRelease();
    program.signalReturn(frame);
  }

  private void otherTask(final TaskImage task) throws InvalidProtocolBufferException {
    program.resource("tasks");
    final Data frame = frame(task);
    restoreTask(task, Phase.TASK);
    awaitState();
    restoreTask(task, Phase.CREDENTIALS);
    restoreTask(task, Phase.LAST);
    program.resource("tasks");
    program.barrier(ALL_ARE_READY, process.getTasksCount());
    program.awaitRelease();
    program.signalReturn(frame);
  }

  /** Timers may be for any task; without one, nobody needs to wait. */
  private void awaitState() {
    final boolean hasTimers =
        Resources.process().stream()
            .filter(resource -> resource.phase() == Phase.TIMERS)
            .anyMatch(
                resource ->
                    process.getPiecesList().stream()
                        .anyMatch(piece -> piece.getKind().equals(resource.kind())));
    if (hasTimers) {
      program.resource("tasks");
      program.barrier(ALL_HAVE_STATE, process.getTasksCount());
    }
  }

  private Data frame(final TaskImage task) throws InvalidProtocolBufferException {
    for (final Piece piece : task.getPiecesList()) {
      if (piece.getKind().equals(Registers.KIND)) {
        return SignalFrame.add(
            program, "frame of task " + task.getTid(), RegistersState.parseFrom(piece.getState()));
      }
    }
    throw new VasException("the snapshot has no registers of task " + task.getTid());
  }

  // ---- resources

  private void restoreProcess(final Phase phase) throws InvalidProtocolBufferException {
    for (final ProcessResource resource : Resources.process()) {
      if (resource.phase() == phase) {
        for (final Piece piece : process.getPiecesList()) {
          if (piece.getKind().equals(resource.kind())) {
            program.resource(resource.kind());
            resource.restore(piece.getState(), new OfProcess(resource.kind()));
          }
        }
      }
    }
  }

  private void restoreTask(final TaskImage task, final Phase phase)
      throws InvalidProtocolBufferException {
    for (final TaskResource resource : Resources.task()) {
      if (resource.phase() == phase) {
        for (final Piece piece : task.getPiecesList()) {
          if (piece.getKind().equals(resource.kind())) {
            program.resource(resource.kind() + " of task " + task.getTid());
            resource.restore(piece.getState(), new OfTask(resource.kind(), task));
          }
        }
      }
    }
  }

  private class OfProcess implements ProcessRestore {
    private final String prefix;

    OfProcess(final String prefix) {
      this.prefix = prefix;
    }

    @Override
    public ProgramBuilder program() {
      return program;
    }

    @Override
    public String name(final String step) {
      return prefix + ": " + step;
    }

    @Override
    public Image image() {
      return image;
    }

    @Override
    public ProcessImage process() {
      return process;
    }

    @Override
    public Value log() {
      return Value.of(numbers.log());
    }

    @Override
    public Optional<Integer> object(final long device, final long inode) {
      return numbers.object(device, inode);
    }
  }

  private final class OfTask extends OfProcess implements TaskRestore {
    private final TaskImage task;

    OfTask(final String kind, final TaskImage task) {
      super(kind + " of task " + task.getTid());
      this.task = task;
    }

    @Override
    public TaskImage task() {
      return task;
    }

    @Override
    public boolean isLeader() {
      return task.getTid() == process().getPid();
    }
  }

  private final class OfDescriptor extends OfProcess implements DescriptorRestore {
    private final FileImage file;
    private final Set<Integer> made;

    OfDescriptor(final FileImage file, final Set<Integer> made) {
      super("file " + file.getId());
      this.file = file;
      this.made = made;
    }

    @Override
    public FileImage file() {
      return file;
    }

    @Override
    public List<Integer> numbers() {
      return process().getDescriptorsList().stream()
          .filter(descriptor -> descriptor.getFile() == file.getId())
          .map(DescriptorImage::getNumber)
          .toList();
    }

    @Override
    public int descriptor(final int id) {
      return numbers.file(id);
    }

    @Override
    public void place(final int id, final Value opened) {
      final int number = numbers.file(id);
      program.callExpecting(
          number, name("place file " + id), SystemCall.DUP3, opened, number, OpenFlags.O_CLOEXEC);
      program.call(name("close duplicate of file " + id), SystemCall.CLOSE, opened);
    }

    @Override
    public void claim(final int id) {
      made.add(id);
    }

    @Override
    public boolean isMade(final int id) {
      return made.contains(id);
    }
  }
}
