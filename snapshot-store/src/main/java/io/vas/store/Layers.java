package io.vas.store;

import io.vas.core.StoreFullException;
import io.vas.core.VasException;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.OpenFlags;
import io.vas.core.linux.TmpfsMount;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directories that hold the own files of snapshotted instances, on a mount that is attached
 * nowhere: an instance sees of it what its overlay shows, and a mount of an overlay takes a
 * directory of it by its descriptor, in whatever mount namespace (Linux 6.15). Where that is not
 * allowed, they are in the state directory.
 */
final class Layers implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Layers.class);
  private static final String TRASH = "trash";

  /** Empty ones that are kept: to make and to remove one takes longer than a small snapshot. */
  private static final int SPARE = 8;

  private static final Set<PosixFilePermission> PRIVATE =
      PosixFilePermissions.fromString("rwx------");
  private static final Set<PosixFilePermission> ROOT_DIRECTORY =
      PosixFilePermissions.fromString("rwxr-xr-x");
  private static final int OPEN_DIRECTORY = OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY;

  private final Optional<TmpfsMount> mount;
  private final Fd readWrite;
  private final Fd readOnly;
  private final Path root;
  private final List<String> limitations;
  private final Queue<Layer> spare = new ArrayDeque<>();
  private long drafted;

  /** Of drafts, and spare ones. */
  private final Set<String> drafts = new HashSet<>();

  private long trashed;

  private Layers(
      final Optional<TmpfsMount> mount,
      final Fd readWrite,
      final Fd readOnly,
      final List<String> limitations)
      throws IOException {
    this.mount = mount;
    this.readWrite = readWrite;
    this.readOnly = readOnly;
    this.root = Path.of("/proc/self/fd/" + readWrite.value());
    this.limitations = limitations;
    Files.createDirectories(root.resolve(TRASH));
  }

  /**
   * A layer.
   *
   * @param name of its directory.
   * @param readWrite to fill it.
   * @param readOnly to use it.
   */
  record Layer(String name, Fd readWrite, Fd readOnly) {
    /** Close both descriptors. */
    void close() {
      readWrite.close();
      readOnly.close();
    }
  }

  /** On a mount, which is closed by others. What is there already stays. */
  static Layers on(final TmpfsMount mount) {
    try {
      return new Layers(
          Optional.of(mount), mount.readWriteMount(), mount.readOnlyMount(), List.of());
    } catch (final IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** In a directory of some file system, whose limits are not the store's. */
  static Layers in(final Path directory, final String reason) {
    try {
      Files.createDirectories(directory);
      Files.setPosixFilePermissions(directory, PRIVATE);
      final Fd fd = Fd.open(directory.toString(), OPEN_DIRECTORY);
      final Layers layers =
          new Layers(
              Optional.empty(),
              fd,
              fd,
              List.of(reason, "layers are in " + directory + " and outside of the budget"));
      // What a daemon left there that did not end well.
      layers.retain(Set.of());
      return layers;
    } catch (final IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Remove all others, but those of drafts. */
  synchronized void retain(final Set<String> names) {
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(root)) {
      for (final Path entry : entries) {
        final String name = entry.getFileName().toString();
        if (!name.equals(TRASH) && !names.contains(name) && !drafts.contains(name)) {
          intoTrash(entry);
        }
      }
      emptyTrash();
    } catch (final IOException e) {
      throw failure(e, root);
    }
  }

  /**
   * An empty one for a draft, under a name of its own: one that was not used, or else a new one.
   *
   * @return the layer, to be {@link #rename renamed}, {@link #giveBack given back} or removed.
   */
  Layer take() {
    final String name;
    synchronized (this) {
      final Layer known = spare.poll();
      if (known != null) {
        return known;
      }
      drafted++;
      name = "draft-" + drafted;
      drafts.add(name);
    }
    return add(name);
  }

  /** One that is still empty is not needed. */
  void giveBack(final Layer layer) {
    synchronized (this) {
      if (spare.size() < SPARE) {
        spare.add(layer);
        return;
      }
    }
    layer.close();
    remove(layer.name());
  }

  /** Have a layer found under another name from now on. */
  synchronized void rename(final Layer layer, final String name) {
    drafts.add(name);
    try {
      Files.move(root.resolve(layer.name()), root.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    } catch (final IOException e) {
      throw failure(e, root.resolve(name));
    }
  }

  /** A layer is a snapshot's now. */
  synchronized void keep(final String name) {
    drafts.remove(name);
  }

  /** One that there is, to use it. */
  Fd open(final String name) {
    return Fd.openAt(readOnly, name, OPEN_DIRECTORY, 0);
  }

  /** An empty one. */
  Layer add(final String name) {
    final Path directory = root.resolve(name);
    try {
      Files.createDirectory(directory);
      // Whatever the umask says: the permissions are those that an instance's root shows.
      Files.setPosixFilePermissions(directory, ROOT_DIRECTORY);
    } catch (final IOException e) {
      throw failure(e, directory);
    }
    final Fd writable = Fd.openAt(readWrite, name, OPEN_DIRECTORY, 0);
    try {
      return new Layer(name, writable, Fd.openAt(readOnly, name, OPEN_DIRECTORY, 0));
    } catch (final LinuxException e) {
      writable.close();
      throw e;
    }
  }

  /** Whether nothing was put into it. */
  boolean isEmpty(final Layer layer) {
    final Path directory = root.resolve(layer.name());
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      if (entries.iterator().hasNext()) {
        return false;
      }
      // The instance may have changed its root directory itself.
      final Map<String, Object> attributes =
          Files.readAttributes(directory, "unix:uid,gid,permissions");
      return attributes.get("uid").equals(0)
          && attributes.get("gid").equals(0)
          && attributes.get("permissions").equals(ROOT_DIRECTORY);
    } catch (final IOException e) {
      throw failure(e, directory);
    }
  }

  /**
   * What one of them takes, as far as it can be told: paths longer than PATH_MAX are not followed.
   */
  long bytes(final Layer layer) {
    final Set<Long> seen = new HashSet<>();
    long bytes = 0;
    try (Stream<Path> files = Files.walk(root.resolve(layer.name()))) {
      for (final Path file : (Iterable<Path>) files::iterator) {
        final Map<String, Object> attributes =
            Files.readAttributes(file, "unix:ino,size", LinkOption.NOFOLLOW_LINKS);
        if (seen.add((Long) attributes.get("ino"))) {
          bytes += allocated(file, (Long) attributes.get("size"));
        }
      }
    } catch (final IOException | UncheckedIOException e) {
      LOG.debug("layer {} is not counted fully: {}", layer.name(), e.getClass().getName());
    }
    return bytes;
  }

  private static long allocated(final Path file, final long size) {
    if (Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS)) {
      return 0;
    }
    try {
      return FileStatus.ofLink(file.toString()).allocated();
    } catch (final LinuxException e) {
      // A name that is not text in this locale can not be passed on.
      return size;
    }
  }

  /** What all of them take; 0 if that is not the store's matter. */
  long usedBytes() {
    return mount.map(m -> m.status().usedBytes()).orElse(0L);
  }

  /** Let them take so much, but not less than they do already. */
  void limit(final long bytes) {
    mount.ifPresent(m -> m.limit(Math.max(bytes, TmpfsRegionMounts.SMALLEST_LIMIT)));
  }

  /** What is missing, one line each. */
  List<String> limitations() {
    return limitations;
  }

  /** Remove a layer that nothing uses any more. Only the first call does something. */
  synchronized void remove(final String name) {
    drafts.remove(name);
    final Path directory = root.resolve(name);
    if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try {
      intoTrash(directory);
      emptyTrash();
    } catch (final IOException e) {
      throw failure(e, root);
    }
  }

  /**
   * Directories are moved to one place and emptied there one by one: an instance can nest them so
   * deep that neither paths nor a recursion would reach the bottom.
   */
  private void emptyTrash() throws IOException {
    while (true) {
      final Path next;
      try (DirectoryStream<Path> directories = Files.newDirectoryStream(root.resolve(TRASH))) {
        final Iterator<Path> iterator = directories.iterator();
        if (!iterator.hasNext()) {
          return;
        }
        next = iterator.next();
      }
      try (DirectoryStream<Path> entries = Files.newDirectoryStream(next)) {
        for (final Path entry : entries) {
          if (Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)) {
            intoTrash(entry);
          } else {
            Files.delete(entry);
          }
        }
      }
      Files.delete(next);
    }
  }

  private void intoTrash(final Path directory) throws IOException {
    Path target;
    do {
      trashed++;
      target = root.resolve(TRASH).resolve(Long.toString(trashed));
    } while (Files.exists(target, LinkOption.NOFOLLOW_LINKS));
    Files.move(directory, target, StandardCopyOption.ATOMIC_MOVE);
  }

  private static VasException failure(final IOException e, final Path path) {
    // The calls behind java.nio.file lose the number.
    return String.valueOf(e.getMessage()).contains("No space left")
        ? new StoreFullException("the store is full: no room for a layer", e)
        : new VasException("layer " + path + ": " + e, e);
  }

  @Override
  public void close() {
    synchronized (this) {
      spare.forEach(Layer::close);
      spare.clear();
    }
    if (mount.isEmpty() && readWrite.isOpen()) {
      try {
        retain(Set.of());
      } catch (final VasException e) {
        LOG.warn("layers are not removed: {}", e.getMessage());
      }
      readWrite.close();
    }
  }
}
