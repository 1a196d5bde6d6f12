package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import org.agrona.concurrent.UnsafeBuffer;

/** A userfaultfd of this process's own address space. */
final class Userfaultfd implements AutoCloseable {
  static final long FEATURE_EVENT_FORK = 1 << 1;
  static final long FEATURE_EVENT_REMAP = 1 << 2;
  static final long FEATURE_EVENT_REMOVE = 1 << 3;
  static final long FEATURE_MISSING_SHMEM = 1 << 5;
  static final long FEATURE_EVENT_UNMAP = 1 << 6;
  static final long FEATURE_WP_HUGETLBFS_SHMEM = 1 << 12;
  static final long FEATURE_WP_UNPOPULATED = 1 << 13; // Linux 6.4
  static final long FEATURE_WP_ASYNC = 1 << 15; // Linux 6.7

  private static final long UFFD_API = 0xAA;
  private static final long UFFDIO_API = 0xC018AA3FL;
  private static final int UFFDIO_API_LENGTH = 24;
  private static final long UFFDIO_REGISTER = 0xC020AA00L;
  private static final int UFFDIO_REGISTER_LENGTH = 32;
  private static final int REGISTER_MODE_OFFSET = 16;
  private static final long UFFDIO_REGISTER_MODE_WP = 2;

  private final Fd fd;
  private final long features;

  private Userfaultfd(final Fd fd, final long features) {
    this.fd = fd;
    this.features = features;
  }

  /**
   * A new one.
   *
   * @param wanted FEATURE constants.
   * @return it, with these features at least.
   * @throws LinuxException if the kernel has none, or does not have them all.
   */
  static Userfaultfd open(final long wanted) {
    final long value =
        Syscall.call(Syscall.USERFAULTFD, OpenFlags.O_CLOEXEC | OpenFlags.O_NONBLOCK);
    if (value < 0) {
      throw Kernel.failure("userfaultfd", "flags", "O_CLOEXEC|O_NONBLOCK");
    }
    final Fd fd = Fd.owning((int) value);
    final UnsafeBuffer api = Scratch.zeroed(UFFDIO_API_LENGTH);
    api.putLong(0, UFFD_API);
    api.putLong(Long.BYTES, wanted);
    if (LIBC.ioctl(fd.value(), UFFDIO_API, api.addressOffset()) < 0) {
      final LinuxException failure =
          Kernel.failure("ioctl", "fd", fd.value(), "request", "UFFDIO_API");
      fd.close();
      throw failure;
    }
    return new Userfaultfd(fd, api.getLong(Long.BYTES));
  }

  /**
   * What the kernel can do.
   *
   * @return FEATURE constants and others.
   */
  long features() {
    return features;
  }

  /**
   * Let writes to some memory be protected, and with {@link #FEATURE_WP_ASYNC} tracked.
   *
   * @param memory all of it.
   * @throws LinuxException if it can't be.
   */
  void registerForWrites(final MappedMemory memory) {
    final UnsafeBuffer register = Scratch.zeroed(UFFDIO_REGISTER_LENGTH);
    register.putLong(0, memory.address());
    register.putLong(Long.BYTES, memory.length());
    register.putLong(REGISTER_MODE_OFFSET, UFFDIO_REGISTER_MODE_WP);
    if (LIBC.ioctl(fd.value(), UFFDIO_REGISTER, register.addressOffset()) < 0) {
      throw Kernel.failure("ioctl", "fd", fd.value(), "request", "UFFDIO_REGISTER");
    }
  }

  @Override
  public void close() {
    fd.close();
  }
}
