package io.vas.core.memory;

import io.vas.core.image.Backing;
import io.vas.core.image.MemoryImage;
import io.vas.core.image.VmaImage;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.MappedMemory;
import io.vas.core.linux.VmFlag;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * How each VMA of a snapshot comes back. Made from the snapshot alone, from its image and from
 * where its pages lie, so that the same answer is given to who restores and to who asks.
 */
public final class MemoryPlan {
  /** A file mapping and its guard cost more than copying this much. */
  static final long FEW_BYTES = 16 * 4096L;

  private final List<Entry> entries;

  /**
   * How one VMA comes back.
   *
   * @param vma the VMA.
   * @param strategy how.
   * @param reason why, for people.
   * @param runs its stored pages, by address.
   * @param extents where they lie, by address.
   * @param carrier what is mapped.
   */
  public record Entry(
      VmaImage vma,
      MemoryStrategy strategy,
      String reason,
      PageRuns runs,
      List<Extent> extents,
      Optional<Carrier> carrier) {
    /**
     * Whether advice has been given to the VMA.
     *
     * @param flag of {@link VmFlag}.
     * @return whether it is set.
     */
    public boolean has(final String flag) {
      return flags(vma).contains(flag);
    }

    /** The extents that are not where the carrier has them. */
    List<Extent> besides() {
      return carrier
          .map(
              mapped ->
                  extents.stream()
                      .filter(
                          extent ->
                              extent.file() != mapped.file()
                                  || extent.distance() != vma.getStart() - mapped.offset())
                      .toList())
          .orElse(extents);
    }

    /** Whether what the carrier has where the VMA begins is all of it. */
    boolean isComplete() {
      return besides().isEmpty() && carrier.map(Carrier::zeros).map(PageRuns::isEmpty).orElse(true);
    }

    /** Whether it must behave as anonymous memory though it maps a file. */
    boolean isGuarded() {
      return strategy == MemoryStrategy.MAP && vma.getBacking() == Backing.ANONYMOUS;
    }
  }

  /**
   * What a VMA maps. One VMA stays one: pages that lie elsewhere are written over it, and so are
   * zeros over pages that the snapshot does not hold.
   *
   * @param file of extents.
   * @param offset where in the file the VMA begins.
   * @param zeros where the file has something that is not the snapshot's.
   */
  public record Carrier(long file, long offset, PageRuns zeros) {}

  private MemoryPlan(final List<Entry> entries) {
    this.entries = List.copyOf(entries);
  }

  /**
   * Plan an address space.
   *
   * @param memory its image.
   * @param space its space.
   * @param pages the snapshot's pages.
   * @param preferred what is done where nothing speaks against it.
   * @return the plan.
   */
  public static MemoryPlan of(
      final MemoryImage memory,
      final int space,
      final PageSource pages,
      final MemoryStrategy preferred) {
    // An instance with mapped memory may not work with guard pages (GuardFilter); this one does.
    final boolean hasGuards =
        memory.getVmasList().stream().anyMatch(vma -> vma.getGuardsCount() > 0);
    final MemoryStrategy chosen = hasGuards ? MemoryStrategy.COPY : preferred;
    final String reason = hasGuards ? "the instance uses guard pages" : "asked for";
    final List<Entry> entries = new ArrayList<>(memory.getVmasCount());
    for (final VmaImage vma : memory.getVmasList()) {
      entries.add(
          entry(vma, pages.extents(space, vma.getStart(), vma.getEnd()), pages, chosen, reason));
    }
    return new MemoryPlan(entries);
  }

  private static Entry entry(
      final VmaImage vma,
      final List<Extent> extents,
      final PageSource pages,
      final MemoryStrategy preferred,
      final String reasonToCopy) {
    final Set<String> flags = flags(vma);
    final long bytes = extents.stream().mapToLong(Extent::length).sum();
    if (flags.contains(VmFlag.WIPE_ON_FORK)) {
      return copy(vma, List.of(), "MADV_WIPEONFORK: zero in a fork");
    }
    if (flags.contains(VmFlag.DROPPABLE)) {
      return copy(vma, List.of(), "MAP_DROPPABLE: zero in a fork");
    }
    final boolean isWhole = isWhole(vma, bytes);
    if (vma.getBacking() == Backing.FILE
        && preferred == MemoryStrategy.MAP
        && !flags.contains(VmFlag.LOCKED)
        && !flags.contains(VmFlag.SEALED)
        // A file of the instance's own layer is another one in each fork.
        && !vma.getFile().getInLayer()
        && isWhole) {
      // What the loader relocated: half of a small instance's memory.
      return map(vma, extents, pages, "private file mapping, all of it written");
    }
    if (vma.getBacking() == Backing.FILE) {
      return copy(vma, extents, bytes == 0 ? "file" : "written pages of a private file mapping");
    }
    if (vma.getBacking() == Backing.OBJECT) {
      return copy(
          vma, extents, vma.getShared() ? "shared memory" : "private mapping of shared memory");
    }
    if (bytes == 0) {
      return copy(vma, extents, "nothing stored");
    }
    if (preferred == MemoryStrategy.COPY) {
      return copy(vma, extents, reasonToCopy);
    }
    if (flags.contains(VmFlag.GROWS_DOWN)) {
      return copy(vma, extents, "grows down");
    }
    if (flags.contains(VmFlag.LOCKED)) {
      return copy(vma, extents, "locked in memory");
    }
    if (flags.contains(VmFlag.SEALED)) {
      return copy(vma, extents, "sealed");
    }
    // Without holes there is nothing that would be slow to fault in.
    if (bytes <= FEW_BYTES && !isWhole) {
      return copy(vma, extents, "few pages");
    }
    return map(vma, extents, pages, "stored pages");
  }

  private static boolean isWhole(final VmaImage vma, final long bytes) {
    return bytes == vma.getEnd() - vma.getStart();
  }

  private static Entry copy(final VmaImage vma, final List<Extent> extents, final String reason) {
    return new Entry(vma, MemoryStrategy.COPY, reason, runs(extents), extents, Optional.empty());
  }

  /** From the file that has most of it in one piece. */
  private static Entry map(
      final VmaImage vma, final List<Extent> extents, final PageSource pages, final String reason) {
    final Map<Place, Long> bytes = new HashMap<>();
    extents.forEach(extent -> bytes.merge(Place.of(extent), extent.length(), Long::sum));
    final Optional<Place> most =
        bytes.entrySet().stream()
            .filter(entry -> entry.getValue() > FEW_BYTES || isWhole(vma, entry.getValue()))
            .filter(entry -> entry.getKey().holds(vma, pages))
            .max(Map.Entry.<Place, Long>comparingByValue().thenComparing(Map.Entry::getKey))
            .map(Map.Entry::getKey);
    if (most.isEmpty()) {
      return copy(vma, extents, "scattered pages");
    }
    final Place place = most.get();
    final PageRuns runs = runs(extents);
    return new Entry(
        vma,
        MemoryStrategy.MAP,
        reason,
        runs,
        extents,
        Optional.of(
            new Carrier(
                place.file,
                vma.getStart() - place.distance,
                pages.isOwn(place.file)
                    ? PageRuns.of(List.of())
                    : FileGaps.written(
                        pages.file(place.file),
                        place.distance,
                        runs.gaps(vma.getStart(), vma.getEnd())))));
  }

  /** Where a VMA would begin in a file; which of two is as good as the other does not matter. */
  private record Place(long file, long distance) implements Comparable<Place> {
    static Place of(final Extent extent) {
      return new Place(extent.file(), extent.distance());
    }

    /** Whether all of a VMA has an offset: it may have grown since the file was made. */
    boolean holds(final VmaImage vma, final PageSource pages) {
      return distance <= vma.getStart()
          && (pages.isOwn(file)
              || vma.getEnd() - distance <= FileStatus.of(pages.file(file)).size());
    }

    @Override
    public int compareTo(final Place other) {
      return Comparator.comparingLong(Place::file)
          .thenComparingLong(Place::distance)
          .compare(this, other);
    }
  }

  private static PageRuns runs(final List<Extent> extents) {
    return PageRuns.of(
        extents.stream().map(extent -> new PageRuns.Run(extent.start(), extent.length())).toList());
  }

  static Set<String> flags(final VmaImage vma) {
    return vma.getFlags().isEmpty() ? Set.of() : Set.of(vma.getFlags().split(" "));
  }

  /**
   * The plan.
   *
   * @return an entry for each VMA, by address.
   */
  public List<Entry> entries() {
    return entries;
  }

  /**
   * The files that pages come from.
   *
   * @return each once.
   */
  public Set<Long> files() {
    final Set<Long> files = new TreeSet<>();
    for (final Entry entry : entries) {
      entry.extents().forEach(extent -> files.add(extent.file()));
      entry.carrier().ifPresent(carrier -> files.add(carrier.file()));
    }
    return files;
  }

  /**
   * How scattered the pages are.
   *
   * @return how often pages of a VMA that follow one another do not lie in one file at the same
   *     distance from their addresses, so that they can not be mapped or read as one.
   */
  public long breaks() {
    long breaks = 0;
    for (final Entry entry : entries) {
      for (int i = 1; i < entry.extents().size(); i++) {
        breaks +=
            Place.of(entry.extents().get(i - 1)).equals(Place.of(entry.extents().get(i))) ? 0 : 1;
      }
    }
    return breaks;
  }

  /**
   * Whether any VMA maps a region, so that there must be a guard.
   *
   * @return whether an entry is mapped.
   */
  public boolean needsGuard() {
    return entries.stream().anyMatch(entry -> entry.strategy() == MemoryStrategy.MAP);
  }

  /**
   * The VMAs that map a region, but stand for private mappings of files.
   *
   * @return their entries, by address.
   */
  public List<Entry> mappedFiles() {
    return entries.stream()
        .filter(
            entry ->
                entry.strategy() == MemoryStrategy.MAP && entry.vma().getBacking() == Backing.FILE)
        .toList();
  }

  /**
   * Whether writing is allowed.
   *
   * @param vma a VMA.
   * @return whether it has PROT_WRITE.
   */
  static boolean isWritable(final VmaImage vma) {
    return (vma.getProtection() & MappedMemory.PROT_WRITE) != 0;
  }
}
