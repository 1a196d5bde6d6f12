package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.EventFdImage;
import io.vas.core.linux.FdInfo;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import java.nio.ByteOrder;
import org.agrona.concurrent.UnsafeBuffer;

/** Counters of eventfd(2). */
public final class EventFd implements DescriptorResource {
  private static final String LINK = "anon_inode:[eventfd]";
  private static final int EFD_SEMAPHORE = 1;

  /** The kind. */
  public EventFd() {}

  @Override
  public String kind() {
    return "eventfd";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return descriptor.link().equals(LINK);
  }

  @Override
  public EventFdImage capture(final DescriptorRecord descriptor, final CaptureContext context) {
    final FdInfo.Event event =
        descriptor
            .fdInfo()
            .event()
            .orElseThrow(
                () -> context.unsupported(descriptor, kind(), "the kernel hides its count"));
    return EventFdImage.newBuilder()
        .setFlags(OpenFiles.flags(descriptor, context, kind()))
        .setCount(event.count())
        .setSemaphore(event.semaphore())
        .build();
  }

  @Override
  public boolean canBeOpenedAgain(final ByteString state, final DescriptorRestore restore) {
    return true;
  }

  @Override
  public boolean isMendable(final ByteString before, final ByteString now, final InodePairs inodes)
      throws InvalidProtocolBufferException {
    return withoutCount(EventFdImage.parseFrom(before))
        .equals(withoutCount(EventFdImage.parseFrom(now)));
  }

  private static EventFdImage withoutCount(final EventFdImage image) {
    return image.toBuilder().clearCount().build();
  }

  @Override
  public boolean mend(final ByteString before, final ByteString now, final DescriptorMend mend)
      throws InvalidProtocolBufferException {
    if (before.equals(now)) {
      return true;
    }
    final EventFdImage wanted = EventFdImage.parseFrom(before);
    final EventFdImage there = EventFdImage.parseFrom(now);
    // Of a semaphore each read takes one.
    if (!withoutCount(wanted).equals(withoutCount(there)) || wanted.getSemaphore()) {
      return false;
    }
    final int number = mend.number();
    final ProgramBuilder program = mend.program();
    final Data count = program.data("eventfd " + number, Long.BYTES);
    if (there.getCount() != 0) {
      program.callExpecting(
          Long.BYTES, "reset eventfd " + number, SystemCall.READ, number, count, Long.BYTES);
    }
    if (wanted.getCount() != 0) {
      program.store(count, Value.of(wanted.getCount()), Long.BYTES);
      program.callExpecting(
          Long.BYTES, "set eventfd " + number, SystemCall.WRITE, number, count, Long.BYTES);
    }
    return true;
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final EventFdImage image = EventFdImage.parseFrom(state);
    final ProgramBuilder program = restore.program();
    restore.place(
        program.call(
            restore.name("eventfd2"),
            SystemCall.EVENTFD2,
            0,
            image.getSemaphore() ? EFD_SEMAPHORE : 0));
    if (image.getCount() != 0) {
      final byte[] count = new byte[Long.BYTES];
      new UnsafeBuffer(count).putLong(0, image.getCount(), ByteOrder.LITTLE_ENDIAN);
      program.callExpecting(
          Long.BYTES,
          restore.name("write count"),
          SystemCall.WRITE,
          restore.descriptor(),
          program.data(count),
          Long.BYTES);
    }
    OpenFiles.setFlags(restore, image.getFlags());
  }
}
