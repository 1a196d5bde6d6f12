package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.O_DIRECTORY;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.PathFileImage;
import io.vas.core.linux.Errno;
import io.vas.core.linux.FileStatus;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.ProgramResults;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;

/**
 * Directories: opened again by their path. Those of a fork list their entries in another order, so
 * a directory that is being read is refused, unless that has just begun or has come to the end.
 */
public final class Directory implements DescriptorResource {
  private static final String LINK = "/";
  private static final int SEEK_SET = 0;
  private static final int SEEK_CUR = 1;

  /** A struct linux_dirent64 with a name of 255 bytes. */
  private static final int ENTRY_MAX = 280;

  private static final int ENTRIES_LENGTH = 32768;
  private static final int READS_MAX = 64;

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

  /** Finds out whether there is more to read, and goes back. */
  @Override
  public void plan(final PlanBuilder plan) {
    plan.descriptorRule(
        LINK,
        (program, descriptor) -> {
          final Result position =
              program.callAny("directory position", SystemCall.LSEEK, descriptor, 0, SEEK_CUR);
          final Result rest =
              program.callAny(
                  "directory rest",
                  SystemCall.GETDENTS64,
                  descriptor,
                  program.data("directory entries", ENTRY_MAX),
                  ENTRY_MAX);
          program.skipIfEqual(rest, Value.of(-Errno.ENOTDIR.number()), 1);
          program.callAny("directory back", SystemCall.LSEEK, descriptor, position, SEEK_SET);
        });
  }

  @Override
  public PathFileImage capture(final DescriptorRecord descriptor, final CaptureContext context) {
    final PathFileImage.Builder image =
        PathFile.capture(descriptor, context, kind())
            .setPath(OpenFiles.bytesOf(PathFile.pathOf(descriptor, context, kind())));
    if (image.getPosition() != 0) {
      final ProgramResults results = descriptor.program(LINK).orElseThrow();
      if (results.result("directory rest") != 0) {
        throw context.unsupported(
            descriptor, kind(), "it has been read in part; a fork's may have another order");
      }
      image.setAtEnd(true).setPosition(0);
    }
    return image.build();
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
    PathFile.restore(image, OpenFiles.textOf(image.getPath()), O_DIRECTORY, restore);
    if (image.getAtEnd()) {
      readToEnd(restore);
    }
  }

  private static void readToEnd(final DescriptorRestore restore) {
    final ProgramBuilder program = restore.program();
    final Data entries = program.data(new byte[ENTRIES_LENGTH]);
    for (int i = 0; i < READS_MAX; i++) {
      final Result length =
          program.call(
              restore.name("read entries " + i),
              SystemCall.GETDENTS64,
              restore.descriptor(),
              entries,
              ENTRIES_LENGTH);
      final int rest = 2 * (READS_MAX - i) - 1;
      program.skipIfEqual(length, Value.of(0), rest);
    }
    program.callExpecting(
        0,
        restore.name("read entries at end"),
        SystemCall.GETDENTS64,
        restore.descriptor(),
        entries,
        ENTRIES_LENGTH);
  }
}
