package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.O_NOCTTY;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.PathFileImage;
import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.FileStatus;
import java.util.Set;

/** The character devices that have no state: /dev/null and its like. */
public final class CharacterDevice implements DescriptorResource {
  private static final int MEMORY_DEVICES = 1;

  /** null, zero, full, random, urandom. */
  private static final Set<Integer> STATELESS = Set.of(3, 5, 7, 8, 9);

  private static final int TERMINALS = 4;
  private static final int OTHER_TERMINALS = 5;
  private static final int FIRST_PSEUDO_TERMINALS = 128;
  private static final int LAST_PSEUDO_TERMINALS = 143;

  /** The kind. */
  public CharacterDevice() {}

  @Override
  public String kind() {
    return "character device";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return descriptor.status().type() == FileStatus.S_IFCHR;
  }

  @Override
  public PathFileImage capture(final DescriptorRecord descriptor, final CaptureContext context) {
    final DeviceNumber device = descriptor.status().deviceItself();
    final int major = device.major();
    if (major == TERMINALS
        || major == OTHER_TERMINALS
        || (major >= FIRST_PSEUDO_TERMINALS && major <= LAST_PSEUDO_TERMINALS)) {
      throw context.unsupported(descriptor, "terminal", descriptor.link());
    }
    if (major != MEMORY_DEVICES || !STATELESS.contains(device.minor())) {
      throw context.unsupported(
          descriptor, kind(), "device " + device + " is not supported: " + descriptor.link());
    }
    return PathFileImage.newBuilder()
        .setFlags(OpenFiles.flags(descriptor, context, kind()))
        .setPath(OpenFiles.bytesOf(PathFile.pathOf(descriptor, context, kind())))
        .build();
  }

  @Override
  public boolean canBeOpenedAgain(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    return PathFile.canBeOpenedAgain(state);
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final PathFileImage image = PathFileImage.parseFrom(state);
    PathFile.restore(image, OpenFiles.textOf(image.getPath()), O_NOCTTY, restore);
  }
}
