package io.vas.core.memory;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.linux.OpenFlags;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import org.agrona.concurrent.UnsafeBuffer;

/** Emits the steps by which a process uses the userfaultfd of its own address space. */
final class UserfaultSteps {
  private static final long UFFDIO_API = 0xc018aa3fL;
  private static final long UFFDIO_REGISTER = 0xc020aa00L;
  private static final long UFFDIO_UNREGISTER = 0x8010aa01L;
  private static final long UFFDIO_COPY = 0xc028aa03L;
  private static final long UFFDIO_ZEROPAGE = 0xc020aa04L;
  private static final long UFFD_API = 0xaa;
  private static final long UFFDIO_REGISTER_MODE_MISSING = 1;
  private static final long UFFD_FEATURE_EVENT_FORK = 1 << 1;
  private static final long UFFD_FEATURE_EVENT_REMOVE = 1 << 3;

  /** The keeper may track writes with it: tracking.c. Linux 6.4 and 6.7. */
  private static final long UFFD_FEATURES_TRACKING = 1 << 13 | 1 << 15;

  private final ProgramBuilder program;
  private final Value descriptor;

  /**
   * Steps.
   *
   * @param program where they go.
   * @param descriptor of the userfaultfd.
   */
  UserfaultSteps(final ProgramBuilder program, final Value descriptor) {
    this.program = program;
    this.descriptor = descriptor;
  }

  /** Make it. */
  static void make(final ProgramBuilder program, final int number) {
    final Result made =
        program.call("guard", SystemCall.USERFAULTFD, OpenFlags.O_CLOEXEC | OpenFlags.O_NONBLOCK);
    program.call(
        "guard: events",
        SystemCall.IOCTL,
        made,
        UFFDIO_API,
        words(
            program,
            UFFD_API,
            UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURES_TRACKING,
            0));
    program.callExpecting(
        number, "guard: move", SystemCall.DUP3, made, number, OpenFlags.O_CLOEXEC);
    program.call("guard: close", SystemCall.CLOSE, made);
  }

  /** From now on who comes upon a hole of a range waits. */
  void register(final String name, final PageRuns.Run range) {
    call(name, UFFDIO_REGISTER, range.start(), range.length(), UFFDIO_REGISTER_MODE_MISSING, 0);
  }

  /** As it was before {@link #register}. */
  void unregister(final String name, final PageRuns.Run range) {
    call(name, UFFDIO_UNREGISTER, range.start(), range.length());
  }

  /**
   * Give a registered range where no pages are some of its own, whatever it maps.
   *
   * @param range of pages.
   * @param source where their bytes are.
   */
  void copy(final PageRuns.Run range, final long source) {
    call(
        "fill " + Long.toHexString(range.start()),
        UFFDIO_COPY,
        range.start(),
        source,
        range.length(),
        0,
        0);
  }

  /** The same with pages of zeros. */
  void zero(final PageRuns.Run range) {
    call(
        "zeros at " + Long.toHexString(range.start()),
        UFFDIO_ZEROPAGE,
        range.start(),
        range.length(),
        0,
        0);
  }

  private void call(final String name, final long request, final long... words) {
    program.callExpecting(0, name, SystemCall.IOCTL, descriptor, request, words(program, words));
  }

  private static Value words(final ProgramBuilder program, final long... words) {
    final byte[] bytes = new byte[words.length * Long.BYTES];
    final UnsafeBuffer buffer = new UnsafeBuffer(bytes);
    for (int i = 0; i < words.length; i++) {
      buffer.putLong(i * Long.BYTES, words[i], LITTLE_ENDIAN);
    }
    return program.data(bytes);
  }
}
