package io.vas.core.memory;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.image.Backing;
import io.vas.core.image.Image;
import io.vas.core.image.LayoutImage;
import io.vas.core.image.MappedFile;
import io.vas.core.image.MemoryImage;
import io.vas.core.image.ObjectImage;
import io.vas.core.image.VmaImage;
import io.vas.core.linux.MappedMemory;
import io.vas.core.linux.MemFd;
import io.vas.core.linux.OpenFlags;
import io.vas.core.linux.VmFlag;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.IntUnaryOperator;
import java.util.function.ToIntFunction;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Emits the steps that replace a new child's address space by a snapshot's. Its methods are called
 * once each, in the order in which they stand here.
 */
public final class MemoryRestore {
  private static final String RESOURCE = "memory";
  private static final long PAGE = 4096;

  /** A transfer that the kernel does in one call. */
  private static final long TRANSFER_MAX = 1L << 30;

  /** Pages on their way from one file over a mapping of another; they stay in the cache. */
  private static final long BUFFER = 256 * 1024;

  /** Above all user memory, on processors with four levels of page tables. */
  private static final long TASK_SIZE = (1L << 47) - PAGE;

  private static final int MAP_GROWSDOWN = 0x100;
  private static final int MAP_DROPPABLE = 0x08;

  /** Linux 4.17. */
  private static final int MAP_FIXED_NOREPLACE = 0x100000;

  private static final int MADV_GUARD_INSTALL = 102;
  private static final int MLOCK_ONFAULT = 1;
  private static final int O_TMPFILE = 020200000;
  private static final int ARCH_MAP_VDSO_64 = 0x2003;
  private static final int PR_SET_MM = 35;
  private static final int PR_SET_MM_MAP = 14;
  private static final int PR_SET_VMA = 0x53564d41;
  private static final int PR_SET_VMA_ANON_NAME = 0;

  private static final int MM_MAP_AUXV_OFFSET = 11 * Long.BYTES;
  private static final int MM_MAP_AUXV_SIZE_OFFSET = MM_MAP_AUXV_OFFSET + Long.BYTES;
  private static final int MM_MAP_EXE_FD_OFFSET = MM_MAP_AUXV_SIZE_OFFSET + Integer.BYTES;
  private static final int MM_MAP_LENGTH = MM_MAP_EXE_FD_OFFSET + Integer.BYTES;

  private static final String MEMFD_PREFIX = "/memfd:";
  private static final String SHARED_ANONYMOUS = "/dev/zero";
  private static final String DELETED = " (deleted)";
  private static final String ANONYMOUS_NAME_PREFIX = "[anon:";

  /** What madvise(2) takes, by what smaps shows. */
  private static final Map<String, Integer> ADVICE = advice();

  private final ProgramBuilder program;
  private final Image image;
  private final MemoryImage memory;
  private final MemoryPlan plan;
  private final ToIntFunction<Long> regions;
  private final IntUnaryOperator objects;
  private final PageSource pages;
  private final Map<OpenKey, Result> files = new LinkedHashMap<>();
  private Result executable;

  private record OpenKey(String path, int flags) {}

  /**
   * A restore.
   *
   * @param program where the steps go.
   * @param image the snapshot.
   * @param memory the address space, of the image.
   * @param plan how its VMAs come back.
   * @param pages the snapshot's pages.
   * @param regions the number of the descriptor of each file of pages, fixed.
   * @param objects the number where each object is left, by id, fixed.
   */
  public MemoryRestore(
      final ProgramBuilder program,
      final Image image,
      final MemoryImage memory,
      final MemoryPlan plan,
      final PageSource pages,
      final ToIntFunction<Long> regions,
      final IntUnaryOperator objects) {
    this.program = program;
    this.image = image;
    this.memory = memory;
    this.plan = plan;
    this.pages = pages;
    this.regions = regions;
    this.objects = objects;
  }

  private static Map<String, Integer> advice() {
    final Map<String, Integer> advice = new LinkedHashMap<>();
    advice.put(VmFlag.RANDOM, 1);
    advice.put(VmFlag.SEQUENTIAL, 2);
    advice.put(VmFlag.DONT_FORK, MappedMemory.MADV_DONTFORK);
    advice.put(VmFlag.MERGEABLE, 12);
    advice.put(VmFlag.HUGE_PAGE, MappedMemory.MADV_HUGEPAGE);
    advice.put(VmFlag.NO_HUGE_PAGE, 15);
    advice.put(VmFlag.DONT_DUMP, MappedMemory.MADV_DONTDUMP);
    advice.put(VmFlag.WIPE_ON_FORK, 18);
    return advice;
  }

  /** Open the files that are mapped, each once. */
  public void openFiles() {
    program.resource(RESOURCE);
    for (final VmaImage vma : memory.getVmasList()) {
      if (vma.getBacking() == Backing.FILE) {
        open(vma.getFile(), openFlags(vma));
      }
    }
    executable = open(memory.getLayout().getExecutable(), OpenFlags.O_RDONLY);
  }

  /**
   * The files that are mapped.
   *
   * @param written those that a mapping can write to, or those that none of these can.
   * @return paths.
   */
  public Set<String> paths(final boolean written) {
    final Set<String> paths = new TreeSet<>();
    for (final VmaImage vma : memory.getVmasList()) {
      if (vma.getBacking() == Backing.FILE && (openFlags(vma) == OpenFlags.O_RDWR) == written) {
        paths.add(vma.getFile().getPath());
      }
    }
    return paths;
  }

  /** Seal what was sealed, when all else has been done to it. */
  public void seal() {
    program.resource(RESOURCE);
    for (final VmaImage vma : memory.getVmasList()) {
      if (MemoryPlan.flags(vma).contains(VmFlag.SEALED)) {
        final long length = vma.getEnd() - vma.getStart();
        program.call("seal " + describe(vma), SystemCall.MSEAL, vma.getStart(), length, 0);
      }
    }
  }

  private static int openFlags(final VmaImage vma) {
    // A shared mapping of a file that was opened for reading can never be made writable.
    return vma.getShared() && MemoryPlan.flags(vma).contains(VmFlag.SHARED)
        ? OpenFlags.O_RDWR
        : OpenFlags.O_RDONLY;
  }

  private Result open(final MappedFile file, final int flags) {
    return files.computeIfAbsent(
        new OpenKey(file.getPath(), flags),
        key ->
            program.call(
                "open " + key.path + (flags == OpenFlags.O_RDWR ? " for writing" : ""),
                SystemCall.OPENAT,
                OpenFlags.AT_FDCWD,
                program.string(key.path),
                flags | OpenFlags.O_CLOEXEC));
  }

  /** Make the files anew that lived with the instance only, each at its number. */
  public void makeObjects() {
    program.resource(RESOURCE);
    for (final ObjectImage object : image.getObjectsList()) {
      final String name = "object " + object.getId() + " (" + object.getLink() + "): ";
      final Result opened = makeObject(object, name);
      final int number = objects.applyAsInt(object.getId());
      program.callExpecting(
          number, name + "move", SystemCall.DUP3, opened, number, OpenFlags.O_CLOEXEC);
      program.call(name + "close", SystemCall.CLOSE, opened);
      if (object.getSize() > 0) {
        program.call(name + "size", SystemCall.FTRUNCATE, number, object.getSize());
      }
      fill(object, number, name);
    }
  }

  private Result makeObject(final ObjectImage object, final String name) {
    final String link = object.getLink();
    if (link.startsWith(MEMFD_PREFIX) || link.startsWith(SHARED_ANONYMOUS)) {
      final String memfd =
          link.startsWith(MEMFD_PREFIX)
              ? withoutSuffix(link.substring(MEMFD_PREFIX.length()))
              : "shared memory";
      // Seals are put back by who restores a descriptor; memory without one can not be sealed.
      return program.call(
          name + "memfd",
          SystemCall.MEMFD_CREATE,
          program.string(memfd),
          MemFd.MFD_ALLOW_SEALING | MFD_CLOEXEC);
    }
    final Result file =
        program.call(
            name + "new file",
            SystemCall.OPENAT,
            OpenFlags.AT_FDCWD,
            program.string("/"),
            O_TMPFILE | OpenFlags.O_RDWR | OpenFlags.O_CLOEXEC,
            object.getMode() & PERMISSIONS);
    program.call(name + "owner", SystemCall.FCHOWN, file, object.getUid(), object.getGid());
    program.call(name + "mode", SystemCall.FCHMOD, file, object.getMode() & PERMISSIONS);
    return file;
  }

  private static final int MFD_CLOEXEC = 1;
  private static final int PERMISSIONS = 07777;

  private static String withoutSuffix(final String link) {
    return link.endsWith(DELETED) ? link.substring(0, link.length() - DELETED.length()) : link;
  }

  private void fill(final ObjectImage object, final int number, final String name) {
    for (final Extent extent :
        pages.extents(PageSpace.ofObject(object.getId()), 0, PageSpace.END)) {
      final String at = name + "bytes from 0x" + Long.toHexString(extent.start());
      program.call(at + ", seek", SystemCall.LSEEK, number, extent.start(), 0);
      // Its last page may reach beyond its end.
      final long bytes = Math.min(extent.length(), object.getSize() - extent.start());
      for (long done = 0; done < bytes; done += TRANSFER_MAX) {
        final long length = Math.min(TRANSFER_MAX, bytes - done);
        final byte[] offset = new byte[Long.BYTES];
        new UnsafeBuffer(offset).putLong(0, extent.offset() + done, LITTLE_ENDIAN);
        program.callExpecting(
            length,
            at + " + 0x" + Long.toHexString(done),
            SystemCall.SENDFILE,
            number,
            regions.applyAsInt(extent.file()),
            program.data(offset),
            length);
      }
    }
    // Reading and writing begin at the start, as in a file that was just opened.
    program.call(name + "rewind", SystemCall.LSEEK, number, 0, 0);
  }

  /**
   * Unmap everything but the executor's area.
   *
   * @param areaStart where that begins.
   * @param areaEnd where it ends.
   */
  public void unmapLauncher(final long areaStart, final long areaEnd) {
    program.resource(RESOURCE);
    program.call("unmap the launcher below", SystemCall.MUNMAP, 0, areaStart);
    program.call("unmap the launcher above", SystemCall.MUNMAP, areaEnd, TASK_SIZE - areaEnd);
  }

  /** Map everything, and close the files that were opened for it. */
  public void map() {
    program.resource(RESOURCE);
    if (memory.getVdsoLength() > 0) {
      // The address is a hint that the kernel follows where nothing is mapped, as now.
      program.call("map the vdso", SystemCall.ARCH_PRCTL, ARCH_MAP_VDSO_64, memory.getVdsoStart());
    }
    for (final MemoryPlan.Entry entry : plan.entries()) {
      map(entry);
    }
    setLayout();
    files.forEach(
        (key, file) -> program.call("close " + key.path + " " + key.flags, SystemCall.CLOSE, file));
  }

  private void map(final MemoryPlan.Entry entry) {
    final VmaImage vma = entry.vma();
    final String name = describe(vma);
    if (entry.strategy() == MemoryStrategy.MAP) {
      mapCarrier(entry, name);
    } else {
      copy(entry, name, vma.getStart());
    }
    ADVICE.forEach(
        (flag, advice) -> {
          if (entry.has(flag)) {
            program.call(
                "advice " + flag + " for " + name,
                SystemCall.MADVISE,
                vma.getStart(),
                vma.getEnd() - vma.getStart(),
                advice);
          }
        });
    for (final PageRuns.Run guard : PageRuns.decode(vma.getStart(), vma.getGuardsList()).list()) {
      program.call(
          "guard pages at " + Long.toHexString(guard.start()),
          SystemCall.MADVISE,
          guard.start(),
          guard.length(),
          MADV_GUARD_INSTALL);
    }
    if (entry.has(VmFlag.LOCKED)) {
      // Pages of a range without access cannot be brought in: ENOMEM, though the range is locked.
      final boolean isAccessible = vma.getProtection() != MappedMemory.PROT_NONE;
      final Object[] lock = {
        vma.getStart(),
        vma.getEnd() - vma.getStart(),
        entry.has(VmFlag.LOCK_ON_FAULT) ? MLOCK_ONFAULT : 0
      };
      if (isAccessible) {
        program.call("lock " + name, SystemCall.MLOCK2, lock);
      } else {
        program.callAny("lock " + name, SystemCall.MLOCK2, lock);
      }
    }
  }

  private void mapCarrier(final MemoryPlan.Entry entry, final String name) {
    final VmaImage vma = entry.vma();
    final MemoryPlan.Carrier carrier = entry.carrier().orElseThrow();
    mmap(
        "map " + name,
        vma.getStart(),
        vma.getEnd(),
        vma.getProtection(),
        MappedMemory.MAP_PRIVATE | noReserve(entry),
        regions.applyAsInt(carrier.file()),
        carrier.offset());
  }

  /**
   * Give what maps a file the pages that lie elsewhere, before anything touches it. They are put in
   * place by the userfaultfd: if they were written, the file would be given a page first for each
   * that it has none for.
   *
   * @param guard the number of the userfaultfd.
   * @param buffer an address with room for {@link #BUFFER} bytes.
   */
  public void complete(final int guard, final long buffer) {
    program.resource(RESOURCE);
    final UserfaultSteps userfaults = new UserfaultSteps(program, Value.of(guard));
    boolean hasBuffer = false;
    for (final MemoryPlan.Entry entry : plan.entries()) {
      final List<Extent> besides = entry.besides();
      if (entry.strategy() != MemoryStrategy.MAP || entry.isComplete()) {
        continue;
      }
      if (!hasBuffer && !besides.isEmpty()) {
        mmap(
            "buffer",
            buffer,
            buffer + BUFFER,
            MappedMemory.PROT_READ | MappedMemory.PROT_WRITE,
            MappedMemory.MAP_PRIVATE | MappedMemory.MAP_ANONYMOUS,
            -1,
            0);
        hasBuffer = true;
      }
      final VmaImage vma = entry.vma();
      final PageRuns.Run all = new PageRuns.Run(vma.getStart(), vma.getEnd() - vma.getStart());
      userfaults.register("fill " + describe(vma), all);
      besides.forEach(extent -> place(extent, userfaults, buffer));
      entry.carrier().orElseThrow().zeros().list().forEach(userfaults::zero);
      // Nobody would serve a fault yet.
      userfaults.unregister("filled " + describe(vma), all);
    }
    if (hasBuffer) {
      program.call("unmap buffer", SystemCall.MUNMAP, buffer, BUFFER);
    }
  }

  private void place(final Extent extent, final UserfaultSteps userfaults, final long buffer) {
    for (long at = extent.start(); at < extent.end(); at += BUFFER) {
      final PageRuns.Run run = new PageRuns.Run(at, Math.min(BUFFER, extent.end() - at));
      program.callExpecting(
          run.length(),
          "read " + Long.toHexString(at),
          SystemCall.PREAD64,
          regions.applyAsInt(extent.file()),
          buffer,
          run.length(),
          at - extent.distance());
      userfaults.copy(run, buffer);
    }
  }

  private static String describe(final VmaImage vma) {
    return Long.toHexString(vma.getStart())
        + "-"
        + Long.toHexString(vma.getEnd())
        + (vma.getName().isEmpty() ? "" : " " + vma.getName());
  }

  /** Reads stored pages from a given address on into what is mapped there. */
  private void fill(final List<Extent> extents, final String name, final long from) {
    for (final Extent whole : extents) {
      if (whole.end() <= from) {
        continue;
      }
      final Extent extent = whole.within(from, whole.end());
      for (long at = extent.start(); at < extent.end(); at += TRANSFER_MAX) {
        final long length = Math.min(TRANSFER_MAX, extent.end() - at);
        program.callExpecting(
            length,
            "fill " + Long.toHexString(at) + " of " + name,
            SystemCall.PREAD64,
            regions.applyAsInt(extent.file()),
            at,
            length,
            at - extent.distance());
      }
    }
  }

  private static int noReserve(final MemoryPlan.Entry entry) {
    return entry.has(VmFlag.NO_RESERVE) ? MappedMemory.MAP_NORESERVE : 0;
  }

  private void mmap(
      final String name,
      final long start,
      final long end,
      final int protection,
      final int flags,
      final Object file,
      final long offset) {
    program.callExpecting(
        start,
        name,
        SystemCall.MMAP,
        start,
        end - start,
        protection,
        flags | MAP_FIXED_NOREPLACE,
        file,
        offset);
  }

  /** Maps what lies under the stored pages from a given address on, and reads those into it. */
  private void copy(final MemoryPlan.Entry entry, final String name, final long from) {
    final VmaImage vma = entry.vma();
    final PageRuns runs = entry.runs().within(from, vma.getEnd());
    final boolean opensForCopy = !runs.isEmpty() && !MemoryPlan.isWritable(vma);
    final int protection =
        opensForCopy
            ? vma.getProtection() | MappedMemory.PROT_READ | MappedMemory.PROT_WRITE
            : vma.getProtection();
    final long offset = vma.getOffset() + (from - vma.getStart());
    final int sharing = vma.getShared() ? MappedMemory.MAP_SHARED : MappedMemory.MAP_PRIVATE;
    switch (vma.getBacking()) {
      case FILE ->
          mmap(
              "map " + name,
              from,
              vma.getEnd(),
              protection,
              sharing | noReserve(entry),
              files.get(new OpenKey(vma.getFile().getPath(), openFlags(vma))),
              offset);
      case OBJECT ->
          mmap(
              "map " + name,
              from,
              vma.getEnd(),
              protection,
              sharing | noReserve(entry),
              objects.applyAsInt(vma.getObject()),
              offset);
      default ->
          mmap(
              "map " + name,
              from,
              vma.getEnd(),
              protection,
              (entry.has(VmFlag.DROPPABLE) ? MAP_DROPPABLE : MappedMemory.MAP_PRIVATE)
                  | MappedMemory.MAP_ANONYMOUS
                  | noReserve(entry)
                  | (entry.has(VmFlag.GROWS_DOWN) ? MAP_GROWSDOWN : 0),
              -1,
              0);
    }
    fill(entry.extents(), name, from);
    if (opensForCopy) {
      program.call(
          "protect " + name, SystemCall.MPROTECT, from, vma.getEnd() - from, vma.getProtection());
    }
    if (vma.getBacking() == Backing.ANONYMOUS && vma.getName().startsWith(ANONYMOUS_NAME_PREFIX)) {
      final String label =
          vma.getName().substring(ANONYMOUS_NAME_PREFIX.length(), vma.getName().length() - 1);
      // Only what /proc shows: a kernel without CONFIG_ANON_VMA_NAME does without.
      program.callAny(
          "name " + name,
          SystemCall.PRCTL,
          PR_SET_VMA,
          PR_SET_VMA_ANON_NAME,
          from,
          vma.getEnd() - from,
          program.string(label));
    }
  }

  /** What brk(2), /proc/PID/cmdline, environ, auxv and exe go by. */
  private void setLayout() {
    final LayoutImage layout = memory.getLayout();
    final long[] words = {
      layout.getStartCode(),
      layout.getEndCode(),
      layout.getStartData(),
      layout.getEndData(),
      layout.getStartBrk(),
      layout.getBrk(),
      layout.getStartStack(),
      layout.getArgStart(),
      layout.getArgEnd(),
      layout.getEnvStart(),
      layout.getEnvEnd()
    };
    final byte[] auxiliary = layout.getAuxiliaryVector().toByteArray();
    final byte[] bytes = new byte[MM_MAP_LENGTH];
    final UnsafeBuffer buffer = new UnsafeBuffer(bytes);
    for (int i = 0; i < words.length; i++) {
      buffer.putLong(i * Long.BYTES, words[i], LITTLE_ENDIAN);
    }
    buffer.putInt(MM_MAP_AUXV_SIZE_OFFSET, auxiliary.length, LITTLE_ENDIAN);
    final Data map = program.data("memory: layout", bytes);
    final Data vector = program.data("memory: auxiliary vector", auxiliary);
    program.store(map.plus(MM_MAP_AUXV_OFFSET), vector, Long.BYTES);
    program.store(map.plus(MM_MAP_EXE_FD_OFFSET), executable, Integer.BYTES);
    program.call(
        "set the layout of the address space",
        SystemCall.PRCTL,
        PR_SET_MM,
        PR_SET_MM_MAP,
        map,
        MM_MAP_LENGTH,
        0);
  }

  /**
   * Make the userfaultfd of the address space, which guards what is mapped from a region.
   *
   * @param number where to leave it.
   */
  public void makeGuard(final int number) {
    program.resource(RESOURCE);
    UserfaultSteps.make(program, number);
  }

  /**
   * Put the mapped ranges under guard. From then on a task that comes upon a hole waits until the
   * keeper serves it, so this comes last of what touches the memory.
   *
   * @param guard the number where the userfaultfd was left.
   * @param area where the executor's own memory is, which nobody guards.
   */
  public void registerGuard(final int guard, final long area) {
    program.resource(RESOURCE);
    final UserfaultSteps userfaults = new UserfaultSteps(program, Value.of(guard));
    for (final PageRuns.Run range : guardedRanges(area)) {
      userfaults.register(
          "guard " + Long.toHexString(range.start()) + "-" + Long.toHexString(range.end()), range);
    }
  }

  /** Each call costs 10 us, so what has nothing but guarded memory and free space in it is one. */
  private List<PageRuns.Run> guardedRanges(final long area) {
    final List<PageRuns.Run> ranges = new ArrayList<>();
    long start = -1;
    long end = -1;
    for (final MemoryPlan.Entry entry : plan.entries()) {
      final boolean crossesArea = end <= area && entry.vma().getStart() > area;
      if (start >= 0 && (!entry.isGuarded() || crossesArea)) {
        ranges.add(new PageRuns.Run(start, end - start));
        start = -1;
      }
      if (entry.isGuarded()) {
        start = start < 0 ? entry.vma().getStart() : start;
        end = entry.vma().getEnd();
      }
    }
    if (start >= 0) {
      ranges.add(new PageRuns.Run(start, end - start));
    }
    return ranges;
  }
}
