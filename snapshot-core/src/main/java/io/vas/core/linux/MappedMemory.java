package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import java.util.concurrent.atomic.AtomicBoolean;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * A mapping in this process's address space. Views of it must not be used after {@link #close()}:
 * the access would end the Java process.
 */
public final class MappedMemory implements AutoCloseable {
  /** No access. */
  public static final int PROT_NONE = 0;

  /** Reading. */
  public static final int PROT_READ = 1;

  /** Writing. */
  public static final int PROT_WRITE = 2;

  /** Execution. */
  public static final int PROT_EXEC = 4;

  /** Writes reach the file and whoever else maps it. */
  public static final int MAP_SHARED = 1;

  /** Writes are this process's own. */
  public static final int MAP_PRIVATE = 2;

  /** No file behind it. */
  public static final int MAP_ANONYMOUS = 0x20;

  /** No swap space is reserved. */
  public static final int MAP_NORESERVE = 0x4000;

  /** Present at once. */
  public static final int MAP_POPULATE = 0x8000;

  /** Its pages will be needed soon. */
  public static final int MADV_WILLNEED = 3;

  /** Its pages may go; private anonymous memory is zero then. */
  public static final int MADV_DONTNEED = 4;

  /** Its pages and those of the file behind it may go. */
  public static final int MADV_REMOVE = 9;

  /** Not inherited by children. */
  public static final int MADV_DONTFORK = 10;

  /** Huge pages, please. */
  public static final int MADV_HUGEPAGE = 14;

  /** No huge pages, please. */
  public static final int MADV_NOHUGEPAGE = 15;

  /** Not in core dumps. */
  public static final int MADV_DONTDUMP = 16;

  /** Present and readable at once (Linux 5.14). */
  public static final int MADV_POPULATE_READ = 22;

  /** Present and writable at once (Linux 5.14). */
  public static final int MADV_POPULATE_WRITE = 23;

  private static final int NO_FILE = -1;

  private final long address;
  private final long length;
  private final AtomicBoolean closed = new AtomicBoolean();

  private MappedMemory(final long address, final long length) {
    this.address = address;
    this.length = length;
  }

  /**
   * Map a file.
   *
   * @param fd the file.
   * @param offset first byte in the file, a multiple of the page size.
   * @param length bytes, more than 0.
   * @param protection of the {@code PROT_} constants.
   * @param flags of the {@code MAP_} constants.
   * @return the mapping.
   * @throws LinuxException if it can not be mapped.
   */
  public static MappedMemory map(
      final Fd fd, final long offset, final long length, final int protection, final int flags) {
    return map(fd.value(), offset, length, protection, flags);
  }

  /**
   * Map a file to read and write it, shared with whoever else maps it.
   *
   * @param fd the file.
   * @param offset first byte in the file, a multiple of the page size.
   * @param length bytes, more than 0.
   * @return the mapping.
   * @throws LinuxException if it can not be mapped.
   */
  public static MappedMemory mapShared(final Fd fd, final long offset, final long length) {
    return map(fd, offset, length, PROT_READ | PROT_WRITE, MAP_SHARED);
  }

  /**
   * Map a file to read it.
   *
   * @param fd the file.
   * @param offset first byte in the file, a multiple of the page size.
   * @param length bytes, more than 0.
   * @return the mapping.
   * @throws LinuxException if it can not be mapped.
   */
  public static MappedMemory mapReadOnly(final Fd fd, final long offset, final long length) {
    return map(fd, offset, length, PROT_READ, MAP_SHARED);
  }

  /**
   * Private memory of zeros.
   *
   * @param length bytes, more than 0.
   * @return the mapping, readable and writable.
   * @throws LinuxException if there is no room.
   */
  public static MappedMemory anonymous(final long length) {
    return map(NO_FILE, 0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  }

  private static MappedMemory map(
      final int fd, final long offset, final long length, final int protection, final int flags) {
    final long address = LIBC.mmap(0, length, protection, flags, fd, offset);
    if (address == -1) {
      throw fd == NO_FILE
          ? Kernel.failure("mmap", "length", length)
          : Kernel.failure("mmap", "length", length, "fd", fd, "offset", offset);
    }
    return new MappedMemory(address, length);
  }

  /**
   * Where it is.
   *
   * @return address of the first byte.
   * @throws IllegalStateException if it is unmapped.
   */
  public long address() {
    if (closed.get()) {
      throw new IllegalStateException("the mapping of " + length + " bytes is closed");
    }
    return address;
  }

  /**
   * How large it is.
   *
   * @return bytes.
   */
  public long length() {
    return length;
  }

  /**
   * A view of the whole mapping.
   *
   * @return a new view.
   * @throws IllegalStateException if the mapping is larger than a view can be (2 GiB - 1).
   */
  public UnsafeBuffer buffer() {
    if (length > Integer.MAX_VALUE) {
      throw new IllegalStateException(
          "a view covers 2 GiB at most, the mapping has " + length + " bytes: take parts of it");
    }
    return new UnsafeBuffer(address(), (int) length);
  }

  /**
   * A view of a part.
   *
   * @param offset first byte, within the mapping.
   * @param viewLength bytes.
   * @return a new view.
   * @throws IndexOutOfBoundsException if the part reaches beyond the mapping.
   */
  public UnsafeBuffer buffer(final long offset, final int viewLength) {
    check(offset, viewLength);
    return new UnsafeBuffer(address() + offset, viewLength);
  }

  /**
   * Tell the kernel what the memory is for.
   *
   * @param offset first byte, a multiple of the page size.
   * @param adviceLength bytes.
   * @param advice of the {@code MADV_} constants.
   * @throws LinuxException if the kernel refuses.
   */
  public void advise(final long offset, final long adviceLength, final int advice) {
    check(offset, adviceLength);
    while (LIBC.madvise(address() + offset, adviceLength, advice) < 0) {
      if (!Kernel.wasInterrupted()) {
        throw Kernel.failure("madvise", "offset", offset, "length", adviceLength, "advice", advice);
      }
    }
  }

  private void check(final long offset, final long partLength) {
    if (offset < 0 || partLength < 0 || offset > length - partLength) {
      throw new IndexOutOfBoundsException(
          "offset=" + offset + " length=" + partLength + " of a mapping of " + length + " bytes");
    }
  }

  /** Unmap. Only the first call does something. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true) && LIBC.munmap(address, length) < 0) {
      throw Kernel.failure("munmap", "address", Long.toHexString(address), "length", length);
    }
  }

  @Override
  public String toString() {
    return "MappedMemory(0x" + Long.toHexString(address) + ", " + length + " bytes)";
  }
}
