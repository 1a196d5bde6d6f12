package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.O_NOFOLLOW;
import static io.vas.core.linux.OpenFlags.O_PATH;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.PathFileImage;

/** Places in the file tree that were not opened: O_PATH, for files of any type. */
public final class PathOnly implements DescriptorResource {
  /** The kind. */
  public PathOnly() {}

  @Override
  public String kind() {
    return "path";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return (descriptor.flags() & O_PATH) != 0;
  }

  @Override
  public PathFileImage capture(final DescriptorRecord descriptor, final CaptureContext context) {

    return PathFile.capture(descriptor, context, kind())
        .setPath(OpenFiles.bytesOf(PathFile.pathOf(descriptor, context, kind())))
        .build();
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final PathFileImage image = PathFileImage.parseFrom(state);
    PathFile.restore(image, OpenFiles.textOf(image.getPath()), O_NOFOLLOW, restore);
  }
}
