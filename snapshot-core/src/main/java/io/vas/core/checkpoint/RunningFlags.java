package io.vas.core.checkpoint;

import io.vas.core.VasException;
import io.vas.core.linux.VmFlag;
import io.vas.core.linux.Vma;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Gives the mappings of a frozen process the flags that smaps showed while it ran. To read smaps,
 * the kernel looks at every page: tens of milliseconds per GiB. So it is read shortly before the
 * freeze and shortly after it, and maps, which costs next to nothing, in between.
 *
 * <p>A flag that was the same before and after counts as the same in between: what is missed is
 * advice (madvise, mlock) for exactly one whole mapping that was given and taken back within that
 * time.
 */
final class RunningFlags {
  /** What the kernel, or the keeper, sets and takes away. */
  private static final Set<String> NOT_COMPARED = Set.of(VmFlag.UFFD_WP, VmFlag.SOFT_DIRTY);

  private final Map<Long, Vma> before = new HashMap<>();
  private final Map<Long, Vma> after = new HashMap<>();

  /** The flags of a mapping were not the same before and after, or it was there only in between. */
  static final class UncertainException extends VasException {
    private static final long serialVersionUID = 1L;

    UncertainException(final Vma vma) {
      super("the flags of the mapping " + vma + " have changed while the snapshot was taken");
    }
  }

  /**
   * Flags.
   *
   * @param before what smaps showed before the freeze.
   * @param after what smaps showed after it; empty if the process had ended.
   */
  RunningFlags(final List<Vma> before, final List<Vma> after) {
    before.forEach(vma -> this.before.put(vma.start(), vma));
    after.forEach(vma -> this.after.put(vma.start(), vma));
  }

  /**
   * Give them.
   *
   * @param atCut the mappings of the frozen process.
   * @return the same, with flags.
   * @throws UncertainException if they can't be told.
   */
  List<Vma> addTo(final List<Vma> atCut) {
    return atCut.stream().map(this::withFlags).toList();
  }

  private Vma withFlags(final Vma vma) {
    final Optional<Set<String>> then = flags(before, vma);
    final Optional<Set<String>> now = flags(after, vma);
    if (then.isEmpty() && now.isEmpty()) {
      throw new UncertainException(vma);
    }
    if (then.isPresent() && now.isPresent() && !compared(then.get()).equals(compared(now.get()))) {
      throw new UncertainException(vma);
    }
    return new Vma(
        vma.start(),
        vma.end(),
        vma.protection(),
        vma.shared(),
        vma.offset(),
        vma.device(),
        vma.inode(),
        vma.name(),
        now.or(() -> then).get(),
        Map.of());
  }

  private static Optional<Set<String>> flags(final Map<Long, Vma> vmas, final Vma vma) {
    return Optional.ofNullable(vmas.get(vma.start()))
        .filter(
            other ->
                other.end() == vma.end()
                    && other.protection() == vma.protection()
                    && other.shared() == vma.shared()
                    && other.offset() == vma.offset()
                    && other.device().equals(vma.device())
                    && other.inode() == vma.inode()
                    && other.name().equals(vma.name()))
        .map(Vma::flags);
  }

  private static Set<String> compared(final Set<String> flags) {
    final Set<String> compared = new HashSet<>(flags);
    compared.removeAll(NOT_COMPARED);
    return compared;
  }
}
