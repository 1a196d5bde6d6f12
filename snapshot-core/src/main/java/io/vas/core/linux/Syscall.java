package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

/** Numbers, on x86-64, of the calls that the C library of Debian 12 has no function for. */
final class Syscall {
  static final long SETPRIORITY = 141;
  static final long ARCH_PRCTL = 158;
  static final long GET_MEMPOLICY = 239;
  static final long KCMP = 312;
  static final long NAME_TO_HANDLE_AT = 303;
  static final long OPEN_BY_HANDLE_AT = 304;
  static final long SETNS = 308;
  static final long PROCESS_VM_READV = 310;
  static final long USERFAULTFD = 323;
  static final long PIDFD_SEND_SIGNAL = 424;
  static final long OPEN_TREE = 428;
  static final long FSOPEN = 430;
  static final long FSCONFIG = 431;
  static final long FSMOUNT = 432;
  static final long FSPICK = 433;
  static final long PIDFD_OPEN = 434;
  static final long CLONE3 = 435;
  static final long PIDFD_GETFD = 438;
  static final long MOUNT_SETATTR = 442;

  private Syscall() {}

  static long call(final long number) {
    return LIBC.syscall(number, 0, 0, 0, 0, 0, 0);
  }

  static long call(final long number, final long a) {
    return LIBC.syscall(number, a, 0, 0, 0, 0, 0);
  }

  static long call(final long number, final long a, final long b) {
    return LIBC.syscall(number, a, b, 0, 0, 0, 0);
  }

  static long call(final long number, final long a, final long b, final long c) {
    return LIBC.syscall(number, a, b, c, 0, 0, 0);
  }

  static long call(
      final long number, final long a, final long b, final long c, final long d, final long e) {
    return LIBC.syscall(number, a, b, c, d, e, 0);
  }
}
