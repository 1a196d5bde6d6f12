package io.vas.core.restore;

import io.vas.core.image.Backing;
import io.vas.core.image.LayoutImage;
import io.vas.core.image.MappedFile;
import io.vas.core.image.MemoryImage;
import io.vas.core.image.VmaImage;
import io.vas.core.keeper.MendRequest;
import io.vas.core.keeper.MendRequest.Kind;
import io.vas.core.keeper.MendRequest.Run;
import io.vas.core.linux.MappedMemory;
import io.vas.core.linux.OpenFlags;
import io.vas.core.linux.VmFlag;
import io.vas.core.memory.Extent;
import io.vas.core.memory.PageRuns;
import io.vas.core.memory.Vmas;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * How the mappings of an instance differ from those of a snapshot, and what all pages of private
 * ones are to be.
 */
final class MemoryDifference {
  private static final String RESOURCE = "memory";
  private static final long PAGE = 4096;
  private static final int MAP_FIXED = 0x10;

  /** What a mapping keeps of advice and locks. */
  private static final Set<String> LASTING =
      Set.of(
          VmFlag.GROWS_DOWN,
          VmFlag.LOCKED,
          VmFlag.LOCK_ON_FAULT,
          VmFlag.SEQUENTIAL,
          VmFlag.RANDOM,
          VmFlag.DONT_FORK,
          VmFlag.WIPE_ON_FORK,
          VmFlag.DONT_DUMP,
          VmFlag.HUGE_PAGE,
          VmFlag.NO_HUGE_PAGE,
          VmFlag.MERGEABLE,
          VmFlag.DROPPABLE,
          VmFlag.SEALED);

  private final ProgramBuilder program;
  private final MemoryImage target;
  private final MemoryImage current;
  private final PageSpaceFiles files;
  private final boolean opensFiles;

  /** What a mapping is at an address. Two that are equal behave the same. */
  private record Mapping(
      int protection,
      boolean shared,
      Backing backing,
      MappedFile file,
      long distance,
      Set<String> flags) {
    static Mapping of(final VmaImage vma) {
      final boolean hasFile = vma.getBacking() == Backing.FILE;
      return new Mapping(
          vma.getProtection(),
          vma.getShared(),
          vma.getBacking(),
          hasFile && vma.getFile().getInLayer()
              ? MappedFile.newBuilder().setPath(vma.getFile().getPath()).build()
              : vma.getFile().toBuilder().clearBuildId().build(),
          hasFile ? vma.getOffset() - vma.getStart() : 0,
          Arrays.stream(vma.getFlags().split(" ", -1))
              .filter(LASTING::contains)
              .collect(Collectors.toSet()));
    }

    boolean isPlain() {
      return !shared && flags.isEmpty() && backing != Backing.OBJECT;
    }

    Mapping with(final int other) {
      return new Mapping(other, shared, backing, file, distance, flags);
    }
  }

  MemoryDifference(
      final ProgramBuilder program,
      final MemoryImage target,
      final MemoryImage current,
      final PageSpaceFiles files,
      final boolean opensFiles) {
    this.opensFiles = opensFiles;
    this.program = program;
    this.target = target;
    this.current = current;
    this.files = files;
  }

  /**
   * Emit the steps that mend mappings. Their pages come afterwards.
   *
   * @throws NotInPlaceException if there is more than can be mended.
   */
  void mend() {
    if (target.getVdsoStart() != current.getVdsoStart()
        || target.getVdsoLength() != current.getVdsoLength()
        || !fixed(target.getLayout()).equals(fixed(current.getLayout()))) {
      throw new NotInPlaceException("it executes another program");
    }
    program.resource(RESOURCE);
    final List<VmaImage> now = mendBreak();
    final TreeSet<Long> borders = new TreeSet<>();
    for (final List<VmaImage> vmas : List.of(target.getVmasList(), now)) {
      for (final VmaImage vma : vmas) {
        borders.add(vma.getStart());
        borders.add(vma.getEnd());
      }
    }
    final List<Runnable> later = new ArrayList<>();
    long start = -1;
    for (final long end : borders) {
      if (start >= 0) {
        mend(start, end, Vmas.at(target.getVmasList(), start), Vmas.at(now, start), later);
      }
      start = end;
    }
    // What is to be there comes when what is not to be there has gone.
    later.forEach(Runnable::run);
  }

  private static LayoutImage fixed(final LayoutImage layout) {
    return layout.toBuilder()
        .clearBrk()
        .setExecutable(layout.getExecutable().toBuilder().clearBuildId())
        .build();
  }

  /** The heap's end. Returns the mappings as they are then. */
  private List<VmaImage> mendBreak() {
    final long wanted = target.getLayout().getBrk();
    final long there = current.getLayout().getBrk();
    if (wanted == there) {
      return current.getVmasList();
    }
    program.callExpecting(wanted, "end of the heap", SystemCall.BRK, wanted);
    final long from = (Math.min(wanted, there) + PAGE - 1) & -PAGE;
    final long to = (Math.max(wanted, there) + PAGE - 1) & -PAGE;
    final List<VmaImage> vmas = new ArrayList<>();
    for (final VmaImage vma : current.getVmasList()) {
      if (vma.getEnd() <= from || vma.getStart() >= to) {
        vmas.add(vma);
        continue;
      }
      if (vma.getStart() < from) {
        vmas.add(vma.toBuilder().setEnd(from).build());
      }
      if (vma.getEnd() > to) {
        throw new NotInPlaceException("the heap's end lies within a mapping");
      }
    }
    if (wanted > there && from < to) {
      vmas.add(
          VmaImage.newBuilder()
              .setStart(from)
              .setEnd(to)
              .setProtection(MappedMemory.PROT_READ | MappedMemory.PROT_WRITE)
              .build());
      vmas.sort((a, b) -> Long.compareUnsigned(a.getStart(), b.getStart()));
    }
    return vmas;
  }

  private void mend(
      final long start,
      final long end,
      final VmaImage before,
      final VmaImage now,
      final List<Runnable> later) {
    if (before == null && now == null) {
      return;
    }
    final String name = Long.toHexString(start) + "-" + Long.toHexString(end);
    if (before == null) {
      if (Mapping.of(now).flags().contains(VmFlag.SEALED)) {
        throw new NotInPlaceException("mapping " + name + " is sealed");
      }
      program.call("unmap " + name, SystemCall.MUNMAP, start, end - start);
      return;
    }
    final Mapping wanted = Mapping.of(before);
    final Mapping there = now == null ? null : Mapping.of(now);
    if (wanted.equals(there)) {
      return;
    }
    if (there != null && wanted.equals(there.with(wanted.protection()))) {
      later.add(
          () ->
              program.call(
                  "protect " + name,
                  SystemCall.MPROTECT,
                  start,
                  end - start,
                  before.getProtection()));
      return;
    }
    if (!wanted.isPlain() || (there != null && there.flags().contains(VmFlag.SEALED))) {
      throw new NotInPlaceException("mapping " + name + " has gone, and is not plain memory");
    }
    later.add(() -> map(start, end, before, wanted, name));
  }

  private void map(
      final long start,
      final long end,
      final VmaImage vma,
      final Mapping wanted,
      final String name) {
    final boolean hasFile = vma.getBacking() == Backing.FILE;
    Object file = -1;
    if (hasFile && !opensFiles) {
      throw new NotInPlaceException(
          "mapping " + name + " has gone, and chroot or record locks forbid to open its file");
    }
    if (hasFile) {
      file =
          program.call(
              "open " + vma.getFile().getPath() + " for " + name,
              SystemCall.OPENAT,
              OpenFlags.AT_FDCWD,
              program.string(vma.getFile().getPath()),
              OpenFlags.O_RDONLY | OpenFlags.O_CLOEXEC);
    }
    program.callExpecting(
        start,
        "map " + name,
        SystemCall.MMAP,
        start,
        end - start,
        vma.getProtection(),
        MappedMemory.MAP_PRIVATE
            | MAP_FIXED
            | (hasFile ? 0 : MappedMemory.MAP_ANONYMOUS)
            | (vma.getFlags().contains(VmFlag.NO_RESERVE) ? MappedMemory.MAP_NORESERVE : 0),
        file,
        hasFile ? wanted.distance() + start : 0);
    if (file instanceof Result opened) {
      program.call("close what was mapped at " + name, SystemCall.CLOSE, opened);
    }
  }

  /**
   * What every page of every private mapping is to be.
   *
   * @return runs by address; their files are numbered as {@link PageSpaceFiles} does.
   */
  List<Run> runs() {
    final List<Run> runs = new ArrayList<>();
    for (final VmaImage vma : target.getVmasList()) {
      if (vma.getShared()) {
        continue;
      }
      final List<Run> own = new ArrayList<>();
      final List<Extent> extents = files.extents(vma.getStart(), vma.getEnd());
      final Optional<Extent> around = files.own(extents);
      for (final Extent extent : extents) {
        own.add(
            new Run(
                extent.start(),
                extent.length(),
                Kind.STORED,
                files.number(extent),
                extent.offset()));
      }
      for (final PageRuns.Run run : PageRuns.decode(vma.getStart(), vma.getGuardsList()).list()) {
        own.add(new Run(run.start(), run.length(), Kind.GUARD, MendRequest.NO_FILE, 0));
      }
      own.sort((a, b) -> Long.compareUnsigned(a.start(), b.start()));
      final Kind rest = vma.getBacking() == Backing.ANONYMOUS ? Kind.ZERO : Kind.MAPPED;
      long at = vma.getStart();
      for (final Run run : own) {
        if (run.start() > at) {
          runs.add(rest(at, run.start(), rest, around));
        }
        runs.add(run);
        at = run.start() + run.bytes();
      }
      if (at < vma.getEnd()) {
        runs.add(rest(at, vma.getEnd(), rest, around));
      }
    }
    return runs;
  }

  /** The file of the VMA's other pages has zeros there, too. */
  private Run rest(
      final long start, final long end, final Kind kind, final Optional<Extent> around) {
    return around
        .filter(extent -> kind == Kind.ZERO && start >= extent.distance())
        .map(
            extent ->
                new Run(start, end - start, kind, files.number(extent), start - extent.distance()))
        .orElseGet(() -> new Run(start, end - start, kind, MendRequest.NO_FILE, 0));
  }
}
