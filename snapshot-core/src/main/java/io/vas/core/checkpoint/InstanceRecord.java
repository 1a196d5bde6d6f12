package io.vas.core.checkpoint;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.VasException;
import io.vas.core.keeper.FileChange;
import io.vas.core.keeper.RecordDescriptor;
import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.FdInfo;
import io.vas.core.linux.MappedMemory;
import io.vas.core.linux.OpenFlags;
import io.vas.core.linux.ProcStatus;
import io.vas.core.linux.RawText;
import io.vas.core.memory.RegionKind;
import io.vas.core.program.ProgramResults;
import io.vas.core.resource.DescriptorRecord;
import io.vas.core.resource.ProcessRecord;
import io.vas.core.resource.RecordedLink;
import io.vas.core.resource.RecordedMessage;
import io.vas.core.resource.RecordedStatus;
import io.vas.core.resource.StoredObject;
import io.vas.core.resource.TaskRecord;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * What the keeper recorded while an instance was frozen. All buffers are views of the mapped record
 * and must not be used after that is unmapped.
 */
final class InstanceRecord {
  private static final long PAGE = 4096;
  private static final DirectBuffer EMPTY = new UnsafeBuffer(new byte[0]);

  private final Plan plan;
  private final int outerPid;
  private final List<RecordedProcess> processes = new ArrayList<>();
  private final Map<Integer, RecordedProcess> byPid = new HashMap<>();
  private final List<StoredPages> pages = new ArrayList<>();
  private final List<MappedFile> mappedFiles = new ArrayList<>();
  private final List<StoredObject> objects = new ArrayList<>();
  private final List<FileChange> fileChanges = new ArrayList<>();
  private final List<DirectBuffer> bytes = new ArrayList<>();
  private final Map<String, DirectBuffer> filesBefore = new HashMap<>();
  private final Map<String, DirectBuffer> filesAfter = new HashMap<>();
  private ProgramResults program;

  /**
   * A file that is mapped.
   *
   * @param start address of a VMA that maps it.
   * @param status of the file.
   * @param path as the instance sees it.
   */
  record MappedFile(long start, RecordedStatus status, String path) {}

  /**
   * Part of a VMA.
   *
   * @param start address of the first page.
   * @param length bytes.
   * @param kind what the pages are.
   */
  record Run(long start, long length, RunKind kind) {}

  /** What pages of a VMA are. */
  enum RunKind {
    /** Copied to the region. */
    STORED,
    /** Zero, where the file underneath holds others. */
    ZERO,
    /** Guard pages. */
    GUARD,
    /** As they were at the base. */
    SAME;

    private static RunKind of(final long bits) {
      if ((bits & RecordDescriptor.RUN_ZERO) != 0) {
        return ZERO;
      }
      if ((bits & RecordDescriptor.RUN_GUARD) != 0) {
        return GUARD;
      }
      return (bits & RecordDescriptor.RUN_SAME) != 0 ? SAME : STORED;
    }
  }

  /**
   * Pages of a VMA that were copied.
   *
   * @param start of the VMA.
   * @param end of the VMA.
   * @param region where they were copied to.
   * @param offset where in the region the VMA begins.
   * @param backed whether the VMA maps an older region, whose pages count where there is no run.
   * @param backingRegion which of the older snapshot's regions it maps.
   * @param backingInode that region's number.
   * @param backingOffset where in that region the VMA begins.
   * @param runs what was copied.
   */
  record StoredPages(
      long start,
      long end,
      RegionKind region,
      long offset,
      boolean backed,
      RegionKind backingRegion,
      long backingInode,
      long backingOffset,
      List<Run> runs) {}

  /**
   * Read a record.
   *
   * @param plan by which it was made.
   * @param memory the record.
   * @param length bytes of it that are filled.
   * @param outerPid the root process, as the host numbers it.
   */
  InstanceRecord(
      final Plan plan, final MappedMemory memory, final long length, final int outerPid) {
    this.plan = plan;
    this.outerPid = outerPid;
    long at = 0;
    while (at < length) {
      final UnsafeBuffer header = memory.buffer(at, RecordDescriptor.ENTRY_LENGTH);
      final int payload = header.getInt(RecordDescriptor.ENTRY_LENGTH_OFFSET, LITTLE_ENDIAN);
      final DirectBuffer entry =
          payload == 0 ? EMPTY : memory.buffer(at + RecordDescriptor.ENTRY_LENGTH, payload);
      read(
          header.getInt(RecordDescriptor.ENTRY_TYPE_OFFSET, LITTLE_ENDIAN),
          header.getInt(RecordDescriptor.ENTRY_PID_OFFSET, LITTLE_ENDIAN),
          header.getInt(RecordDescriptor.ENTRY_TID_OFFSET, LITTLE_ENDIAN),
          header.getInt(RecordDescriptor.ENTRY_INDEX_OFFSET, LITTLE_ENDIAN),
          entry);
      at += RecordDescriptor.ENTRY_LENGTH + ((payload + Long.BYTES - 1L) & -Long.BYTES);
    }
    processes.forEach(RecordedProcess::finish);
  }

  private void read(
      final int type, final int pid, final int tid, final int index, final DirectBuffer entry) {
    switch (type) {
      case RecordDescriptor.ENTRY_PROCESS_FILE ->
          process(pid).files.put(plan.processFiles().get(index), entry);
      case RecordDescriptor.ENTRY_TASK_FILE ->
          task(pid, tid).files.put(plan.taskFiles().get(index), entry);
      case RecordDescriptor.ENTRY_PROCESS_LINK -> {
        if (entry.capacity() > 0) {
          process(pid)
              .links
              .put(
                  plan.processLinks().get(index),
                  new RecordedLink(
                      text(entry, RecordDescriptor.FILE_STATUS_LENGTH), status(entry, 0)));
        }
      }
      case RecordDescriptor.ENTRY_REGISTERS -> task(pid, tid).registers = entry;
      case RecordDescriptor.ENTRY_XSTATE -> task(pid, tid).xstate = entry;
      case RecordDescriptor.ENTRY_SIGNAL_MASK ->
          task(pid, tid).signalMask = entry.getLong(0, LITTLE_ENDIAN);
      case RecordDescriptor.ENTRY_PENDING_TASK -> {
        if (index == RecordDescriptor.PENDING_AT_CUT) {
          task(pid, tid).pending = entry;
        } else {
          task(pid, tid).pendingAfterPrograms = entry;
        }
      }
      case RecordDescriptor.ENTRY_PENDING_SHARED -> {
        if (index == RecordDescriptor.PENDING_AT_CUT) {
          process(pid).pending = entry;
        } else {
          process(pid).pendingAfterPrograms = entry;
        }
      }
      case RecordDescriptor.ENTRY_RSEQ -> task(pid, tid).rseq = entry;
      case RecordDescriptor.ENTRY_PROCESS_PROGRAM ->
          process(pid).program = new ProgramResults(plan.processProgram(), entry);
      case RecordDescriptor.ENTRY_TASK_PROGRAM ->
          task(pid, tid).program = new ProgramResults(plan.taskProgram(), entry);
      case RecordDescriptor.ENTRY_INSTANCE_PROGRAM ->
          program = new ProgramResults(plan.instanceProgram(), entry);
      case RecordDescriptor.ENTRY_DESCRIPTOR -> process(pid).addDescriptor(index, entry);
      case RecordDescriptor.ENTRY_DESCRIPTOR_INFO -> process(pid).descriptor(index).info = entry;
      case RecordDescriptor.ENTRY_DESCRIPTOR_PROGRAM ->
          process(pid).descriptor(index).file.addProgram(entry);
      case RecordDescriptor.ENTRY_BYTES ->
          (index == -1 ? bytes : process(pid).descriptor(index).file.bytes).add(entry);
      case RecordDescriptor.ENTRY_MESSAGE ->
          process(pid).descriptor(index).file.messages.add(message(entry));
      case RecordDescriptor.ENTRY_MAPPED_FILE ->
          mappedFiles.add(
              new MappedFile(
                  entry.getLong(0, LITTLE_ENDIAN),
                  status(entry, Long.BYTES),
                  text(entry, Long.BYTES + RecordDescriptor.FILE_STATUS_LENGTH)));
      case RecordDescriptor.ENTRY_FILE_BEFORE ->
          filesBefore.put(plan.runningFiles().get(index), entry);
      case RecordDescriptor.ENTRY_FILE_AFTER ->
          filesAfter.put(plan.runningFiles().get(index), entry);
      case RecordDescriptor.ENTRY_CHANGE ->
          fileChanges.add(new FileChange(FileChange.Kind.of(index), text(entry, 0)));
      case RecordDescriptor.ENTRY_PAGES -> pages.add(storedPages(entry));
      case RecordDescriptor.ENTRY_OBJECT -> objects.add(storedObject(entry));
      default -> throw new VasException("the keeper recorded an entry of unknown type " + type);
    }
  }

  private RecordedProcess process(final int pid) {
    return byPid.computeIfAbsent(
        pid,
        number -> {
          final RecordedProcess process = new RecordedProcess(processes.isEmpty() ? outerPid : 0);
          processes.add(process);
          return process;
        });
  }

  private Task task(final int pid, final int tid) {
    final RecordedProcess process = process(pid);
    return process.byTid.computeIfAbsent(
        tid,
        number -> {
          final Task task = new Task(process);
          // The leader's tid is the pid.
          process.tasks.add(tid == pid ? 0 : process.tasks.size(), task);
          return task;
        });
  }

  private static RecordedStatus status(final DirectBuffer buffer, final int offset) {
    return new RecordedStatus(
        DeviceNumber.of(
            buffer.getLong(offset + RecordDescriptor.FILE_STATUS_DEVICE_OFFSET, LITTLE_ENDIAN)),
        buffer.getLong(offset + RecordDescriptor.FILE_STATUS_INODE_OFFSET, LITTLE_ENDIAN),
        buffer.getInt(offset + RecordDescriptor.FILE_STATUS_MODE_OFFSET, LITTLE_ENDIAN),
        buffer.getInt(offset + RecordDescriptor.FILE_STATUS_LINKS_OFFSET, LITTLE_ENDIAN),
        buffer.getInt(offset + RecordDescriptor.FILE_STATUS_UID_OFFSET, LITTLE_ENDIAN),
        buffer.getInt(offset + RecordDescriptor.FILE_STATUS_GID_OFFSET, LITTLE_ENDIAN),
        buffer.getLong(offset + RecordDescriptor.FILE_STATUS_SIZE_OFFSET, LITTLE_ENDIAN),
        buffer.getLong(offset + RecordDescriptor.FILE_STATUS_CTIME_SECONDS_OFFSET, LITTLE_ENDIAN)
                * 1_000_000_000L
            + buffer.getInt(
                offset + RecordDescriptor.FILE_STATUS_CTIME_NANOS_OFFSET, LITTLE_ENDIAN),
        DeviceNumber.of(
            buffer.getLong(
                offset + RecordDescriptor.FILE_STATUS_SPECIAL_DEVICE_OFFSET, LITTLE_ENDIAN)));
  }

  private static RecordedMessage message(final DirectBuffer entry) {
    final int nameLength =
        entry.getInt(RecordDescriptor.RECORDED_MESSAGE_NAME_LENGTH_OFFSET, LITTLE_ENDIAN);
    final int dataLength =
        entry.getInt(RecordDescriptor.RECORDED_MESSAGE_DATA_LENGTH_OFFSET, LITTLE_ENDIAN);
    final int start = RecordDescriptor.RECORDED_MESSAGE_LENGTH;
    return new RecordedMessage(
        slice(entry, start, nameLength),
        slice(entry, start + nameLength, dataLength),
        entry.getInt(RecordDescriptor.RECORDED_MESSAGE_FLAGS_OFFSET, LITTLE_ENDIAN),
        entry.getInt(RecordDescriptor.RECORDED_MESSAGE_CONTROL_LENGTH_OFFSET, LITTLE_ENDIAN));
  }

  private static DirectBuffer slice(final DirectBuffer buffer, final int offset, final int length) {
    return length == 0 ? EMPTY : new UnsafeBuffer(buffer, offset, length);
  }

  private static StoredPages storedPages(final DirectBuffer entry) {
    final int count = entry.getInt(RecordDescriptor.STORED_PAGES_RUN_COUNT_OFFSET, LITTLE_ENDIAN);
    final List<Run> runs = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      final int offset = RecordDescriptor.STORED_PAGES_LENGTH + i * RecordDescriptor.RUN_LENGTH;
      final long length = entry.getLong(offset + RecordDescriptor.RUN_LENGTH_OFFSET, LITTLE_ENDIAN);
      runs.add(
          new Run(
              entry.getLong(offset + RecordDescriptor.RUN_START_OFFSET, LITTLE_ENDIAN),
              length & -PAGE,
              RunKind.of(length)));
    }
    return new StoredPages(
        entry.getLong(RecordDescriptor.STORED_PAGES_START_OFFSET, LITTLE_ENDIAN),
        entry.getLong(RecordDescriptor.STORED_PAGES_END_OFFSET, LITTLE_ENDIAN),
        RegionKind.of(entry.getInt(RecordDescriptor.STORED_PAGES_REGION_OFFSET, LITTLE_ENDIAN)),
        entry.getLong(RecordDescriptor.STORED_PAGES_OFFSET_OFFSET, LITTLE_ENDIAN),
        (entry.getInt(RecordDescriptor.STORED_PAGES_FLAGS_OFFSET, LITTLE_ENDIAN)
                & RecordDescriptor.PAGES_REGION_BACKED)
            != 0,
        RegionKind.of(
            entry.getInt(RecordDescriptor.STORED_PAGES_BACKING_REGION_OFFSET, LITTLE_ENDIAN)),
        entry.getLong(RecordDescriptor.STORED_PAGES_BACKING_INODE_OFFSET, LITTLE_ENDIAN),
        entry.getLong(RecordDescriptor.STORED_PAGES_BACKING_OFFSET_OFFSET, LITTLE_ENDIAN),
        runs);
  }

  private StoredObject storedObject(final DirectBuffer entry) {
    final int count = entry.getInt(RecordDescriptor.OBJECT_RUN_COUNT_OFFSET, LITTLE_ENDIAN);
    final List<StoredObject.Run> runs = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      final int offset = RecordDescriptor.OBJECT_LENGTH + i * RecordDescriptor.RUN_LENGTH;
      runs.add(
          new StoredObject.Run(
              entry.getLong(offset + RecordDescriptor.RUN_START_OFFSET, LITTLE_ENDIAN),
              entry.getLong(offset + RecordDescriptor.RUN_LENGTH_OFFSET, LITTLE_ENDIAN)));
    }
    final RecordedStatus status = status(entry, RecordDescriptor.OBJECT_STATUS_OFFSET);
    return new StoredObject(
        objects.size(),
        status,
        "",
        RegionKind.of(entry.getInt(RecordDescriptor.OBJECT_REGION_OFFSET, LITTLE_ENDIAN)),
        entry.getLong(RecordDescriptor.OBJECT_OFFSET_OFFSET, LITTLE_ENDIAN),
        runs);
  }

  private static String text(final DirectBuffer buffer, final int offset) {
    final byte[] encoded = new byte[buffer.capacity() - offset];
    buffer.getBytes(offset, encoded);
    return RawText.decode(encoded, 0, encoded.length);
  }

  /** All processes, the root process first. */
  List<RecordedProcess> processes() {
    return processes;
  }

  /** A file of the root process as it was shortly before the freeze; empty if it was not read. */
  DirectBuffer fileBefore(final String name) {
    return filesBefore.getOrDefault(name, EMPTY);
  }

  /** A file of the root process as it was shortly after the freeze; empty if it was not read. */
  DirectBuffer fileAfter(final String name) {
    return filesAfter.getOrDefault(name, EMPTY);
  }

  /** Pages that were copied, by VMA. */
  List<StoredPages> pages() {
    return pages;
  }

  /** Each file that is mapped, once. */
  List<MappedFile> mappedFiles() {
    return mappedFiles;
  }

  /** What {@code recordBytes} steps of the instance program found. */
  List<DirectBuffer> bytes() {
    return Collections.unmodifiableList(bytes);
  }

  /** What would make its files the snapshot's that they were compared with. */
  List<FileChange> fileChanges() {
    return Collections.unmodifiableList(fileChanges);
  }

  /** What the instance program left. */
  ProgramResults program() {
    return program;
  }

  /** Files whose contents were copied, with what /proc calls them. */
  List<StoredObject> objects() {
    final List<StoredObject> named = new ArrayList<>(objects.size());
    for (final StoredObject object : objects) {
      named.add(
          new StoredObject(
              object.id(),
              object.status(),
              linkOf(object.status()),
              object.region(),
              object.offset(),
              object.runs()));
    }
    return named;
  }

  private String linkOf(final RecordedStatus status) {
    for (final MappedFile file : mappedFiles) {
      if (isSame(file.status(), status)) {
        return file.path();
      }
    }
    for (final RecordedProcess process : processes) {
      for (final DescriptorRecord descriptor : process.descriptors()) {
        if (isSame(descriptor.status(), status)) {
          return descriptor.link();
        }
      }
    }
    return "";
  }

  static boolean isSame(final RecordedStatus a, final RecordedStatus b) {
    return a.inode() == b.inode() && a.device().equals(b.device());
  }

  /**
   * The numbers of the tasks of the first process.
   *
   * @return as the keeper numbers them, by what the instance does.
   */
  Map<Integer, Integer> keeperTids() {
    final Map<Integer, Integer> numbers = new HashMap<>();
    processes.get(0).byTid.forEach((outer, task) -> numbers.put(task.tid(), outer));
    return numbers;
  }

  /**
   * The processes but the first.
   *
   * @return by the numbers that the keeper has for them.
   */
  Map<Integer, RecordedProcess> otherProcesses() {
    final Map<Integer, RecordedProcess> others = new HashMap<>(byPid);
    others.values().remove(processes.get(0));
    return others;
  }

  /** A process of the record. */
  final class RecordedProcess implements ProcessRecord {
    private final int knownOuterPid;
    private final Map<String, DirectBuffer> files = new HashMap<>();
    private final Map<String, RecordedLink> links = new HashMap<>();
    private final Map<Integer, Task> byTid = new HashMap<>();
    private final List<Task> tasks = new ArrayList<>();
    private final Map<Integer, Descriptor> descriptors = new TreeMap<>();
    private final Map<Integer, OpenFile> openFiles = new HashMap<>();
    private ProgramResults program;
    private DirectBuffer pending = EMPTY;
    private DirectBuffer pendingAfterPrograms = EMPTY;
    private int pid;

    private RecordedProcess(final int knownOuterPid) {
      this.knownOuterPid = knownOuterPid;
    }

    private void finish() {
      tasks.forEach(Task::finish);
      pid = tasks.get(0).tid;
    }

    private void addDescriptor(final int number, final DirectBuffer entry) {
      final String link = InstanceRecord.text(entry, RecordDescriptor.DESCRIPTOR_LENGTH);
      final OpenFile file =
          openFiles.computeIfAbsent(
              entry.getInt(RecordDescriptor.DESCRIPTOR_FILE_OFFSET, LITTLE_ENDIAN),
              id -> new OpenFile(plan.rulesFor(link)));
      descriptors.put(number, new Descriptor(this, number, entry, link, file));
    }

    private Descriptor descriptor(final int number) {
      final Descriptor descriptor = descriptors.get(number);
      if (descriptor == null) {
        throw new VasException("the keeper recorded nothing of descriptor " + number);
      }
      return descriptor;
    }

    @Override
    public int pid() {
      return pid;
    }

    @Override
    public int outerPid() {
      return knownOuterPid == 0 ? pid : knownOuterPid;
    }

    @Override
    public DirectBuffer file(final String name) {
      return files.getOrDefault(name, EMPTY);
    }

    @Override
    public String text(final String name) {
      return InstanceRecord.text(file(name), 0);
    }

    @Override
    public Optional<RecordedLink> link(final String name) {
      return Optional.ofNullable(links.get(name));
    }

    @Override
    public ProgramResults program() {
      return program;
    }

    @Override
    public DirectBuffer pending() {
      return pending;
    }

    @Override
    public DirectBuffer pendingAfterPrograms() {
      return pendingAfterPrograms;
    }

    @Override
    public List<TaskRecord> tasks() {
      return Collections.unmodifiableList(tasks);
    }

    @Override
    public List<DescriptorRecord> descriptors() {
      return List.copyOf(descriptors.values());
    }
  }

  private static final class Task implements TaskRecord {
    private final RecordedProcess process;
    private final Map<String, DirectBuffer> files = new HashMap<>();
    private DirectBuffer registers = EMPTY;
    private DirectBuffer xstate = EMPTY;
    private DirectBuffer pending = EMPTY;
    private DirectBuffer pendingAfterPrograms = EMPTY;
    private DirectBuffer rseq = EMPTY;
    private ProgramResults program;
    private long signalMask;
    private int tid;

    private Task(final RecordedProcess process) {
      this.process = process;
    }

    private void finish() {
      tid = ProcStatus.parse(file("status")).innermostPid();
    }

    @Override
    public int tid() {
      return tid;
    }

    @Override
    public ProcessRecord process() {
      return process;
    }

    @Override
    public DirectBuffer file(final String name) {
      return files.getOrDefault(name, EMPTY);
    }

    @Override
    public String text(final String name) {
      return InstanceRecord.text(file(name), 0);
    }

    @Override
    public DirectBuffer registers() {
      return registers;
    }

    @Override
    public DirectBuffer xstate() {
      return xstate;
    }

    @Override
    public long signalMask() {
      return signalMask;
    }

    @Override
    public DirectBuffer pending() {
      return pending;
    }

    @Override
    public DirectBuffer pendingAfterPrograms() {
      return pendingAfterPrograms;
    }

    @Override
    public DirectBuffer rseq() {
      return rseq;
    }

    @Override
    public ProgramResults program() {
      return program;
    }
  }

  /** What was found out once for all descriptors that share it. */
  private static final class OpenFile {
    private final List<Plan.Rule> rules;
    private final Map<String, ProgramResults> programs = new HashMap<>();
    private final List<DirectBuffer> bytes = new ArrayList<>();
    private final List<RecordedMessage> messages = new ArrayList<>();

    private OpenFile(final List<Plan.Rule> rules) {
      this.rules = rules;
    }

    private void addProgram(final DirectBuffer entry) {
      final Plan.Rule rule = rules.get(programs.size());
      programs.put(rule.linkPrefix(), new ProgramResults(rule.program(), entry));
    }
  }

  private static final class Descriptor implements DescriptorRecord {
    private final RecordedProcess process;
    private final int number;
    private final DirectBuffer entry;
    private final String link;
    private final OpenFile file;
    private final RecordedStatus status;
    private DirectBuffer info = EMPTY;

    private Descriptor(
        final RecordedProcess process,
        final int number,
        final DirectBuffer entry,
        final String link,
        final OpenFile file) {
      this.process = process;
      this.number = number;
      this.entry = entry;
      this.link = link;
      this.file = file;
      this.status = InstanceRecord.status(entry, RecordDescriptor.DESCRIPTOR_STATUS_OFFSET);
    }

    @Override
    public ProcessRecord process() {
      return process;
    }

    @Override
    public int number() {
      return number;
    }

    @Override
    public String link() {
      return link;
    }

    @Override
    public RecordedStatus status() {
      return status;
    }

    @Override
    public int file() {
      return entry.getInt(RecordDescriptor.DESCRIPTOR_FILE_OFFSET, LITTLE_ENDIAN);
    }

    @Override
    public int flags() {
      return entry.getInt(RecordDescriptor.DESCRIPTOR_FLAGS_OFFSET, LITTLE_ENDIAN);
    }

    @Override
    public boolean closeOnExec() {
      // The keeper's duplicates do not tell: FD_CLOEXEC is among the flags of fdinfo.
      return (fdInfo().flags() & OpenFlags.O_CLOEXEC) != 0;
    }

    @Override
    public long position() {
      return entry.getLong(RecordDescriptor.DESCRIPTOR_POSITION_OFFSET, LITTLE_ENDIAN);
    }

    @Override
    public String info() {
      return InstanceRecord.text(info, 0);
    }

    @Override
    public FdInfo fdInfo() {
      return FdInfo.parse(info);
    }

    @Override
    public Optional<ProgramResults> program(final String linkPrefix) {
      return Optional.ofNullable(file.programs.get(linkPrefix));
    }

    @Override
    public List<DirectBuffer> bytes() {
      return Collections.unmodifiableList(file.bytes);
    }

    @Override
    public List<RecordedMessage> messages() {
      return Collections.unmodifiableList(file.messages);
    }
  }
}
