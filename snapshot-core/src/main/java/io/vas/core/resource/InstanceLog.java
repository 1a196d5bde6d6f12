package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.AT_FDCWD;
import static io.vas.core.linux.OpenFlags.O_CLOEXEC;
import static io.vas.core.linux.OpenFlags.O_PATH;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.PathFileImage;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;

/** Standard output and error as the instance was given them: a fork has a log of its own. */
public final class InstanceLog implements DescriptorResource {
  /** The kind. */
  public InstanceLog() {}

  @Override
  public String kind() {
    return "log";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return context.isLog(descriptor.status()) && (descriptor.flags() & O_PATH) == 0;
  }

  @Override
  public PathFileImage capture(final DescriptorRecord descriptor, final CaptureContext context) {
    return PathFileImage.newBuilder()
        .setFlags(OpenFiles.flags(descriptor, context, kind()))
        .build();
  }

  /** Opens the log anew, so that flags are set for the instance alone. */
  @Override
  public void restore(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final ProgramBuilder program = restore.program();
    final int number = restore.descriptor();
    program.call(restore.name("log"), SystemCall.DUP3, restore.log(), number, O_CLOEXEC);
    restore.place(
        program.call(
            restore.name("open"),
            SystemCall.OPENAT,
            AT_FDCWD,
            program.string(OpenFiles.pathOf(number)),
            PathFileImage.parseFrom(state).getFlags() | O_CLOEXEC));
  }
}
