package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.AT_FDCWD;
import static io.vas.core.linux.OpenFlags.O_CLOEXEC;
import static io.vas.core.linux.OpenFlags.O_TMPFILE;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.VasException;
import io.vas.core.image.FileLockKind;
import io.vas.core.image.PathFileImage;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import java.util.EnumSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the kinds of files that are opened again by a path have in common. */
final class PathFile {
  private static final int SEEK_SET = 0;
  private static final Pattern TASK = Pattern.compile("/proc/([0-9]+)(?:/task/([0-9]+))?(?:/.*)?");

  private PathFile() {}

  /**
   * The path of a file that still has it. The overlay of a fork has the same paths.
   *
   * @throws io.vas.core.UnsupportedException if it can not be opened by it again.
   */
  static String pathOf(
      final DescriptorRecord descriptor, final CaptureContext context, final String kind) {
    final String link = descriptor.link();
    if (!link.startsWith("/")) {
      throw context.unsupported(descriptor, kind, "it has no path: " + link);
    }
    if (link.endsWith(OpenFiles.DELETED)) {
      throw context.unsupported(
          descriptor,
          kind,
          descriptor.status().links() == 0
              ? "it was removed: " + link
              : "the name it was opened by was removed, and its others are not known: " + link);
    }
    final Matcher task = TASK.matcher(link);
    if (task.matches()) {
      final int pid = descriptor.process().pid();
      if (Integer.parseInt(task.group(1)) != pid
          || (task.group(2) != null && Integer.parseInt(task.group(2)) != pid)) {
        throw context.unsupported(
            descriptor, kind, "a fork's tasks are not there yet when it is opened: " + link);
      }
    }
    return link;
  }

  /** Flags, position and locks. */
  static PathFileImage.Builder capture(
      final DescriptorRecord descriptor, final CaptureContext context, final String kind) {
    return PathFileImage.newBuilder()
        .setFlags(OpenFiles.flags(descriptor, context, kind))
        .setPosition(Math.max(descriptor.position(), 0))
        .addAllLocks(
            FileLocks.capture(
                descriptor, context, EnumSet.of(FileLockKind.FLOCK, FileLockKind.OPEN_FILE)));
  }

  /** Opens it with its flags, and goes to where it was. */
  static void restore(
      final PathFileImage image,
      final String path,
      final int moreFlags,
      final DescriptorRestore restore) {
    final ProgramBuilder program = restore.program();
    // Of O_TMPFILE, F_GETFL tells, too; but now the file is there.
    final Result file =
        program.call(
            restore.name("open " + path),
            SystemCall.OPENAT,
            AT_FDCWD,
            program.string(path),
            (image.getFlags() & ~O_TMPFILE) | moreFlags | O_CLOEXEC);
    restore.place(file);
    if (image.getPosition() != 0) {
      program.callExpecting(
          image.getPosition(),
          restore.name("lseek"),
          SystemCall.LSEEK,
          restore.descriptor(),
          image.getPosition(),
          SEEK_SET);
    }
    FileLocks.restore(image, restore);
  }

  /** Its locks were given up when it was closed, and others may have them. */
  static boolean canBeOpenedAgain(final ByteString state) throws InvalidProtocolBufferException {
    return PathFileImage.parseFrom(state).getLocksCount() == 0;
  }

  /** A path that opens the file that holds the contents of one without a name. */
  static String objectPath(final PathFileImage image, final Restore restore) {
    return OpenFiles.pathOf(
        restore
            .object(image.getDevice(), image.getInode())
            .orElseThrow(
                () ->
                    new VasException(
                        "the snapshot has no contents of inode "
                            + image.getInode()
                            + " of device "
                            + image.getDevice())));
  }
}
