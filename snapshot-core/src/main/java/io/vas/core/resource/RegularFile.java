package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.PathFileImage;
import io.vas.core.linux.FileStatus;

/** Files that have a name: opened again by their path, which the overlay of a fork has, too. */
public final class RegularFile implements DescriptorResource {
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
  public boolean canBeOpenedAgain(final ByteString state) throws InvalidProtocolBufferException {
    return PathFile.canBeOpenedAgain(state);
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final PathFileImage image = PathFileImage.parseFrom(state);
    PathFile.restore(image, OpenFiles.textOf(image.getPath()), 0, restore);
  }
}
