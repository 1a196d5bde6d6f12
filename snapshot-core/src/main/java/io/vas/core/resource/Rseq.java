package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.RseqState;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import java.util.Optional;
import org.agrona.DirectBuffer;

/** A task's registration for restartable sequences. */
public final class Rseq implements TaskResource {
  // struct ptrace_rseq_configuration
  private static final int ADDRESS_OFFSET = 0;
  private static final int LENGTH_OFFSET = 8;
  private static final int SIGNATURE_OFFSET = 12;
  private static final int CONFIGURATION_LENGTH = 16;

  /** Of {@code rseq_cs} in struct rseq. */
  private static final int CRITICAL_SECTION_OFFSET = 8;

  /** The kind. */
  public Rseq() {}

  @Override
  public String kind() {
    return "rseq";
  }

  @Override
  public Optional<? extends Message> capture(final TaskRecord task, final CaptureContext context) {
    final DirectBuffer found = task.rseq();
    if (found.capacity() < CONFIGURATION_LENGTH
        || found.getLong(ADDRESS_OFFSET, LITTLE_ENDIAN) == 0) {
      return Optional.empty();
    }
    return Optional.of(
        RseqState.newBuilder()
            .setAddress(found.getLong(ADDRESS_OFFSET, LITTLE_ENDIAN))
            .setLength(found.getInt(LENGTH_OFFSET, LITTLE_ENDIAN))
            .setSignature(found.getInt(SIGNATURE_OFFSET, LITTLE_ENDIAN))
            .build());
  }

  @Override
  public void restore(final ByteString state, final TaskRestore restore)
      throws InvalidProtocolBufferException {
    final RseqState image = RseqState.parseFrom(state);
    final ProgramBuilder program = restore.program();
    // A task stopped in a critical section goes on at its abort handler: it is in none any more.
    // And
    // kernels before 6.15 take a registration with a section for one being in it: SIGSEGV.
    program.store(Value.of(image.getAddress() + CRITICAL_SECTION_OFFSET), Value.of(0), Long.BYTES);
    program.call(
        restore.name("register"),
        SystemCall.RSEQ,
        image.getAddress(),
        image.getLength(),
        0,
        image.getSignature());
  }
}
