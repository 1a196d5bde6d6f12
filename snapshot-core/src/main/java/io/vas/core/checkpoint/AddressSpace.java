package io.vas.core.checkpoint;

import com.google.protobuf.ByteString;
import io.vas.core.UnsupportedException;
import io.vas.core.image.Backing;
import io.vas.core.image.LayoutImage;
import io.vas.core.image.MappedFile;
import io.vas.core.image.MemoryImage;
import io.vas.core.image.VmaImage;
import io.vas.core.keeper.Imprint;
import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.MappedMemory;
import io.vas.core.linux.ProcMaps;
import io.vas.core.linux.ProcStat;
import io.vas.core.linux.VmFlag;
import io.vas.core.linux.Vma;
import io.vas.core.memory.PageRuns;
import io.vas.core.memory.PageSpace;
import io.vas.core.program.SystemCall;
import io.vas.core.resource.CaptureContext;
import io.vas.core.resource.PlanBuilder;
import io.vas.core.resource.ProcessRecord;
import io.vas.core.resource.RecordedLink;
import io.vas.core.resource.StoredObject;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.agrona.DirectBuffer;

/** Interprets what was recorded of a process's address space. */
final class AddressSpace {
  private static final String SMAPS = "smaps";
  private static final String MAPS = "maps";
  private static final String STAT = "stat";
  private static final String AUXV = "auxv";
  private static final String EXE = "exe";
  private static final String BRK = "memory: brk";
  private static final String DELETED = " (deleted)";
  private static final DeviceNumber DEV_ZERO = new DeviceNumber(1, 5);
  private static final Set<String> KERNEL_CODE = Set.of("[vvar]", "[vvar_vclock]", "[vdso]");
  private static final String VSYSCALL = "[vsyscall]";

  private final ProcessRecord process;
  private final CaptureContext context;
  private final InstanceRecord record;
  private final HostFiles hostFiles;
  private final Optional<SpacePages> sink;
  private final Imprint imprint;
  private final Map<FileKey, InstanceRecord.MappedFile> mappedFiles = new HashMap<>();
  private final Map<Long, InstanceRecord.StoredPages> pages = new HashMap<>();

  /** A file as /proc/PID/maps numbers it, which is not always as stat(2) does. */
  private record FileKey(DeviceNumber device, long inode) {}

  /**
   * An address space.
   *
   * @param process whose it is.
   * @param context of the capture.
   * @param record what the keeper found.
   * @param hostFiles tells which files are mapped.
   * @param sink is told where its pages are; empty: they are not asked for.
   * @param imprint what there is of the keeper's in it.
   */
  AddressSpace(
      final ProcessRecord process,
      final CaptureContext context,
      final InstanceRecord record,
      final HostFiles hostFiles,
      final Optional<SpacePages> sink,
      final Imprint imprint) {
    this.process = process;
    this.context = context;
    this.record = record;
    this.hostFiles = hostFiles;
    this.sink = sink;
    this.imprint = imprint;
  }

  /**
   * Ask for what is interpreted.
   *
   * @param plan to be asked for it.
   * @param frozen whether smaps is to be read while the process is frozen.
   */
  static void plan(final PlanBuilder plan, final boolean frozen) {
    if (frozen) {
      plan.processFile(SMAPS);
    } else {
      plan.processFile(MAPS);
      plan.runningFile(SMAPS);
    }
    plan.processFile(STAT);
    plan.processFile(AUXV);
    plan.processLink(EXE);
    plan.processProgram().resource("memory");
    plan.processProgram().callAny(BRK, SystemCall.BRK, 0);
  }

  /**
   * Interpret, and tell the sink which pages are where.
   *
   * @return the image.
   * @throws io.vas.core.UnsupportedException if there is a mapping that can not be restored.
   */
  MemoryImage capture() {
    final List<Vma> vmas = vmas();
    indexRecord(vmas);
    final MemoryImage.Builder image = MemoryImage.newBuilder();
    sink.ifPresent(SpacePages::begin);
    long done = 0;
    for (final Vma vma : vmas) {
      if (vma.name().equals(VSYSCALL) || imprint.covers(vma.start(), vma.end())) {
        continue;
      }
      if (KERNEL_CODE.contains(vma.name())) {
        if (image.getVdsoLength() == 0) {
          image.setVdsoStart(vma.start());
        } else if (image.getVdsoStart() + image.getVdsoLength() != vma.start()) {
          throw refuse(vma, "the vdso and its data are not side by side");
        }
        image.setVdsoLength(image.getVdsoLength() + vma.length());
        continue;
      }
      drop(done, vma.start());
      image.addVmas(capture(vma));
      done = vma.end();
    }
    drop(done, PageSpace.END);
    return image.setLayout(layout()).build();
  }

  private List<Vma> vmas() {
    final DirectBuffer smaps = process.file(SMAPS);
    if (smaps.capacity() > 0) {
      return ProcMaps.parse(smaps);
    }
    return new RunningFlags(
            ProcMaps.parse(record.fileBefore(SMAPS)), ProcMaps.parse(record.fileAfter(SMAPS)))
        .addTo(ProcMaps.parse(process.file(MAPS)));
  }

  private void indexRecord(final List<Vma> vmas) {
    final Map<Long, Vma> byStart = new HashMap<>();
    vmas.forEach(vma -> byStart.put(vma.start(), vma));
    for (final InstanceRecord.MappedFile file : record.mappedFiles()) {
      final Vma vma = byStart.get(file.start());
      if (vma != null) {
        mappedFiles.put(new FileKey(vma.device(), vma.inode()), file);
      }
    }
    record.pages().forEach(stored -> pages.put(stored.start(), stored));
  }

  private VmaImage capture(final Vma vma) {
    checkFlags(vma);
    final InstanceRecord.StoredPages stored = pages.get(vma.start());
    final VmaImage.Builder image =
        VmaImage.newBuilder()
            .setStart(vma.start())
            .setEnd(vma.end())
            .setProtection(vma.protection())
            .setShared(vma.shared())
            .setFlags(String.join(" ", flags(vma)))
            .setName(vma.name().startsWith("[") ? vma.name() : "");
    if (vma.hasFile() && (stored == null || !stored.backed())) {
      captureFile(vma, image);
    }
    if (stored == null) {
      drop(vma.start(), vma.end());
    } else {
      sink.ifPresent(to -> to.put(stored, image));
      image.addAllGuards(guards(stored).encode(vma.start()));
    }
    return image.build();
  }

  /** Without what the keeper has set to track writes. */
  private static List<String> flags(final Vma vma) {
    return vma.flags().stream().filter(flag -> !flag.equals(VmFlag.UFFD_WP)).sorted().toList();
  }

  private void drop(final long start, final long end) {
    sink.ifPresent(to -> to.drop(start, end));
  }

  private void checkFlags(final Vma vma) {
    if (vma.has(VmFlag.HUGETLB)) {
      throw refuse(vma, "memory of the reserved pool of huge pages");
    }
    if (vma.has(VmFlag.IO) || vma.has(VmFlag.PFN_MAP) || vma.has(VmFlag.MIXED_MAP)) {
      throw refuse(vma, "memory of a device");
    }
    if (vma.has(VmFlag.SHADOW_STACK)) {
      throw refuse(vma, "a shadow stack");
    }
    if (vma.has(VmFlag.SYNC)) {
      throw refuse(vma, "persistent memory");
    }
    // In a fork the keeper's guard is registered.
    if ((vma.has(VmFlag.UFFD_WP) && !imprint.isTracked())
        || vma.has(VmFlag.UFFD_MINOR)
        || (vma.has(VmFlag.UFFD_MISSING) && !imprint.isOfFork())) {
      throw refuse(vma, "registered with a userfaultfd of its own");
    }
  }

  private void captureFile(final Vma vma, final VmaImage.Builder image) {
    final InstanceRecord.MappedFile file = mappedFiles.get(new FileKey(vma.device(), vma.inode()));
    if (file == null) {
      throw refuse(vma, "what it maps can not be opened");
    }
    if (file.path().startsWith("/[aio]")) {
      throw refuse(vma, "a context of asynchronous I/O (io_setup)");
    }
    if (file.path().startsWith("/SYSV")) {
      throw refuse(vma, "System V shared memory");
    }
    if (file.status().type() == FileStatus.S_IFCHR
        && file.status().deviceItself().equals(DEV_ZERO)
        && !vma.shared()) {
      return;
    }
    if (file.status().type() != FileStatus.S_IFREG) {
      throw refuse(vma, "only regular files can be mapped again");
    }
    image.setOffset(vma.offset());
    final Optional<StoredObject> object = context.object(file.status());
    if (object.isPresent()) {
      image.setBacking(Backing.OBJECT).setObject(object.get().id());
      return;
    }
    final boolean isExecuted = (vma.protection() & MappedMemory.PROT_EXEC) != 0;
    image.setBacking(Backing.FILE).setFile(identify(vma.toString(), file, isExecuted));
  }

  private MappedFile identify(
      final String where, final InstanceRecord.MappedFile file, final boolean isExecuted) {
    if (file.path().endsWith(DELETED)) {
      if (context.isOnlyCompared()) {
        return another(file);
      }
      throw context.unsupported(
          process, "mapping", where + ": the file was unlinked and has other names");
    }
    final Optional<MappedFile> found = hostFiles.identify(file.path(), file.status(), isExecuted);
    return found
        .or(() -> context.isOnlyCompared() ? Optional.of(another(file)) : Optional.empty())
        .orElseThrow(
            () ->
                context.unsupported(
                    process,
                    "mapping",
                    where + ": the file is neither the host's nor in the instance's layer"));
  }

  /** Which is no file of the snapshot. */
  private static MappedFile another(final InstanceRecord.MappedFile file) {
    return MappedFile.newBuilder()
        .setPath(file.path())
        .setDevice(file.status().device().encoded())
        .setInode(file.status().inode())
        .build();
  }

  private static PageRuns guards(final InstanceRecord.StoredPages stored) {
    return PageRuns.of(
        stored.runs().stream()
            .filter(run -> run.kind() == InstanceRecord.RunKind.GUARD)
            .map(run -> new PageRuns.Run(run.start(), run.length()))
            .toList());
  }

  private LayoutImage layout() {
    final ProcStat stat = ProcStat.parse(process.file(STAT));
    final RecordedLink exe =
        process
            .link(EXE)
            .orElseThrow(
                () -> context.unsupported(process, "executable", "it can not be found any more"));
    if (exe.target().endsWith(DELETED)) {
      throw context.unsupported(process, "executable", exe.target());
    }
    return LayoutImage.newBuilder()
        .setStartCode(stat.startCode())
        .setEndCode(stat.endCode())
        .setStartData(stat.startData())
        .setEndData(stat.endData())
        .setStartBrk(stat.startBreak())
        .setBrk(process.program().result(BRK))
        .setStartStack(stat.startStack())
        .setArgStart(stat.argumentsStart())
        .setArgEnd(stat.argumentsEnd())
        .setEnvStart(stat.environmentStart())
        .setEnvEnd(stat.environmentEnd())
        .setAuxiliaryVector(bytes(process.file(AUXV)))
        .setExecutable(
            identify(
                "executable", new InstanceRecord.MappedFile(0, exe.status(), exe.target()), true))
        .build();
  }

  private static ByteString bytes(final DirectBuffer buffer) {
    final byte[] bytes = new byte[buffer.capacity()];
    buffer.getBytes(0, bytes);
    return ByteString.copyFrom(bytes);
  }

  private UnsupportedException refuse(final Vma vma, final String reason) {
    return context.unsupported(process, "mapping", vma + ": " + reason);
  }
}
