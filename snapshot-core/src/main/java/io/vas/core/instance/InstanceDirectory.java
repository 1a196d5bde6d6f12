package io.vas.core.instance;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import io.vas.core.VasException;
import io.vas.core.image.InstanceState;
import io.vas.core.image.ReplacementState;
import io.vas.core.linux.Fd;
import io.vas.core.linux.OpenFlags;
import io.vas.core.sandbox.RunSpec;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An instance's directory: its log, and what a daemon that is started again must know of it. Each
 * file is there as a whole or not at all.
 */
final class InstanceDirectory {
  private static final Logger LOGGER = LoggerFactory.getLogger(InstanceDirectory.class);
  private static final String LOG = "log";

  /** An {@link InstanceState}. */
  private static final String STATE = "state";

  /** While a fork takes the instance's place: a {@link ReplacementState}. */
  private static final String REPLACEMENT = "replacement";

  private final Path path;
  private final Path looseLog;

  /**
   * A directory, which need not be there.
   *
   * @param path of it.
   */
  InstanceDirectory(final Path path) {
    this.path = path;
    this.looseLog = path.resolveSibling(path.getFileName() + "." + LOG);
  }

  /**
   * A file in it.
   *
   * @param name of the file.
   * @return its path.
   */
  Path file(final String name) {
    return path.resolve(name);
  }

  /**
   * The file that takes standard output and error.
   *
   * @return its path.
   */
  Path log() {
    return path.resolve(LOG);
  }

  // ---- a new one

  /**
   * Make it, and the log in it.
   *
   * @param writer who writes to the log.
   * @return the log.
   * @throws VasException if it can't be made.
   */
  Fd makeWithLog(final RunSpec writer) {
    try {
      Files.createDirectory(path);
    } catch (final IOException e) {
      throw new VasException("cannot make " + path + ": " + e, e);
    }
    return open(log(), writer);
  }

  /**
   * Make the log without the directory, which takes three times as long to be made.
   *
   * @param writer who writes to the log.
   * @return the log.
   * @throws VasException if it can't be made.
   */
  Fd makeLooseLog(final RunSpec writer) {
    return open(looseLog, writer);
  }

  private static Fd open(final Path log, final RunSpec writer) {
    final Fd opened =
        Fd.open(log.toString(), OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_APPEND, 0600);
    if (writer.runAs().isPresent()) {
      try {
        // Or it could not open /dev/stdout, which is this file.
        Files.setAttribute(log, "unix:uid", writer.runAs().get().uid());
      } catch (final IOException e) {
        opened.close();
        throw new VasException("cannot give " + log + " to its user: " + e, e);
      }
    }
    return opened;
  }

  /**
   * Make it, with the loose log as its log.
   *
   * @throws VasException if it can't be made.
   */
  void takeLooseLog() {
    try {
      Files.createDirectory(path);
      Files.move(looseLog, log(), StandardCopyOption.ATOMIC_MOVE);
    } catch (final IOException e) {
      throw new VasException("cannot make " + path + " with its log: " + e, e);
    }
  }

  // ---- what is known of the instance

  /**
   * Write what is known, unless the directory has been removed.
   *
   * @param state what is known. If it can't be written the instance runs all the same; only a
   *     daemon that is started again will not know it.
   */
  void save(final InstanceState state) {
    try {
      write(STATE, state);
    } catch (final IOException e) {
      if (Files.exists(path)) {
        LOGGER.warn("cannot write {}: {}", path.resolve(STATE), e.toString());
      }
    }
  }

  private void write(final String name, final MessageLite message) throws IOException {
    final Path part = path.resolve(name + ".part");
    Files.write(part, message.toByteArray());
    Files.move(part, path.resolve(name), StandardCopyOption.ATOMIC_MOVE);
  }

  /**
   * What is known.
   *
   * @return empty if it is not complete: the daemon died while it started the instance.
   * @throws IOException if it can't be read.
   */
  Optional<InstanceState> state() throws IOException {
    try {
      return Optional.of(InstanceState.parseFrom(Files.readAllBytes(path.resolve(STATE))));
    } catch (final NoSuchFileException | InvalidProtocolBufferException e) {
      return Optional.empty();
    }
  }

  // ---- while a fork takes the instance's place

  /**
   * Note that a fork takes the instance's place.
   *
   * @param next what the instance is to be.
   * @throws VasException if it can't be written; then it does not.
   */
  void begin(final ReplacementState next) {
    try {
      write(REPLACEMENT, next);
    } catch (final IOException e) {
      throw new VasException("cannot write in " + path + ": " + e, e);
    }
  }

  /**
   * What was being done.
   *
   * @return empty if no fork was taking the instance's place.
   * @throws IOException if it can't be read.
   */
  Optional<ReplacementState> replacement() throws IOException {
    try {
      return Optional.of(ReplacementState.parseFrom(Files.readAllBytes(path.resolve(REPLACEMENT))));
    } catch (final NoSuchFileException e) {
      return Optional.empty();
    }
  }

  /** It is done, or can't be done. */
  void endReplacement() {
    remove(path.resolve(REPLACEMENT));
  }

  // ---- end

  /** Remove it, and a loose log. */
  void delete() {
    if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      try (DirectoryStream<Path> files = Files.newDirectoryStream(path)) {
        files.forEach(InstanceDirectory::remove);
      } catch (final IOException e) {
        LOGGER.warn("cannot remove what is in {}: {}", path, e.toString());
      }
    }
    remove(path);
    remove(looseLog);
  }

  private static void remove(final Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (final IOException e) {
      LOGGER.warn("cannot remove {}: {}", file, e.toString());
    }
  }

  @Override
  public String toString() {
    return path.toString();
  }
}
