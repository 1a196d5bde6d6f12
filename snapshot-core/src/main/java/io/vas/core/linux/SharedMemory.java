package io.vas.core.linux;

import org.agrona.concurrent.UnsafeBuffer;

/**
 * A file in memory and a mapping of all of it, to be shared with another process by its descriptor.
 */
public final class SharedMemory implements AutoCloseable {
  private final Fd fd;
  private final MappedMemory memory;

  private SharedMemory(final Fd fd, final MappedMemory memory) {
    this.fd = fd;
    this.memory = memory;
  }

  /**
   * New shared memory of zeros.
   *
   * @param name shown in /proc.
   * @param size bytes, more than 0.
   * @return the memory.
   * @throws LinuxException if it can not be made.
   */
  public static SharedMemory create(final String name, final long size) {
    return of(MemFd.create(name, size, 0), size);
  }

  /**
   * Shared memory that another process made.
   *
   * @param fd its file, which belongs to the result from now on, and is closed on failure.
   * @return the memory.
   * @throws LinuxException if it can not be mapped.
   */
  public static SharedMemory of(final Fd fd) {
    return of(fd, FileStatus.of(fd).size());
  }

  private static SharedMemory of(final Fd fd, final long size) {
    try {
      return new SharedMemory(fd, MappedMemory.mapShared(fd, 0, size));
    } catch (final LinuxException e) {
      fd.close();
      throw e;
    }
  }

  /**
   * The file.
   *
   * @return a descriptor that belongs to this object.
   */
  public Fd fd() {
    return fd;
  }

  /**
   * The mapping.
   *
   * @return a mapping that belongs to this object.
   */
  public MappedMemory memory() {
    return memory;
  }

  /**
   * A view of all of it.
   *
   * @return a new view.
   */
  public UnsafeBuffer buffer() {
    return memory.buffer();
  }

  /** Unmap it and close its file. Only the first call does something. */
  @Override
  public void close() {
    memory.close();
    fd.close();
  }
}
