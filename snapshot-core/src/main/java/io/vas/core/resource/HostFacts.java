package io.vas.core.resource;

import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.LinuxException;
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
   * Whether all that was looked up is still so.
   *
   * @return false also where it can't be told.
   */
  public boolean stillHold() {
    return isComplete
        && files.entrySet().stream().allMatch(f -> isSame(f.getValue(), status(f.getKey())))
        && links.entrySet().stream().allMatch(l -> l.getValue().equals(text(l.getKey())));
  }

  /** Whatever happens to a file but being read changes the time of its last change. */
  private static boolean isSame(final Optional<FileStatus> some, final Optional<FileStatus> other) {
    return some.map(FileStatus::device).equals(other.map(FileStatus::device))
        && some.map(FileStatus::inode).equals(other.map(FileStatus::inode))
        && some.map(FileStatus::size).equals(other.map(FileStatus::size))
        && some.map(FileStatus::changedNanos).equals(other.map(FileStatus::changedNanos));
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
