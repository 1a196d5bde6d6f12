package io.vas.core.linux;

import java.util.Optional;
import org.agrona.concurrent.UnsafeBuffer;

/** Tells which file an epoll watches: kcmp(2). */
public final class EpollFile {
  /** Linux 4.13. */
  private static final int KCMP_EPOLL_TFD = 7;

  private static final int SLOT_LENGTH = 12;

  private EpollFile() {}

  /**
   * Whether the file that was added to an epoll by a number is the one that still has it.
   *
   * @param pid the process that has both, on the host.
   * @param epoll number of the epoll's descriptor there.
   * @param target number by which the file was added.
   * @return empty if the kernel can not tell, because one of them is closed, for example.
   */
  public static Optional<Boolean> isStillAt(final int pid, final int epoll, final int target) {
    final UnsafeBuffer slot = Scratch.zeroed(SLOT_LENGTH);
    slot.putInt(0, epoll);
    slot.putInt(Integer.BYTES, target);
    final long order =
        Syscall.call(Syscall.KCMP, pid, pid, KCMP_EPOLL_TFD, target, slot.addressOffset());
    return order < 0 ? Optional.empty() : Optional.of(order == 0);
  }
}
