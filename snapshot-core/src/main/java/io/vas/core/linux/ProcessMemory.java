package io.vas.core.linux;

import org.agrona.concurrent.UnsafeBuffer;

/** Reads another process's memory with process_vm_readv(2). */
public final class ProcessMemory {
  private static final int VECTOR_LENGTH = 16;

  private ProcessMemory() {}

  /**
   * Reads ranges of a process into memory of this one. It ends where the first page is that can not
   * be read, and after 2 GiB less a page at the latest.
   *
   * @param pid the process, on the host.
   * @param vectors twice {@code count} pairs of address and length, 8 bytes each: first the ranges
   *     here, then those there.
   * @param count ranges on each side, 1 to 1024.
   * @return bytes read; fewer than asked for where a page was not there.
   * @throws LinuxException EFAULT if nothing could be read, ESRCH if there is no such process.
   */
  public static long read(final int pid, final UnsafeBuffer vectors, final int count) {
    final long local = vectors.addressOffset();
    final long n =
        Syscall.call(
            Syscall.PROCESS_VM_READV,
            pid,
            local,
            count,
            local + (long) count * VECTOR_LENGTH,
            count);
    if (n < 0) {
      throw Kernel.failure("process_vm_readv", "pid", pid, "ranges", count);
    }
    return n;
  }
}
