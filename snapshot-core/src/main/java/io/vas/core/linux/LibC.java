package io.vas.core.linux;

import jnr.ffi.annotations.In;

/**
 * The native calls of vas, all of them. Addresses and sizes are longs; paths end with a NUL (see
 * {@link RawText#path(String)}). Results are checked where they are used, with {@link
 * Kernel#failure(String, Object...)}.
 *
 * <p>Variadic functions are declared with the arguments they are given here: on x86-64 integers are
 * passed in the same way.
 */
final class LibC {
  private LibC() {}

  /**
   * Public, inside a class that is not, because jnr-ffi implements it in a class loader of its own.
   */
  public interface Calls {
    int openat(int directory, @In byte[] path, int flags, int mode);

    int close(int fd);

    int fcntl(int fd, int command, long argument);

    long read(int fd, long address, long length);

    long write(int fd, long address, long length);

    long pread(int fd, long address, long length, long offset);

    long pwrite(int fd, long address, long length, long offset);

    long lseek(int fd, long offset, int whence);

    int statx(int directory, @In byte[] path, int flags, int mask, long statxBuffer);

    int fstatfs(int fd, long statfsBuffer);

    long readlinkat(int directory, @In byte[] path, long address, long length);

    int unlinkat(int directory, @In byte[] path, int flags);

    int mkdirat(int directory, @In byte[] path, int mode);

    int mknodat(int directory, @In byte[] path, int mode, long device);

    int symlinkat(@In byte[] target, int directory, @In byte[] path);

    int linkat(int fromDirectory, @In byte[] from, int directory, @In byte[] path, int flags);

    int fchownat(int directory, @In byte[] path, int uid, int gid, int flags);

    int fchmodat(int directory, @In byte[] path, int mode, int flags);

    int utimensat(int directory, @In byte[] path, long timesAddress, int flags);

    long getdents64(int fd, long address, long length);

    long listxattr(@In byte[] path, long address, long length);

    long getxattr(@In byte[] path, @In byte[] name, long address, long length);

    int setxattr(@In byte[] path, @In byte[] name, long address, long length, int flags);

    int clock_gettime(int clock, long timespecAddress);

    int ftruncate(int fd, long length);

    int fallocate(int fd, int mode, long offset, long length);

    long copy_file_range(
        int from, long fromOffsetAddress, int to, long toOffsetAddress, long length, int flags);

    int flock(int fd, int operation);

    int pipe2(long pairAddress, int flags);

    int memfd_create(@In byte[] name, int flags);

    long mmap(long address, long length, int protection, int flags, int fd, long offset);

    int munmap(long address, long length);

    int madvise(long address, long length, int advice);

    int socket(int domain, int type, int protocol);

    int socketpair(int domain, int type, int protocol, long pairAddress);

    int connect(int fd, long address, int length);

    int getsockopt(int fd, int level, int option, long value, long valueLengthAddress);

    int setsockopt(int fd, int level, int option, long value, int valueLength);

    long sendmsg(int fd, long message, int flags);

    long recvmsg(int fd, long message, int flags);

    int shutdown(int fd, int how);

    int poll(long pollFds, long count, int timeoutMillis);

    int kill(int pid, int signal);

    int getpid();

    int getuid();

    int geteuid();

    int getgid();

    int getegid();

    int getgroups(int size, long list);

    int getpwuid_r(
        int uid, long passwdAddress, long textAddress, long textLength, long resultAddress);

    long sysconf(int name);

    long getauxval(long type);

    int ioctl(int fd, long request, long argument);

    int prctl(int option, long a, long b, long c, long d);

    /** For calls without a wrapper in the C library of Debian 12 (about 95 ns instead of 5-11). */
    long syscall(long number, long a, long b, long c, long d, long e, long f);
  }
}
