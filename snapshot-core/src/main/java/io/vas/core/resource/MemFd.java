package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.AT_FDCWD;
import static io.vas.core.linux.OpenFlags.O_CLOEXEC;
import static io.vas.core.linux.OpenFlags.O_PATH;
import static io.vas.core.linux.OpenFlags.O_RDWR;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.FileImage;
import io.vas.core.image.PathFileImage;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.ProgramResults;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;

/** Files in memory: memfd_create(2), with their seals. See also {@link WriteSeals}. */
public final class MemFd implements DescriptorResource {
  static final String LINK = "/memfd:";
  static final int F_ADD_SEALS = 1033;
  static final String SEALS = "memfd seals";
  private static final int F_GET_SEALS = 1034;

  /** Permissions of a memfd that is new. */
  private static final int NEW_MODE = 0777;

  private static final int STATFS_LENGTH = 120;
  private static final long HUGETLBFS_MAGIC = 0x958458f6L;

  /** The kind. */
  public MemFd() {}

  @Override
  public String kind() {
    return "memfd";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return descriptor.link().startsWith(LINK)
        && descriptor.link().endsWith(OpenFiles.DELETED)
        && (descriptor.flags() & O_PATH) == 0;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    plan.descriptorRule(
        LINK,
        (program, descriptor) -> {
          program.callAny(SEALS, SystemCall.FCNTL, descriptor, F_GET_SEALS);
          program.callAny(
              "memfd fstatfs",
              SystemCall.FSTATFS,
              descriptor,
              program.data("memfd statfs", STATFS_LENGTH));
        });
  }

  @Override
  public PathFileImage capture(final DescriptorRecord descriptor, final CaptureContext context) {
    final ProgramResults results =
        descriptor
            .program(LINK)
            .filter(r -> !r.failed(SEALS))
            .orElseThrow(() -> context.unsupported(descriptor, kind(), "its seals are not known"));
    if (results.data("memfd statfs").getLong(0, LITTLE_ENDIAN) == HUGETLBFS_MAGIC) {
      throw context.unsupported(descriptor, kind(), "huge pages (MFD_HUGETLB) are not supported");
    }
    if (context.object(descriptor.status()).isEmpty()) {
      throw context.unsupported(descriptor, kind(), "its contents were not recorded");
    }
    return PathFile.capture(descriptor, context, kind())
        .setDevice(descriptor.status().device().encoded())
        .setInode(descriptor.status().inode())
        .setSeals((int) results.result(SEALS))
        .setMode(descriptor.status().permissions())
        .setUid(descriptor.status().uid())
        .setGid(descriptor.status().gid())
        .build();
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final PathFileImage image = PathFileImage.parseFrom(state);
    PathFile.restore(image, PathFile.objectPath(image, restore), 0, restore);
    if (image.getMode() != NEW_MODE) {
      restore
          .program()
          .call(restore.name("mode"), SystemCall.FCHMOD, restore.descriptor(), image.getMode());
    }
    if (image.getUid() != 0 || image.getGid() != 0) {
      restore
          .program()
          .call(
              restore.name("owner"),
              SystemCall.FCHOWN,
              restore.descriptor(),
              image.getUid(),
              image.getGid());
    }
  }

  /** Seals come last, when writable mappings are there; but for that against those. */
  @Override
  public void complete(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final PathFileImage image = PathFileImage.parseFrom(state);
    if (image.getSeals() == 0 || !isFirst(image, restore)) {
      return;
    }
    final ProgramBuilder program = restore.program();
    final Result writable =
        program.call(
            restore.name("open to seal"),
            SystemCall.OPENAT,
            AT_FDCWD,
            program.string(OpenFiles.pathOf(restore.descriptor())),
            O_RDWR | O_CLOEXEC);
    program.call(restore.name("seal"), SystemCall.FCNTL, writable, F_ADD_SEALS, image.getSeals());
    program.call(restore.name("close sealed"), SystemCall.CLOSE, writable);
  }

  /** Of the open files of one memfd, the first seals it: the others could not any more. */
  private boolean isFirst(final PathFileImage image, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    for (final FileImage file : restore.image().getFilesList()) {
      if (file.getKind().equals(kind())) {
        final PathFileImage other = PathFileImage.parseFrom(file.getState());
        if (other.getDevice() == image.getDevice() && other.getInode() == image.getInode()) {
          return file.getId() == restore.file().getId();
        }
      }
    }
    return true;
  }
}
