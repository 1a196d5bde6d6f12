package io.vas.core.memory;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import java.util.ArrayList;
import java.util.List;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Lets the calls of a fork wait for the keeper that the guard of its mapped memory is not told of,
 * or that a mapping of a region would answer differently than what it stands for: mremap; madvise
 * with {@code MADV_FREE}, {@code MADV_WIPEONFORK} and {@code MADV_GUARD_INSTALL}; and where a range
 * stands for a mapping of a file, {@code MADV_DONTNEED}. The keeper replaces what they are about,
 * and then they go on.
 *
 * <p>The filter is a seccomp filter that lets everything else pass; but for madvise the kernel
 * decides that by a bitmap, without running it. It is visible in the fork as {@code Seccomp: 2}.
 */
public final class GuardFilter {
  private static final int SECCOMP_SET_MODE_FILTER = 1;

  /** Without it kernels before 5.16 slow the task down by speculation mitigations. */
  private static final int SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4;

  /** The call returns a descriptor on which the calls that wait are told. */
  private static final int SECCOMP_FILTER_FLAG_NEW_LISTENER = 8;

  private static final int MADV_DONTNEED = 4;
  private static final int MADV_FREE = 8;
  private static final int MADV_WIPEONFORK = 18;
  private static final int MADV_DONTNEED_LOCKED = 24;
  private static final int MADV_GUARD_INSTALL = 102;

  private static final int AUDIT_ARCH_X86_64 = 0xC000003E;

  /** Addresses are compared in blocks of 64 KiB, whose numbers have 32 bits. */
  private static final int BLOCK_BITS = 16;

  /** The upper half of a length that goes beyond all user memory, and is not compared. */
  private static final int HUGE_LENGTH = 0x7fff;

  /** Ranges side by side are compared as one: too many calls that wait are slower, not wrong. */
  private static final int SPANS_MAX = 16;

  private final List<int[]> code = new ArrayList<>();

  private GuardFilter() {}

  /**
   * Adds the steps that install the filter in the task that runs the program. Tasks that it creates
   * afterwards inherit it. Needs CAP_SYS_ADMIN.
   *
   * @param program to add to.
   * @param plan of the memory that is guarded.
   * @return the listener, for the keeper.
   */
  public static Result install(final ProgramBuilder program, final MemoryPlan plan) {
    final List<int[]> filter = new GuardFilter().build(spans(plan.mappedFiles()));
    final UnsafeBuffer code = new UnsafeBuffer(new byte[filter.size() * Bpf.LENGTH]);
    for (int i = 0; i < filter.size(); i++) {
      Bpf.encode(filter.get(i), code, i * Bpf.LENGTH);
    }
    final Data instructions = program.data(code.byteArray());
    // struct sock_fprog: the number of instructions, their address
    final UnsafeBuffer description = new UnsafeBuffer(new byte[2 * Long.BYTES]);
    description.putShort(0, (short) filter.size(), LITTLE_ENDIAN);
    final Data data = program.data("guard filter", description.byteArray());
    program.store(data.plus(Long.BYTES), instructions, Long.BYTES);
    return program.call(
        "guard filter",
        SystemCall.SECCOMP,
        SECCOMP_SET_MODE_FILTER,
        SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_NEW_LISTENER,
        data);
  }

  /** Blocks, first and last, that ranges of files are in: the closest together count as one. */
  static List<PageRuns.Run> spans(final List<MemoryPlan.Entry> files) {
    final List<PageRuns.Run> spans = new ArrayList<>();
    for (final MemoryPlan.Entry entry : files) {
      final long start = entry.vma().getStart() >>> BLOCK_BITS;
      spans.add(new PageRuns.Run(start, ((entry.vma().getEnd() - 1) >>> BLOCK_BITS) - start + 1));
    }
    while (spans.size() > SPANS_MAX) {
      int closest = 0;
      for (int i = 1; i + 1 < spans.size(); i++) {
        closest = gapAfter(spans, i) < gapAfter(spans, closest) ? i : closest;
      }
      final long start = spans.get(closest).start();
      final long end = spans.remove(closest + 1).end();
      spans.set(closest, new PageRuns.Run(start, end - start));
    }
    return spans;
  }

  private static long gapAfter(final List<PageRuns.Run> spans, final int index) {
    return spans.get(index + 1).start() - spans.get(index).end();
  }

  // Labels: what a jump leads to is written after it.
  private static final int NEXT = 0;
  private static final int PASS = -1;
  private static final int WAIT = -2;
  private static final int IS_MADVISE = -3;
  private static final int IS_PROCESS_MADVISE = -4;
  private static final int IS_ZAP = -5;

  private List<int[]> build(final List<PageRuns.Run> spans) {
    code.add(Bpf.load(Bpf.ARCHITECTURE));
    code.add(Bpf.jumpIfEqual(AUDIT_ARCH_X86_64, NEXT, PASS));
    code.add(Bpf.load(Bpf.NUMBER));
    code.add(Bpf.jumpIfEqual(SystemCall.MREMAP, WAIT, NEXT));
    code.add(Bpf.jumpIfEqual(SystemCall.MADVISE, IS_MADVISE, NEXT));
    code.add(Bpf.jumpIfEqual(SystemCall.PROCESS_MADVISE, IS_PROCESS_MADVISE, PASS));

    // Its ranges are in memory, where a filter does not look.
    label(IS_PROCESS_MADVISE);
    code.add(Bpf.load(Bpf.argument(3)));
    waitForAdvice();
    final int zap = spans.isEmpty() ? PASS : WAIT;
    code.add(Bpf.jumpIfEqual(MADV_DONTNEED, zap, NEXT));
    code.add(Bpf.jumpIfEqual(MADV_DONTNEED_LOCKED, zap, PASS));

    label(IS_MADVISE);
    code.add(Bpf.load(Bpf.argument(2)));
    waitForAdvice();
    code.add(Bpf.jumpIfEqual(MADV_DONTNEED, spans.isEmpty() ? PASS : IS_ZAP, NEXT));
    code.add(Bpf.jumpIfEqual(MADV_DONTNEED_LOCKED, spans.isEmpty() ? PASS : IS_ZAP, PASS));
    if (!spans.isEmpty()) {
      label(IS_ZAP);
      waitForSpans(spans);
    }

    label(PASS);
    code.add(Bpf.pass());
    label(WAIT);
    code.add(Bpf.askListener());
    return code;
  }

  private void waitForAdvice() {
    code.add(Bpf.jumpIfEqual(MADV_FREE, WAIT, NEXT));
    code.add(Bpf.jumpIfEqual(MADV_WIPEONFORK, WAIT, NEXT));
    code.add(Bpf.jumpIfEqual(MADV_GUARD_INSTALL, WAIT, NEXT));
  }

  /** Compares the first block with the ends of the spans, the last one with their starts. */
  private void waitForSpans(final List<PageRuns.Run> spans) {
    final int first = 0;
    final int last = 1;
    blockOf(0);
    code.add(Bpf.store(first));
    code.add(Bpf.load(Bpf.upperHalf(Bpf.argument(1))));
    code.add(Bpf.jumpIfAtLeast(HUGE_LENGTH, WAIT, NEXT));
    blockOf(1);
    code.add(Bpf.toX());
    code.add(Bpf.recall(first));
    code.add(Bpf.addX());
    // Neither the start nor the length need be a multiple of a block.
    code.add(Bpf.add(1));
    code.add(Bpf.store(last));
    for (final PageRuns.Run span : spans) {
      code.add(Bpf.recall(first));
      code.add(Bpf.skipIfAtLeast((int) span.end(), 2));
      code.add(Bpf.recall(last));
      code.add(Bpf.jumpIfAtLeast((int) span.start(), WAIT, NEXT));
    }
  }

  private void blockOf(final int argument) {
    code.add(Bpf.load(Bpf.upperHalf(Bpf.argument(argument))));
    code.add(Bpf.shiftLeft(Integer.SIZE - BLOCK_BITS));
    code.add(Bpf.toX());
    code.add(Bpf.load(Bpf.argument(argument)));
    code.add(Bpf.shiftRight(BLOCK_BITS));
    code.add(Bpf.orX());
  }

  /** Jumps to it that have been added lead to the next instruction. */
  private void label(final int label) {
    for (int i = 0; i < code.size(); i++) {
      Bpf.resolve(code.get(i), label, code.size() - i - 1);
    }
  }
}
