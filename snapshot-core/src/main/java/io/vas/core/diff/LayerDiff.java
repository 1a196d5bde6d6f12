package io.vas.core.diff;

import io.vas.core.VasException;
import io.vas.core.diff.SnapshotDiff.Change;
import io.vas.core.diff.SnapshotDiff.Kind;
import io.vas.core.keeper.Keeper;
import io.vas.core.linux.Errno;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.LinuxException;
import io.vas.core.sandbox.SnapshotRoot;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * How the files that forks of two snapshots see differ. Their layers only tell where to look: what
 * was changed and changed back is in a layer for ever.
 */
final class LayerDiff {
  private final Path before;
  private final Path after;

  /** Paths still to be looked at, from the roots on; what is found in directories is added. */
  private final TreeSet<String> paths = new TreeSet<>();

  private LayerDiff(final Path before, final Path after) {
    this.before = before;
    this.after = after;
  }

  /**
   * Compare.
   *
   * @param keeper that holds what lies below all snapshots.
   * @param before layers, the uppermost first.
   * @param after layers, the uppermost first.
   * @return changes by path.
   */
  static List<Change> of(final Keeper keeper, final List<Fd> before, final List<Fd> after) {
    try (SnapshotRoot one = SnapshotRoot.mount(keeper, before);
        SnapshotRoot other = SnapshotRoot.mount(keeper, after)) {
      final LayerDiff diff = new LayerDiff(top(one.directory()), top(other.directory()));
      before.forEach(diff::addPaths);
      after.forEach(diff::addPaths);
      return diff.changes();
    } catch (final IOException e) {
      throw new VasException("a file of a snapshot can't be read: " + e, e);
    }
  }

  /** With the dot it is not taken for a symbolic link. */
  private static Path top(final Fd directory) {
    return Path.of("/proc/self/fd", Integer.toString(directory.value()), ".");
  }

  private void addPaths(final Fd layer) {
    final Path top = top(layer);
    try (Stream<Path> tree = Files.walk(top)) {
      tree.map(path -> top.relativize(path).toString())
          .filter(path -> !path.isEmpty())
          .forEach(paths::add);
    } catch (final IOException e) {
      throw new VasException("a layer of a snapshot can't be read: " + e, e);
    }
  }

  private List<Change> changes() throws IOException {
    final List<Change> changes = new ArrayList<>();
    // What is found in a directory comes behind it.
    for (String path = paths.pollFirst(); path != null; path = paths.pollFirst()) {
      change(path).ifPresent(changes::add);
    }
    return changes;
  }

  private Optional<Change> change(final String path) throws IOException {
    final Optional<FileStatus> left = status(before.resolve(path));
    final Optional<FileStatus> right = status(after.resolve(path));
    if (left.isEmpty() && right.isEmpty()) {
      return Optional.empty();
    }
    final String one = left.map(LayerDiff::describe).orElse("");
    final String other = right.map(LayerDiff::describe).orElse("");
    if (left.isPresent() && right.isPresent()) {
      if (one.equals(other) && !differ(path, left.get(), right.get())) {
        return Optional.empty();
      }
      return Optional.of(new Change(Kind.CHANGED, "/" + path, one, other));
    }
    return Optional.of(
        new Change(left.isEmpty() ? Kind.ADDED : Kind.REMOVED, "/" + path, one, other));
  }

  private static Optional<FileStatus> status(final Path path) {
    try {
      return Optional.of(FileStatus.ofLink(path.toString()));
    } catch (final LinuxException e) {
      if (e.errno() == Errno.ENOENT || e.errno() == Errno.ENOTDIR) {
        return Optional.empty();
      }
      throw e;
    }
  }

  private static String describe(final FileStatus status) {
    final String type =
        switch (status.type()) {
          case FileStatus.S_IFREG -> status.size() + " bytes";
          case FileStatus.S_IFDIR -> "directory";
          default -> String.format("type %o", status.type());
        };
    return String.format("%04o %d:%d %s", status.permissions(), status.uid(), status.gid(), type);
  }

  /** Two of the same type. Of directories that is told by what is in them. */
  private boolean differ(final String path, final FileStatus left, final FileStatus right)
      throws IOException {
    final Path one = before.resolve(path);
    final Path other = after.resolve(path);
    return switch (left.type()) {
      case FileStatus.S_IFREG -> Files.mismatch(one, other) >= 0;
      case FileStatus.S_IFLNK -> !Files.readSymbolicLink(one).equals(Files.readSymbolicLink(other));
      case FileStatus.S_IFDIR -> {
        final Set<String> names = names(one);
        final Set<String> others = names(other);
        names.stream().filter(name -> !others.contains(name)).forEach(name -> add(path, name));
        others.stream().filter(name -> !names.contains(name)).forEach(name -> add(path, name));
        yield false;
      }
      default -> !left.deviceItself().equals(right.deviceItself());
    };
  }

  private void add(final String path, final String name) {
    paths.add(path + "/" + name);
  }

  private static Set<String> names(final Path directory) throws IOException {
    try (Stream<Path> list = Files.list(directory)) {
      final Set<String> names = new HashSet<>();
      list.forEach(path -> names.add(path.getFileName().toString()));
      return names;
    }
  }
}
