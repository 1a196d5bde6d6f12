package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.O_DIRECTORY;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.PathFileImage;
import io.vas.core.linux.FileStatus;

/** Directories: opened again by their path, at the entry that they were read up to. */
public final class Directory implements DescriptorResource {
  /** The kind. */
  public Directory() {}

  @Override
  public String kind() {
    return "directory";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return descriptor.status().type() == FileStatus.S_IFDIR;
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
    PathFile.restore(image, OpenFiles.textOf(image.getPath()), O_DIRECTORY, restore);
  }
}
