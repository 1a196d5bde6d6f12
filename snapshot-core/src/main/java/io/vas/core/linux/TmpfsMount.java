package io.vas.core.linux;

import io.vas.core.VasException;
import java.io.File;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * A file system in memory with a limit of its own, attached nowhere, and a read-only second mount
 * of it. Its files have no name. It lasts as long as a descriptor of it or of one of its files
 * does, in whatever process.
 *
 * <p>Why two mounts: whoever may trace or is root can open a file again for writing, through
 * /proc/PID/fd or /proc/PID/map_files, even if the descriptor at hand is read-only. Opened through
 * the read-only mount, that ends with EROFS.
 */
public final class TmpfsMount implements AutoCloseable {
  private static final long ATTRIBUTES = Mounts.MOUNT_ATTR_NOSUID | Mounts.MOUNT_ATTR_NODEV;

  private final Fd readWrite;
  private final Fd readOnly;

  private TmpfsMount(final Fd readWrite, final Fd readOnly) {
    this.readWrite = readWrite;
    this.readOnly = readOnly;
  }

  /** Whether files get huge pages (2 MiB on x86-64), whatever the host-wide setting says. */
  public enum HugePages {
    /** A huge page as soon as one byte in it is written, memory permitting. */
    ALWAYS,
    /** Only where the file's size covers the whole huge page. */
    WITHIN_SIZE,
    /** Only pages of 4 KiB. */
    NEVER
  }

  /**
   * A file without a name.
   *
   * @param readWrite to fill it; to be kept from instances.
   * @param readOnly to map it; can not be opened again for writing.
   */
  public record RegionFile(Fd readWrite, Fd readOnly) implements AutoCloseable {
    /** Close both descriptors. Only the first call does something. */
    @Override
    public void close() {
      readWrite.close();
      readOnly.close();
    }
  }

  /**
   * Make one. It is not swapped out where the kernel can promise that (Linux 6.4).
   *
   * @param sizeBytes limit of what its files hold together; more ends with ENOSPC.
   * @param hugePages how its files are backed.
   * @return the file system.
   * @throws LinuxException EPERM without CAP_SYS_ADMIN, EINVAL if a part is not supported.
   */
  public static TmpfsMount create(final long sizeBytes, final HugePages hugePages) {
    return create(sizeBytes, hugePages, Optional.empty());
  }

  /**
   * Make one whose memory comes from certain NUMA nodes, whoever touches it first.
   *
   * @param sizeBytes limit of what its files hold together; more ends with ENOSPC.
   * @param hugePages how its files are backed.
   * @param policy as {@link NumaNodes#spread} tells; empty: from where it is touched.
   * @return the file system.
   * @throws LinuxException EPERM without CAP_SYS_ADMIN, EINVAL if a part is not supported.
   */
  public static TmpfsMount create(
      final long sizeBytes, final HugePages hugePages, final Optional<String> policy) {
    final Map<String, String> options = new LinkedHashMap<>();
    options.put("size", Long.toString(sizeBytes));
    options.put("mode", "0700");
    options.put("huge", hugePages.name().toLowerCase(Locale.ROOT));
    policy.ifPresent(value -> options.put("mpol", value));
    final Fd readWrite = createWithoutSwap(options);
    try {
      return new TmpfsMount(readWrite, Mounts.clone(readWrite, Mounts.MOUNT_ATTR_RDONLY));
    } catch (final LinuxException e) {
      readWrite.close();
      throw e;
    }
  }

  private static Fd createWithoutSwap(final Map<String, String> options) {
    final Map<String, String> all = new LinkedHashMap<>(options);
    all.put("noswap", "");
    try {
      return Mounts.create("tmpfs", all, ATTRIBUTES);
    } catch (final LinuxException e) {
      if (e.errno() != Errno.EINVAL) {
        throw e;
      }
      return Mounts.create("tmpfs", options, ATTRIBUTES);
    }
  }

  /**
   * One whose descriptors were kept by another process.
   *
   * @param readWrite the first mount, belongs to the result from now on.
   * @param readOnly the second one, belongs to the result from now on.
   * @return the file system.
   */
  public static TmpfsMount of(final Fd readWrite, final Fd readOnly) {
    return new TmpfsMount(readWrite, readOnly);
  }

  /**
   * The mount through which files are made and written.
   *
   * @return a descriptor that belongs to this object.
   */
  public Fd readWriteMount() {
    return readWrite;
  }

  /**
   * The mount through which files are only read.
   *
   * @return a descriptor that belongs to this object.
   */
  public Fd readOnlyMount() {
    return readOnly;
  }

  /**
   * A new, empty file.
   *
   * @return its two descriptors, to be closed by the caller.
   * @throws LinuxException ENOSPC if there are too many files.
   */
  public RegionFile createFile() {
    // A file made with O_TMPFILE could not be found through the second mount: it needs a name, for
    // the moment between these calls. Who dies in between leaves an empty file.
    final String name = UUID.randomUUID().toString();
    final Fd writable =
        Fd.openAt(readWrite, name, OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_RDWR, 0600);
    try {
      return new RegionFile(writable, Fd.openAt(readOnly, name, OpenFlags.O_RDONLY, 0));
    } catch (final LinuxException e) {
      writable.close();
      throw e;
    } finally {
      FileIo.unlinkAt(readWrite, name);
    }
  }

  /**
   * A new, empty file with a name, which lasts until it is removed, or the file system is gone.
   *
   * @param name a file's name.
   * @return its two descriptors, to be closed by the caller.
   * @throws LinuxException EEXIST if there is one, ENOSPC if there are too many.
   */
  public RegionFile createFile(final String name) {
    final Fd writable =
        Fd.openAt(readWrite, name, OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_RDWR, 0600);
    try {
      return new RegionFile(writable, openFile(name));
    } catch (final LinuxException e) {
      writable.close();
      FileIo.unlinkAt(readWrite, name);
      throw e;
    }
  }

  /**
   * A file that has a name, to read it; it can not be opened again for writing.
   *
   * @param name of the file.
   * @return a descriptor, to be closed by the caller.
   * @throws LinuxException ENOENT if there is none.
   */
  public Fd openFile(final String name) {
    return Fd.openAt(readOnly, name, OpenFlags.O_RDONLY, 0);
  }

  /**
   * Take a file's name away. It lasts as long as it is open or mapped.
   *
   * @param name of the file; there need not be one.
   */
  public void removeFile(final String name) {
    try {
      FileIo.unlinkAt(readWrite, name);
    } catch (final LinuxException e) {
      if (e.errno() != Errno.ENOENT) {
        throw e;
      }
    }
  }

  /**
   * The files that have names.
   *
   * @return the names.
   */
  public List<String> files() {
    final String[] names = new File("/proc/self/fd/" + readWrite.value()).list();
    if (names == null) {
      throw new VasException("the files of a file system in memory can not be listed");
    }
    return List.of(names);
  }

  /**
   * Whether this kernel has huge pages for such file systems.
   *
   * @return whether {@link HugePages#ALWAYS} can be asked for.
   */
  public static boolean hasHugePages() {
    return new File("/sys/kernel/mm/transparent_hugepage/shmem_enabled").exists();
  }

  /**
   * From which NUMA nodes its memory comes.
   *
   * @return what it was made with, as the kernel tells; {@code default} for the node where it is
   *     touched first.
   */
  public String policy() {
    try (RegionFile file = createFile()) {
      FileIo.truncate(file.readWrite(), 1);
      // Nothing is touched, and so nothing is taken.
      try (MappedMemory memory = MappedMemory.mapReadOnly(file.readOnly(), 0, 1)) {
        return NumaPolicy.of(memory.address());
      }
    } catch (final LinuxException e) {
      if (e.errno() != Errno.ENOSYS) {
        throw e;
      }
      return "default";
    }
  }

  /**
   * How full it is.
   *
   * @return bytes in all and left.
   * @throws LinuxException if it can not be told.
   */
  public FileSystemStatus status() {
    return FileSystemStatus.of(readWrite);
  }

  /**
   * Change the limit.
   *
   * @param sizeBytes what its files may hold together from now on; more than 0.
   * @throws LinuxException EINVAL if they hold more already.
   */
  public void limit(final long sizeBytes) {
    Mounts.reconfigure("tmpfs", readWrite, Map.of("size", Long.toString(sizeBytes)));
  }

  /** Close both descriptors. Files that are open somewhere, and their contents, stay. */
  @Override
  public void close() {
    readOnly.close();
    readWrite.close();
  }
}
