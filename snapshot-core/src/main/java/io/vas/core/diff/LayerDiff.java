package io.vas.core.diff;

import io.vas.core.VasException;
import io.vas.core.diff.SnapshotDiff.Change;
import io.vas.core.diff.SnapshotDiff.Kind;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.LinuxException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** How the files that two instances had made or changed differ. */
final class LayerDiff {
  private LayerDiff() {}

  /** A file of a layer. A whiteout hides what lies below: the file was deleted. */
  private record Entry(Path path, FileStatus status) {
    boolean isWhiteout() {
      return status.type() == FileStatus.S_IFCHR && status.deviceItself().encoded() == 0;
    }

    String describe() {
      if (isWhiteout()) {
        return "deleted";
      }
      final String type =
          switch (status.type()) {
            case FileStatus.S_IFREG -> status.size() + " bytes";
            case FileStatus.S_IFDIR -> "directory";
            default -> String.format("type %o", status.type());
          };
      return String.format(
          "%04o %d:%d %s", status.mode() & 07777, status.uid(), status.gid(), type);
    }
  }

  /**
   * Compare.
   *
   * @param before layers, the uppermost first.
   * @param after layers, the uppermost first.
   * @return changes by path.
   */
  static List<Change> of(final List<Fd> before, final List<Fd> after) {
    final Map<String, Entry> one = entries(before);
    final Map<String, Entry> other = entries(after);
    final List<Change> changes = new ArrayList<>();
    final Map<String, Entry> all = new TreeMap<>(one);
    all.putAll(other);
    for (final String path : all.keySet()) {
      final Entry left = one.get(path);
      final Entry right = other.get(path);
      if (left == null) {
        changes.add(
            new Change(right.isWhiteout() ? Kind.REMOVED : Kind.ADDED, path, "", right.describe()));
      } else if (right == null) {
        changes.add(new Change(Kind.REMOVED, path, left.describe(), ""));
      } else if (!left.describe().equals(right.describe()) || differ(left, right)) {
        changes.add(
            new Change(
                right.isWhiteout() ? Kind.REMOVED : left.isWhiteout() ? Kind.ADDED : Kind.CHANGED,
                path,
                left.describe(),
                right.describe()));
      }
    }
    return changes;
  }

  private static boolean differ(final Entry left, final Entry right) {
    try {
      return switch (left.status().type()) {
        case FileStatus.S_IFREG -> Files.mismatch(left.path(), right.path()) >= 0;
        case FileStatus.S_IFLNK ->
            !Files.readSymbolicLink(left.path()).equals(Files.readSymbolicLink(right.path()));
        default -> false;
      };
    } catch (final IOException e) {
      throw new VasException("a file of a snapshot can't be read: " + e, e);
    }
  }

  /** What the uppermost layer has of a path counts. */
  private static Map<String, Entry> entries(final List<Fd> layers) {
    final Map<String, Entry> entries = new TreeMap<>();
    for (final Fd layer : layers) {
      final Path top = Path.of("/proc/self/fd", Integer.toString(layer.value()), ".");
      try (Stream<Path> tree = Files.walk(top)) {
        for (final Path path : tree.toList()) {
          if (!path.equals(top) && Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            entries.putIfAbsent(
                "/" + top.relativize(path), new Entry(path, FileStatus.ofLink(path.toString())));
          }
        }
      } catch (final IOException | LinuxException e) {
        throw new VasException("a layer of a snapshot can't be read: " + e, e);
      }
    }
    return entries;
  }
}
