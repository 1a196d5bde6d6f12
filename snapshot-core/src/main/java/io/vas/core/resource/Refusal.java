package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import java.util.Optional;

/** What kinds share that only look for something that is refused: there is nothing to restore. */
final class Refusal {
  private Refusal() {}

  /** Of a process. */
  abstract static class OfProcess implements ProcessResource {
    @Override
    public final Phase phase() {
      return Phase.PROCESS;
    }

    @Override
    public final Optional<? extends Message> capture(
        final ProcessRecord process, final CaptureContext context) {
      refuse(process, context);
      return Optional.empty();
    }

    /** Throws what {@link CaptureContext#unsupported} makes if there is something to refuse. */
    abstract void refuse(ProcessRecord process, CaptureContext context);

    @Override
    public final void restore(final ByteString state, final ProcessRestore restore) {
      throw new IllegalStateException(kind() + " has no state");
    }
  }

  /** Of a task. */
  abstract static class OfTask implements TaskResource {
    @Override
    public final Optional<? extends Message> capture(
        final TaskRecord task, final CaptureContext context) {
      refuse(task, context);
      return Optional.empty();
    }

    /** Throws what {@link CaptureContext#unsupported} makes if there is something to refuse. */
    abstract void refuse(TaskRecord task, CaptureContext context);

    @Override
    public final void restore(final ByteString state, final TaskRestore restore) {
      throw new IllegalStateException(kind() + " has no state");
    }
  }
}
