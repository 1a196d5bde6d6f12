package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.O_DIRECTORY;
import static io.vas.core.linux.OpenFlags.O_RDONLY;

import io.vas.core.linux.Fd;
import io.vas.core.linux.FdInfo;
import io.vas.core.linux.FileHandle;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.MountInfo;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Finds files of which the kernel tells inode and handle only. The instance's root is an overlay:
 * its handles hold those of the file system below. What lies in the host's root is found by that;
 * what the instance has changed, by looking through the copies of it. The file at a path that is
 * found has the same handle.
 */
final class WatchedFiles {
  private static final String ROOT = "/";
  private static final String OVERLAY = "overlay";

  // struct ovl_fh: padding, version, magic, length, flags, type, uuid, and the file system's
  // handle.
  private static final int OVERLAY_FLAGS_OFFSET = 6;
  private static final int OVERLAY_TYPE_OFFSET = 7;
  private static final int OVERLAY_HANDLE_OFFSET = 24;
  private static final int OVERLAY_PATH_UPPER = 4;

  private final String root;
  private final String mountInfo;
  private final CaptureContext context;

  WatchedFiles(final ProcessRecord process, final CaptureContext context) {
    this.root = "/proc/" + process.outerPid() + "/root";
    this.mountInfo = "/proc/" + process.outerPid() + "/mountinfo";
    this.context = context;
  }

  /** A path in the instance that leads to the watched file. */
  Optional<String> pathOf(final FdInfo.InotifyWatch watch) {
    context.host().lookElsewhere();
    for (final MountInfo mount : mounts()) {
      if (mount.device().equals(watch.device())) {
        final Optional<String> path =
            mount.type().equals(OVERLAY) && mount.mountPoint().equals(ROOT)
                ? inOverlay(watch)
                : onMount(watch, mount.mountPoint());
        if (path.isPresent()) {
          return path;
        }
      }
    }
    return Optional.empty();
  }

  /** Looked up when the instance runs again, as all that lies on them: most watch nothing. */
  private List<MountInfo> mounts() {
    try {
      return MountInfo.parse(new UnsafeBuffer(FileIo.readAll(mountInfo)));
    } catch (final LinuxException e) {
      return List.of(); // it has ended meanwhile
    }
  }

  private boolean isWatched(final String path, final FdInfo.InotifyWatch watch) {
    try {
      // Layers have inodes of the same number: only the handle tells for certain.
      return FileStatus.ofLink(root + path).inode() == watch.inode()
          && FileHandle.of(root + path)
              .map(new FileHandle(watch.handleType(), watch.handle())::equals)
              .orElse(true);
    } catch (final LinuxException e) {
      return false;
    }
  }

  private Optional<String> onMount(final FdInfo.InotifyWatch watch, final String mountPoint) {
    return byHandle(root + mountPoint, watch.handleType(), watch.handleBytes())
        .filter(path -> isWatched(path, watch));
  }

  private Optional<String> inOverlay(final FdInfo.InotifyWatch watch) {
    if (isWatched(ROOT, watch)) {
      return Optional.of(ROOT);
    }
    final byte[] handle = watch.handleBytes();
    if (handle.length > OVERLAY_HANDLE_OFFSET
        && (handle[OVERLAY_FLAGS_OFFSET] & OVERLAY_PATH_UPPER) == 0) {
      final Optional<String> path =
          byHandle(
                  ROOT,
                  handle[OVERLAY_TYPE_OFFSET],
                  Arrays.copyOfRange(handle, OVERLAY_HANDLE_OFFSET, handle.length))
              .filter(p -> isWatched(p, watch));
      if (path.isPresent()) {
        return path;
      }
    }
    return context.layers().stream().flatMap(layer -> inLayer(layer, watch).stream()).findFirst();
  }

  private static Optional<String> byHandle(
      final String mount, final int type, final byte[] handle) {
    try (Fd directory = Fd.open(mount, O_RDONLY | O_DIRECTORY)) {
      return FileHandle.pathOf(directory, type, handle);
    } catch (final LinuxException e) {
      return Optional.empty();
    }
  }

  private Optional<String> inLayer(final Fd layer, final FdInfo.InotifyWatch watch) {
    final Path top = Path.of("/proc/self/fd/" + layer.value() + "/.");
    final String[] found = new String[1];
    try {
      Files.walkFileTree(
          top,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(
                final Path directory, final BasicFileAttributes attributes) {
              return visitFile(directory, attributes);
            }

            @Override
            public FileVisitResult visitFile(
                final Path file, final BasicFileAttributes attributes) {
              final String path = ROOT + top.relativize(file);
              if (!isWatched(path, watch)) {
                return FileVisitResult.CONTINUE;
              }
              found[0] = path;
              return FileVisitResult.TERMINATE;
            }
          });
    } catch (final IOException e) {
      return Optional.empty();
    }
    return Optional.ofNullable(found[0]);
  }
}
