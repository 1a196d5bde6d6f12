package io.vas.api.daemon;

import io.vas.api.StateDirectory;
import io.vas.core.InvalidRequestException;
import io.vas.core.VasException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipalNotFoundException;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The group that is let in besides root. A file in the state directory holds its name, so that the
 * daemon that goes on after one that was killed lets the same group in. A daemon that ends well
 * takes it away.
 */
final class GroupAccess {
  /** Environment variable that names the group when the option does not. */
  static final String VARIABLE = "VAS_GROUP";

  private static final Logger LOG = LoggerFactory.getLogger(GroupAccess.class);

  private final StateDirectory directory;
  private final Optional<GroupPrincipal> group;

  private GroupAccess(final StateDirectory directory, final Optional<GroupPrincipal> group) {
    this.directory = directory;
    this.group = group;
  }

  /**
   * Finds out which group it is.
   *
   * @param directory the daemon's, which holds its lock.
   * @param named the group; empty: the one that {@value #VARIABLE} names or that was let in before
   *     the daemon was killed, if there is one.
   * @return who is let in; nothing is changed yet.
   * @throws InvalidRequestException if there is no such group.
   */
  static GroupAccess of(final StateDirectory directory, final String named) {
    final String asked =
        named.isEmpty() ? Optional.ofNullable(System.getenv(VARIABLE)).orElse("") : named;
    if (!asked.isEmpty()) {
      return new GroupAccess(
          directory,
          Optional.of(
              find(directory.path(), asked)
                  .orElseThrow(
                      () -> new InvalidRequestException("there is no group '" + asked + "'"))));
    }
    final Optional<GroupPrincipal> before =
        before(directory).flatMap(name -> find(directory.path(), name));
    return new GroupAccess(directory, before);
  }

  private static Optional<GroupPrincipal> find(final Path path, final String name) {
    try {
      return Optional.of(
          path.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByGroupName(name));
    } catch (final UserPrincipalNotFoundException e) {
      LOG.warn("there is no group '{}'", name);
      return Optional.empty();
    } catch (final IOException e) {
      throw new VasException("cannot look group '" + name + "' up: " + e, e);
    }
  }

  private static Optional<String> before(final StateDirectory directory) {
    try {
      return Optional.of(Files.readString(directory.group()).strip());
    } catch (final NoSuchFileException e) {
      return Optional.empty();
    } catch (final IOException e) {
      throw new VasException("cannot read " + directory.group() + ": " + e, e);
    }
  }

  /**
   * Opens the way to the socket for the group, or leaves it to root alone.
   *
   * @throws IOException if it can't be; then it is root's alone.
   */
  void open() throws IOException {
    if (group.isEmpty()) {
      close();
      set(directory.socket(), "rw-------");
      return;
    }
    StateDirectory.makePrivate(directory.group());
    Files.writeString(directory.group(), group.get().getName() + "\n");
    give(directory.socket(), group.get(), "rw-rw----");
    // Last: it is what lets them in. All else in it is the owner's alone.
    give(directory.path(), group.get(), "rwxr-x---");
    LOG.info("group {} is let in", group.get().getName());
  }

  /** Closes the way for as long as there is no socket that is right. */
  void shut() throws IOException {
    set(directory.path(), "rwx------");
  }

  /** Closes the way for good. */
  void close() throws IOException {
    shut();
    Files.deleteIfExists(directory.group());
  }

  private static void give(final Path path, final GroupPrincipal to, final String permissions)
      throws IOException {
    Files.getFileAttributeView(path, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
        .setGroup(to);
    set(path, permissions);
  }

  private static void set(final Path path, final String permissions) throws IOException {
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
  }
}
