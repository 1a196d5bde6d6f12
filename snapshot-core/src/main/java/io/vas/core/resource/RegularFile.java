package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.PathFileImage;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.OpenFlags;
import io.vas.core.program.SystemCall;
import java.util.Optional;

/** Files that have a name: opened again by their path, which the overlay of a fork has, too. */
public final class RegularFile implements DescriptorResource {
  private static final int SEEK_SET = 0;

  /** The kind. */
  public RegularFile() {}

  @Override
  public String kind() {
    return "regular file";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return descriptor.status().type() == FileStatus.S_IFREG;
  }

  @Override
  public PathFileImage capture(final DescriptorRecord descriptor, final CaptureContext context) {

    return PathFile.capture(descriptor, context, kind())
        .setPath(OpenFiles.bytesOf(PathFile.pathOf(descriptor, context, kind())))
        .build();
  }

  @Override
  public boolean canBeOpenedAgain(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    return PathFile.canBeOpenedAgain(state);
  }

  @Override
  public Optional<String> contentPath(final ByteString state)
      throws InvalidProtocolBufferException {
    return Optional.of(OpenFiles.textOf(PathFileImage.parseFrom(state).getPath()));
  }

  @Override
  public boolean changesContent(final ByteString state) throws InvalidProtocolBufferException {
    return (PathFileImage.parseFrom(state).getFlags() & OpenFlags.O_ACCMODE) != OpenFlags.O_RDONLY;
  }

  @Override
  public boolean isMendable(final ByteString before, final ByteString now, final InodePairs inodes)
      throws InvalidProtocolBufferException {
    return withoutPosition(before).equals(withoutPosition(now));
  }

  private static PathFileImage withoutPosition(final ByteString state)
      throws InvalidProtocolBufferException {
    return PathFileImage.parseFrom(state).toBuilder().clearPosition().build();
  }

  @Override
  public boolean mend(final ByteString before, final ByteString now, final DescriptorMend mend)
      throws InvalidProtocolBufferException {
    if (before.equals(now)) {
      return true;
    }
    final long position = PathFileImage.parseFrom(before).getPosition();
    mend.program()
        .callExpecting(
            position,
            "position of descriptor " + mend.number(),
            SystemCall.LSEEK,
            mend.number(),
            position,
            SEEK_SET);
    return isMendable(before, now, mend.inodes());
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final PathFileImage image = PathFileImage.parseFrom(state);
    PathFile.restore(image, OpenFiles.textOf(image.getPath()), 0, restore);
  }
}
