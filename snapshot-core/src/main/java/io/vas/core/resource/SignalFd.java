package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.SignalFdImage;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.nio.ByteOrder;
import org.agrona.concurrent.UnsafeBuffer;

/** Signals read from a file: signalfd(2). The signals themselves are pending in tasks. */
public final class SignalFd implements DescriptorResource {
  private static final String LINK = "anon_inode:[signalfd]";

  /** The kind. */
  public SignalFd() {}

  @Override
  public String kind() {
    return "signalfd";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return descriptor.link().equals(LINK);
  }

  @Override
  public SignalFdImage capture(final DescriptorRecord descriptor, final CaptureContext context) {
    return SignalFdImage.newBuilder()
        .setFlags(OpenFiles.flags(descriptor, context, kind()))
        .setMask(
            descriptor
                .fdInfo()
                .signalMask()
                .orElseThrow(
                    () -> context.unsupported(descriptor, kind(), "the kernel hides its signals")))
        .build();
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final SignalFdImage image = SignalFdImage.parseFrom(state);
    final ProgramBuilder program = restore.program();
    final byte[] mask = new byte[Long.BYTES];
    new UnsafeBuffer(mask).putLong(0, image.getMask(), ByteOrder.LITTLE_ENDIAN);
    restore.place(
        program.call(
            restore.name("signalfd4"),
            SystemCall.SIGNALFD4,
            -1,
            program.data(mask),
            Long.BYTES,
            0));
    OpenFiles.setFlags(restore, image.getFlags());
  }
}
