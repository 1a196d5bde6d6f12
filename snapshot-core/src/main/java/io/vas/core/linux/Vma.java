package io.vas.core.linux;

import java.util.Map;
import java.util.Set;

/**
 * One mapping of a process, as a line of /proc/PID/maps or an entry of /proc/PID/smaps tells it.
 *
 * @param start address of the first byte.
 * @param end address after the last byte.
 * @param protection of the {@code PROT_} constants of {@link MappedMemory}.
 * @param shared false if it is private, so that writes stay the process's own.
 * @param offset of the first byte in the file.
 * @param device file system of the file, 0:0 if there is none.
 * @param inode of the file, 0 if there is none.
 * @param name path of the file, with " (deleted)" after it if it has no name any more; or a name in
 *     brackets such as {@code [heap]}; or empty.
 * @param flags those of {@link VmFlag}, and whatever else the kernel showed; empty from maps.
 * @param sizes what smaps tells about its pages if asked for, by the names there, in bytes where a
 *     unit is given ({@code Rss}, {@code Anonymous}, {@code Locked}); else empty.
 */
public record Vma(
    long start,
    long end,
    int protection,
    boolean shared,
    long offset,
    DeviceNumber device,
    long inode,
    String name,
    Set<String> flags,
    Map<String, Long> sizes) {
  /**
   * How large it is.
   *
   * @return bytes, a multiple of the page size.
   */
  public long length() {
    return end - start;
  }

  /**
   * Whether an address is inside.
   *
   * @param address any address.
   * @return true from the start to before the end.
   */
  public boolean contains(final long address) {
    return Long.compareUnsigned(address, start) >= 0 && Long.compareUnsigned(address, end) < 0;
  }

  /**
   * Whether a file is behind it. Shared anonymous memory has one too ({@code /dev/zero (deleted)}).
   *
   * @return false for private anonymous memory and what the kernel itself maps.
   */
  public boolean hasFile() {
    return inode != 0;
  }

  /**
   * Whether a flag is set.
   *
   * @param flag of {@link VmFlag}.
   * @return false also if it is not known, because it comes from maps.
   */
  public boolean has(final String flag) {
    return flags.contains(flag);
  }

  /**
   * A size that smaps tells.
   *
   * @param key for example {@code Anonymous}.
   * @return bytes; 0 if it was not told.
   */
  public long size(final String key) {
    return sizes.getOrDefault(key, 0L);
  }

  @Override
  public String toString() {
    return Long.toHexString(start)
        + "-"
        + Long.toHexString(end)
        + " "
        + ((protection & MappedMemory.PROT_READ) != 0 ? 'r' : '-')
        + ((protection & MappedMemory.PROT_WRITE) != 0 ? 'w' : '-')
        + ((protection & MappedMemory.PROT_EXEC) != 0 ? 'x' : '-')
        + (shared ? 's' : 'p')
        + (name.isEmpty() ? "" : " " + name);
  }
}
