package io.vas.core.memory;

import io.vas.core.image.Backing;
import io.vas.core.image.MemoryImage;
import io.vas.core.image.StoredPages;
import io.vas.core.image.VmaImage;
import io.vas.core.linux.MappedMemory;
import io.vas.core.linux.VmFlag;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * How each VMA of a snapshot comes back. Made from the image alone, so that the same answer is
 * given to who restores and to who asks.
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
   */
  public record Entry(VmaImage vma, MemoryStrategy strategy, String reason, PageRuns runs) {
    /**
     * Whether advice has been given to the VMA.
     *
     * @param flag of {@link VmFlag}.
     * @return whether it is set.
     */
    public boolean has(final String flag) {
      return flags(vma).contains(flag);
    }

    /** Whether it must behave as anonymous memory though it maps a file. */
    boolean isGuarded() {
      return strategy == MemoryStrategy.MAP && vma.getBacking() == Backing.ANONYMOUS;
    }
  }

  private MemoryPlan(final List<Entry> entries) {
    this.entries = List.copyOf(entries);
  }

  /**
   * Plan an address space.
   *
   * @param memory its image.
   * @param preferred what is done where nothing speaks against it.
   * @return the plan.
   */
  public static MemoryPlan of(final MemoryImage memory, final MemoryStrategy preferred) {
    // An instance with mapped memory may not work with guard pages (GuardFilter); this one does.
    final boolean hasGuards =
        memory.getVmasList().stream().anyMatch(vma -> vma.getGuardsCount() > 0);
    final MemoryStrategy chosen = hasGuards ? MemoryStrategy.COPY : preferred;
    final String reason = hasGuards ? "the instance uses guard pages" : "asked for";
    final List<Entry> entries = new ArrayList<>(memory.getVmasCount());
    for (final VmaImage vma : memory.getVmasList()) {
      entries.add(entry(vma, chosen, reason));
    }
    return new MemoryPlan(entries);
  }

  private static Entry entry(
      final VmaImage vma, final MemoryStrategy preferred, final String reasonToCopy) {
    final Set<String> flags = flags(vma);
    final PageRuns runs = runs(vma);
    if (flags.contains(VmFlag.WIPE_ON_FORK)) {
      return copy(vma, PageRuns.of(List.of()), "MADV_WIPEONFORK: zero in a fork");
    }
    if (flags.contains(VmFlag.DROPPABLE)) {
      return copy(vma, PageRuns.of(List.of()), "MAP_DROPPABLE: zero in a fork");
    }
    final boolean isWhole = runs.bytes() == vma.getEnd() - vma.getStart();
    if (vma.getBacking() == Backing.FILE
        && preferred == MemoryStrategy.MAP
        && !flags.contains(VmFlag.LOCKED)
        && !flags.contains(VmFlag.SEALED)
        // A file of the instance's own layer is another one in each fork.
        && !vma.getFile().getInLayer()
        && isWhole) {
      // What the loader relocated: half of a small instance's memory.
      return new Entry(vma, MemoryStrategy.MAP, "private file mapping, all of it written", runs);
    }
    if (vma.getBacking() == Backing.FILE) {
      return copy(vma, runs, runs.isEmpty() ? "file" : "written pages of a private file mapping");
    }
    if (vma.getBacking() == Backing.OBJECT) {
      return copy(
          vma, runs, vma.getShared() ? "shared memory" : "private mapping of shared memory");
    }
    if (runs.isEmpty()) {
      return copy(vma, runs, "nothing stored");
    }
    if (preferred == MemoryStrategy.COPY) {
      return copy(vma, runs, reasonToCopy);
    }
    if (flags.contains(VmFlag.GROWS_DOWN)) {
      return copy(vma, runs, "grows down");
    }
    if (flags.contains(VmFlag.LOCKED)) {
      return copy(vma, runs, "locked in memory");
    }
    if (flags.contains(VmFlag.SEALED)) {
      return copy(vma, runs, "sealed");
    }
    // Without holes there is nothing that would be slow to fault in.
    if (runs.bytes() <= FEW_BYTES && !isWhole) {
      return copy(vma, runs, "few pages");
    }
    return new Entry(vma, MemoryStrategy.MAP, "stored pages", runs);
  }

  private static Entry copy(final VmaImage vma, final PageRuns runs, final String reason) {
    return new Entry(vma, MemoryStrategy.COPY, reason, runs);
  }

  static Set<String> flags(final VmaImage vma) {
    return vma.getFlags().isEmpty() ? Set.of() : Set.of(vma.getFlags().split(" "));
  }

  private static PageRuns runs(final VmaImage vma) {
    final StoredPages pages = vma.getPages();
    return PageRuns.decode(vma.getStart(), pages.getRunsList());
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
