package io.vas.core.linux;

/** How much processor time a thread gets when there is not enough for all. */
public final class ThreadPriority {
  private static final int PRIO_PROCESS = 0;
  private static final int LOWEST_NICENESS = 19;

  private ThreadPriority() {}

  /**
   * Let the calling thread, for the kernel's niceness is a thread's, have least. It can not be
   * raised again without privilege.
   *
   * @throws LinuxException if the kernel refuses.
   */
  public static void lower() {
    if (Syscall.call(Syscall.SETPRIORITY, PRIO_PROCESS, 0, LOWEST_NICENESS) < 0) {
      throw Kernel.failure("setpriority", "niceness", LOWEST_NICENESS);
    }
  }
}
