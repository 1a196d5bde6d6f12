package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.O_PATH;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.PathFileImage;

/**
 * Files that have no name, because they were removed or never had one (O_TMPFILE): the snapshot
 * holds their contents.
 */
public final class UnnamedFile implements DescriptorResource {
  /** The kind. */
  public UnnamedFile() {}

  @Override
  public String kind() {
    return "unnamed file";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return (descriptor.flags() & O_PATH) == 0 && context.object(descriptor.status()).isPresent();
  }

  @Override
  public PathFileImage capture(final DescriptorRecord descriptor, final CaptureContext context) {
    return PathFile.capture(descriptor, context, kind())
        .setDevice(descriptor.status().device().encoded())
        .setInode(descriptor.status().inode())
        .build();
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final PathFileImage image = PathFileImage.parseFrom(state);
    PathFile.restore(image, PathFile.objectPath(image, restore), 0, restore);
  }
}
