package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.CoreDumpFilterState;
import java.util.Optional;

/** Which memory a core dump holds. */
public final class CoreDumpFilter implements ProcessResource {
  private static final String FILE = "coredump_filter";

  /** The kind. */
  public CoreDumpFilter() {}

  @Override
  public String kind() {
    return "core dump filter";
  }

  @Override
  public Phase phase() {
    return Phase.PROCESS;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    plan.processFile(FILE);
  }

  @Override
  public Optional<? extends Message> capture(
      final ProcessRecord process, final CaptureContext context) {
    final String text = process.text(FILE).trim();
    return text.isEmpty() // a kernel without core dumps
        ? Optional.empty()
        : Optional.of(
            CoreDumpFilterState.newBuilder().setFilter(Integer.parseUnsignedInt(text, 16)).build());
  }

  @Override
  public boolean isSettable() {
    return true;
  }

  @Override
  public void restore(final ByteString state, final ProcessRestore restore)
      throws InvalidProtocolBufferException {
    final int filter = CoreDumpFilterState.parseFrom(state).getFilter();
    ProcSelf.write(FILE, "0x" + Integer.toHexString(filter), restore);
  }
}
