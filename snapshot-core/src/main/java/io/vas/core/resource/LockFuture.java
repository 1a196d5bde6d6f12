package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.LockFutureState;
import io.vas.core.linux.Errno;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.ProgramResults;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import java.util.Optional;

/**
 * Whether mlockall(2) locks mappings to come. Nothing tells, so a page is mapped and tried: locked
 * memory cannot be given up (EINVAL), and has its page at once unless locked on fault.
 */
public final class LockFuture implements ProcessResource {
  private static final String KIND = "locking of mappings to come";
  private static final int MCL_FUTURE = 2;
  private static final int MCL_ONFAULT = 4;
  private static final int PAGE = 4096;
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_PRIVATE_ANONYMOUS = 0x22;
  private static final int MADV_DONTNEED = 4;

  /** The kind. */
  public LockFuture() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Phase phase() {
    // After the last mapping of the fork's program, and before the right to lock is dropped.
    return Phase.CREDENTIALS;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    final ProgramBuilder program = plan.processProgram();
    final Data present = program.data(KIND, 1);
    final Result page =
        program.callAny(
            KIND + ": map",
            SystemCall.MMAP,
            0,
            PAGE,
            PROT_READ_WRITE,
            MAP_PRIVATE_ANONYMOUS,
            -1,
            0);
    // Where there is no page, these fail and change nothing.
    program.callAny(KIND + ": present", SystemCall.MINCORE, page, PAGE, present);
    program.callAny(KIND + ": give up", SystemCall.MADVISE, page, PAGE, MADV_DONTNEED);
    program.callAny(KIND + ": unmap", SystemCall.MUNMAP, page, PAGE);
  }

  @Override
  public Optional<? extends Message> capture(
      final ProcessRecord process, final CaptureContext context) {
    final ProgramResults results = process.program();
    if (results.failed(KIND + ": map")) {
      throw context.unsupported(
          process,
          KIND,
          "it can not be seen, for no page can be mapped: "
              + Errno.describe((int) -results.result(KIND + ": map")));
    }
    if (results.result(KIND + ": give up") != -Errno.EINVAL.number()) {
      return Optional.empty();
    }
    final boolean atOnce = (results.data(KIND).getByte(0) & 1) != 0;
    return Optional.of(
        LockFutureState.newBuilder().setFlags(MCL_FUTURE | (atOnce ? 0 : MCL_ONFAULT)).build());
  }

  @Override
  public void restore(final ByteString state, final ProcessRestore restore)
      throws InvalidProtocolBufferException {
    restore
        .program()
        .call(
            restore.name("mlockall"),
            SystemCall.MLOCKALL,
            LockFutureState.parseFrom(state).getFlags());
  }
}
