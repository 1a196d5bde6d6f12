package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.InotifyImage;
import io.vas.core.program.ProgramResults;
import io.vas.core.program.SystemCall;

/**
 * Watches of files: inotify_init(2), in which no event waits. What they watch is brought back by
 * {@link InotifyWatches}.
 */
public final class Inotify implements DescriptorResource {
  static final String LINK = "anon_inode:inotify";
  private static final int FIONREAD = 0x541B;

  /** The kind. */
  public Inotify() {}

  @Override
  public String kind() {
    return "inotify";
  }

  @Override
  public boolean tellsOfChanges() {
    return true;
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return descriptor.link().equals(LINK);
  }

  @Override
  public void plan(final PlanBuilder plan) {
    plan.descriptorRule(
        LINK,
        (program, descriptor) ->
            program.callAny(
                "inotify events",
                SystemCall.IOCTL,
                descriptor,
                FIONREAD,
                program.data("inotify events", Integer.BYTES)));
  }

  @Override
  public InotifyImage capture(final DescriptorRecord descriptor, final CaptureContext context) {
    final ProgramResults results = descriptor.program(LINK).orElseThrow();
    if (results.data("inotify events").getInt(0, LITTLE_ENDIAN) != 0) {
      throw context.unsupported(
          descriptor, kind(), "events wait in it, which can only be read once");
    }
    return InotifyImage.newBuilder().setFlags(OpenFiles.flags(descriptor, context, kind())).build();
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    restore.place(
        restore.program().call(restore.name("inotify_init1"), SystemCall.INOTIFY_INIT1, 0));
    OpenFiles.setFlags(restore, InotifyImage.parseFrom(state).getFlags());
  }
}
