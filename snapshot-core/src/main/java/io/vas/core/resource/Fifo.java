package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.AT_FDCWD;
import static io.vas.core.linux.OpenFlags.O_ACCMODE;
import static io.vas.core.linux.OpenFlags.O_CLOEXEC;
import static io.vas.core.linux.OpenFlags.O_PATH;
import static io.vas.core.linux.OpenFlags.O_RDWR;
import static io.vas.core.linux.OpenFlags.O_WRONLY;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.FileImage;
import io.vas.core.image.PipeImage;
import io.vas.core.linux.FileStatus;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;

/** Pipes with a name in the file system, with what is in them. */
public final class Fifo implements DescriptorResource {
  private static final String LINK = "/";

  /** The kind. */
  public Fifo() {}

  @Override
  public String kind() {
    return "fifo";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return descriptor.status().type() == FileStatus.S_IFIFO
        && descriptor.link().startsWith(LINK)
        && (descriptor.flags() & O_PATH) == 0;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    plan.descriptorRule(LINK, (p, descriptor) -> PipeContents.plan(p, descriptor, false));
  }

  @Override
  public PipeImage capture(final DescriptorRecord descriptor, final CaptureContext context) {
    return PipeContents.capture(descriptor, context, kind(), LINK)
        .setPath(OpenFiles.bytesOf(PathFile.pathOf(descriptor, context, kind())))
        .build();
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final PipeImage image = PipeImage.parseFrom(state);
    final ProgramBuilder program = restore.program();
    // Opened for both, no end waits for the other, and contents stay until the file itself is open.
    final Result both = open("open both ends", image, O_RDWR, restore);
    if (isFirstReader(image, restore)) {
      PipeContents.restore(
          restore, both, image.getCapacity(), image.getContents(), image.getPacketsList());
    }
    restore.place(open("open", image, image.getFlags() & O_ACCMODE, restore));
    program.call(restore.name("close both ends"), SystemCall.CLOSE, both);
    OpenFiles.setFlags(restore, image.getFlags());
  }

  private static Result open(
      final String step, final PipeImage image, final int access, final DescriptorRestore restore) {
    final ProgramBuilder program = restore.program();
    return program.call(
        restore.name(step),
        SystemCall.OPENAT,
        AT_FDCWD,
        program.string(OpenFiles.textOf(image.getPath())),
        access | O_CLOEXEC);
  }

  /** Whether the contents, which every file that can be read from holds, are to come with it. */
  private boolean isFirstReader(final PipeImage image, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    for (final FileImage file : restore.image().getFilesList()) {
      if (file.getKind().equals(kind())) {
        final PipeImage other = PipeImage.parseFrom(file.getState());
        if (other.getInode() == image.getInode() && (other.getFlags() & O_ACCMODE) != O_WRONLY) {
          return file.getId() == restore.file().getId();
        }
      }
    }
    return false;
  }
}
