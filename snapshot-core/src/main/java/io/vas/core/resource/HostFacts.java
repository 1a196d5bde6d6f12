package io.vas.core.resource;

import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.LinuxException;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What is looked up on the host while a record is interpreted: each of it once, so that it can be
 * told later whether it is still so. Not thread-safe.
 */
public final class HostFacts {
  private final Map<String, Optional<FileStatus>> files = new HashMap<>();
  private final Map<String, Optional<String>> links = new HashMap<>();
  private boolean isComplete = true;

  /** Nothing yet. */
  public HostFacts() {}

  /**
   * What a file is; symbolic links are not followed at its end.
   *
   * @param path of the file.
   * @return its status; empty if it can't be had.
   */
  public Optional<FileStatus> file(final String path) {
    return files.computeIfAbsent(path, HostFacts::status);
  }

  /**
   * What a symbolic link says.
   *
   * @param path of the link.
   * @return its text; empty if it can't be had.
   */
  public Optional<String> link(final String path) {
    return links.computeIfAbsent(path, HostFacts::text);
  }

  /** Something else is looked up, of which it can't be told later whether it is still so. */
  public void lookElsewhere() {
    isComplete = false;
  }

  /**
   * Whether all that was looked up is in {@link #files} and {@link #links}.
   *
   * @return false if it can't be told later whether all is still so.
   */
  public boolean isComplete() {
    return isComplete;
  }

  /**
   * The files.
   *
   * @return what was found, by path.
   */
  public Map<String, Optional<FileStatus>> files() {
    return Collections.unmodifiableMap(files);
  }

  /**
   * The symbolic links.
   *
   * @return what they say, by path.
   */
  public Map<String, Optional<String>> links() {
    return Collections.unmodifiableMap(links);
  }

  private static Optional<FileStatus> status(final String path) {
    try {
      return Optional.of(FileStatus.ofLink(path));
    } catch (final LinuxException e) {
      return Optional.empty();
    }
  }

  private static Optional<String> text(final String path) {
    try {
      return Optional.of(FileIo.readLink(path));
    } catch (final LinuxException e) {
      return Optional.empty();
    }
  }
}
