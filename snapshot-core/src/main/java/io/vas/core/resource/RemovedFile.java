package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import io.vas.core.VasException;
import io.vas.core.image.PathFileImage;
import io.vas.core.linux.FileStatus;

/**
 * Files that are open, but not under the name that they were opened by any more, in an instance
 * that goes back to a snapshot. What the snapshot had open of that name is opened anew; these are
 * closed, whether or not they have other names.
 */
public final class RemovedFile implements DescriptorResource {
  private static final String MEMFD = "/memfd:";

  /** The kind. */
  public RemovedFile() {}

  @Override
  public String kind() {
    return "removed file";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    final int type = descriptor.status().type();
    final String link = descriptor.link();
    return context.isOnlyCompared()
        && (type == FileStatus.S_IFREG || type == FileStatus.S_IFDIR)
        && link.startsWith("/")
        && link.endsWith(OpenFiles.DELETED)
        && !link.startsWith(MEMFD);
  }

  @Override
  public Message capture(final DescriptorRecord descriptor, final CaptureContext context) {
    return PathFileImage.newBuilder().setPath(OpenFiles.bytesOf(descriptor.link())).build();
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore) {
    throw new VasException(
        "a snapshot has no files that were removed: " + restore.file().getLink());
  }
}
