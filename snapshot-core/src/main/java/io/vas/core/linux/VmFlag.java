package io.vas.core.linux;

/**
 * The flags that the line VmFlags of smaps shows, as the kernel abbreviates them ({@code
 * show_smap_vma_flags} in fs/proc/task_mmu.c). A newer kernel may show others.
 */
public final class VmFlag {
  /** Present access: reading. */
  public static final String READ = "rd";

  /** Present access: writing. */
  public static final String WRITE = "wr";

  /** Present access: execution. */
  public static final String EXEC = "ex";

  /** A file is shared and was open for writing. */
  public static final String SHARED = "sh";

  /** Mprotect may add reading. */
  public static final String MAY_READ = "mr";

  /** Mprotect may add writing. */
  public static final String MAY_WRITE = "mw";

  /** Mprotect may add execution. */
  public static final String MAY_EXEC = "me";

  /** Shared, also if the file was open for reading only. */
  public static final String MAY_SHARE = "ms";

  /** Grows down when touched below: a stack. */
  public static final String GROWS_DOWN = "gd";

  /** Pages of a device, without memory management. */
  public static final String PFN_MAP = "pf";

  /** Locked in memory. */
  public static final String LOCKED = "lo";

  /** Locked when touched. */
  public static final String LOCK_ON_FAULT = "lf";

  /** Registers of a device. */
  public static final String IO = "io";

  /** MADV_SEQUENTIAL. */
  public static final String SEQUENTIAL = "sr";

  /** MADV_RANDOM. */
  public static final String RANDOM = "rr";

  /** MADV_DONTFORK. */
  public static final String DONT_FORK = "dc";

  /** Mremap can not make it larger. */
  public static final String DONT_EXPAND = "de";

  /** Counted as committed memory. */
  public static final String ACCOUNT = "ac";

  /** MAP_NORESERVE. */
  public static final String NO_RESERVE = "nr";

  /** Huge pages of the reserved pool. */
  public static final String HUGETLB = "ht";

  /** MAP_SYNC. */
  public static final String SYNC = "sf";

  /** MADV_WIPEONFORK. */
  public static final String WIPE_ON_FORK = "wf";

  /** MADV_DONTDUMP. */
  public static final String DONT_DUMP = "dd";

  /** Written since it was last asked, where the kernel tracks that. */
  public static final String SOFT_DIRTY = "sd";

  /** Pages of a device among others. */
  public static final String MIXED_MAP = "mm";

  /** MADV_HUGEPAGE. */
  public static final String HUGE_PAGE = "hg";

  /** MADV_NOHUGEPAGE. */
  public static final String NO_HUGE_PAGE = "nh";

  /** MADV_MERGEABLE. */
  public static final String MERGEABLE = "mg";

  /** Registered with userfaultfd: missing pages. */
  public static final String UFFD_MISSING = "um";

  /** Registered with userfaultfd: writing. */
  public static final String UFFD_WP = "uw";

  /** Registered with userfaultfd: minor faults. */
  public static final String UFFD_MINOR = "ui";

  /** The processor's shadow stack. */
  public static final String SHADOW_STACK = "ss";

  /** MAP_DROPPABLE (Linux 6.11). */
  public static final String DROPPABLE = "dp";

  /** Sealed by mseal (Linux 6.10). */
  public static final String SEALED = "sl";

  private VmFlag() {}
}
