package io.vas.api;

import io.vas.core.InvalidRequestException;
import io.vas.core.VasException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Set;

/**
 * The directory that belongs to one daemon: its socket, lock, log, and what core and store keep
 * there. It is its owner's alone, unless the daemon lets a group in to the socket; all else in it
 * is the owner's alone in any case.
 *
 * @param path an absolute path.
 */
public record StateDirectory(Path path) {
  /** Environment variable that names the directory. */
  public static final String VARIABLE = "VAS_STATE";

  /** Where the state is when {@value #VARIABLE} does not say. */
  public static final String DEFAULT = "/run/vas";

  /** The longest path of a unix domain socket: sun_path of unix(7) without the closing zero. */
  private static final int SOCKET_PATH_MAX = 107;

  private static final String ANOTHER = "; name another one in " + VARIABLE;

  private static final Set<PosixFilePermission> OWNER_ONLY =
      PosixFilePermissions.fromString("rwx------");
  private static final Set<PosixFilePermission> GROUP_TOO =
      PosixFilePermissions.fromString("rwxr-x---");
  private static final Set<PosixFilePermission> PRIVATE_FILE =
      PosixFilePermissions.fromString("rw-------");

  /**
   * A directory, which need not exist.
   *
   * @throws InvalidRequestException if the path is too long for a socket in it.
   */
  public StateDirectory {
    path = path.toAbsolutePath().normalize();
    final int length =
        path.resolve("daemon.sock").toString().getBytes(StandardCharsets.UTF_8).length;
    if (length > SOCKET_PATH_MAX) {
      throw new InvalidRequestException(
          "state directory "
              + path
              + " is too long for a socket in it: "
              + length
              + " bytes of "
              + SOCKET_PATH_MAX
              + "; set "
              + VARIABLE
              + " to a shorter one");
    }
  }

  /**
   * The directory that the environment names, or the default.
   *
   * @return the directory, which need not exist.
   */
  public static StateDirectory fromEnvironment() {
    final String named = System.getenv(VARIABLE);
    try {
      return new StateDirectory(Path.of(named == null || named.isEmpty() ? DEFAULT : named));
    } catch (final InvalidPathException e) {
      // Java can't name a file whose name the locale's characters do not spell.
      throw new InvalidRequestException(
          VARIABLE
              + " can't be read in this locale; set LC_ALL to C.UTF-8, or "
              + VARIABLE
              + " to a name in ASCII",
          e);
    }
  }

  /**
   * The socket on which the daemon serves.
   *
   * @return its path.
   */
  public Path socket() {
    return path.resolve("daemon.sock");
  }

  /**
   * The file that the daemon holds locked as long as it runs; it holds the daemon's pid.
   *
   * @return its path.
   */
  public Path lock() {
    return path.resolve("daemon.lock");
  }

  /**
   * The daemon's log.
   *
   * @return its path.
   */
  public Path log() {
    return path.resolve("daemon.log");
  }

  /**
   * What a daemon that was started in the background writes before it has opened its log, and what
   * its JVM has to say.
   *
   * @return its path.
   */
  public Path output() {
    return path.resolve("daemon.out");
  }

  /**
   * The daemon's counters, in shared memory if the directory is: {@link
   * io.vas.api.client.CountersFile} reads them.
   *
   * @return its path; there is no such file when no daemon has run, or the last one ended well.
   */
  public Path counters() {
    return path.resolve("counters");
  }

  /**
   * The file that names the group that the daemon lets in.
   *
   * @return its path; there is no such file when none is.
   */
  public Path group() {
    return path.resolve("daemon.group");
  }

  /**
   * Makes a file that nobody else can read, or takes what others can do with it.
   *
   * @param file in a state directory.
   * @throws IOException if it can't be done.
   */
  public static void makePrivate(final Path file) throws IOException {
    try {
      Files.createFile(file, PosixFilePermissions.asFileAttribute(PRIVATE_FILE));
    } catch (final FileAlreadyExistsException e) {
      Files.setPosixFilePermissions(file, PRIVATE_FILE);
    }
  }

  /**
   * Makes the directory if it is not there.
   *
   * @return this.
   * @throws InvalidRequestException if it is there and open to others, or something else than a
   *     directory is in its place.
   * @throws VasException if it cannot be made.
   */
  public StateDirectory create() {
    try {
      if (!Files.isDirectory(path)) {
        Files.createDirectories(path.getParent());
        Files.createDirectories(path, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
      }
      final Set<PosixFilePermission> others = EnumSet.noneOf(PosixFilePermission.class);
      others.addAll(Files.getPosixFilePermissions(path, LinkOption.NOFOLLOW_LINKS));
      others.removeAll(Files.exists(group()) ? GROUP_TOO : OWNER_ONLY);
      if (!others.isEmpty()) {
        throw new InvalidRequestException(
            "state directory "
                + path
                + " is open to others ("
                + PosixFilePermissions.toString(Files.getPosixFilePermissions(path))
                + "): name one of your own in "
                + VARIABLE
                + ", or chmod 0700 it");
      }
      return this;
    } catch (final FileAlreadyExistsException e) {
      throw new InvalidRequestException(
          "state directory " + path + ": " + e.getFile() + " is no directory" + ANOTHER, e);
    } catch (final IOException e) {
      throw unusable(e);
    }
  }

  /**
   * What to throw when a file in the directory, or itself, can't be made or written.
   *
   * @param error says why.
   * @return the exception to throw.
   */
  public VasException unusable(final IOException error) {
    return new VasException(
        "cannot write to state directory " + path + ": " + FileErrors.reason(error) + ANOTHER,
        error);
  }
}
