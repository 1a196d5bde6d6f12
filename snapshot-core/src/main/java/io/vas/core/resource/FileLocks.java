package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.image.FileLockImage;
import io.vas.core.image.FileLockKind;
import io.vas.core.image.PathFileImage;
import io.vas.core.program.SystemCall;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Locks of files: flock(2), and the ranges of fcntl(2) that belong to the process or to the open
 * file. Each fork has files of its own in its overlay, so it holds the locks, too.
 */
final class FileLocks {
  private static final String KIND = "file lock";
  private static final int F_OFD_SETLK = 37;
  private static final int F_RDLCK = 0;
  private static final int F_WRLCK = 1;
  private static final int LOCK_SH = 1;
  private static final int LOCK_EX = 2;
  private static final int LOCK_NB = 4;
  private static final int FLOCK_LENGTH = 32;
  private static final int FLOCK_START_OFFSET = 8;
  private static final int FLOCK_LENGTH_OFFSET = 16;

  private FileLocks() {}

  /** The locks of some kinds that fdinfo shows, which are those made through this open file. */
  static List<FileLockImage> capture(
      final DescriptorRecord descriptor,
      final CaptureContext context,
      final Set<FileLockKind> kinds) {
    final List<FileLockImage> locks = new ArrayList<>();
    for (final String line : descriptor.fdInfo().locks()) {
      // 1: POSIX  ADVISORY  WRITE 26580 fe:00:2147936 0 EOF
      final String[] words = line.trim().split(" +", -1);
      if (words.length != 8) {
        throw context.unsupported(descriptor, KIND, "its lock is not understood: " + line);
      }
      final long start = Long.parseLong(words[6]);
      final FileLockImage.Builder lock =
          FileLockImage.newBuilder()
              .setKind(
                  switch (words[1]) {
                    case "FLOCK" -> FileLockKind.FLOCK;
                    case "POSIX" -> FileLockKind.POSIX;
                    case "OFDLCK" -> FileLockKind.OPEN_FILE;
                    default ->
                        throw context.unsupported(
                            descriptor, KIND, "it has a lock of kind " + words[1]);
                  })
              .setWrite(words[3].equals("WRITE"))
              .setStart(start);
      if (!words[7].equals("EOF")) {
        lock.setLength(Long.parseLong(words[7]) - start + 1);
      }
      if (kinds.contains(lock.getKind())) {
        locks.add(lock.build());
      }
    }
    return locks;
  }

  /** Those that go with the open file. */
  static void restore(final PathFileImage image, final DescriptorRestore restore) {
    for (final FileLockImage lock : image.getLocksList()) {
      if (lock.getKind() == FileLockKind.FLOCK) {
        restore
            .program()
            .call(
                restore.name("flock"),
                SystemCall.FLOCK,
                restore.descriptor(),
                (lock.getWrite() ? LOCK_EX : LOCK_SH) | LOCK_NB);
      } else {
        setRange(lock, restore.descriptor(), F_OFD_SETLK, restore);
      }
    }
  }

  /** Sets a lock of a range of a file. */
  static void setRange(
      final FileLockImage lock, final int descriptor, final int command, final Restore restore) {
    final UnsafeBuffer range = new UnsafeBuffer(new byte[FLOCK_LENGTH]);
    range.putShort(0, (short) (lock.getWrite() ? F_WRLCK : F_RDLCK), LITTLE_ENDIAN);
    range.putLong(FLOCK_START_OFFSET, lock.getStart(), LITTLE_ENDIAN);
    range.putLong(FLOCK_LENGTH_OFFSET, lock.getLength(), LITTLE_ENDIAN);
    restore
        .program()
        .call(
            restore.name("lock of " + descriptor + " from " + lock.getStart()),
            SystemCall.FCNTL,
            descriptor,
            command,
            restore.program().data(range.byteArray()));
  }
}
