package io.vas.api.wire;

import io.vas.core.VasException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The user that this process acts for: whom the daemon takes it for. */
public final class OwnUser {
  private static final Path STATUS = Path.of("/proc/self/status");

  private OwnUser() {}

  /**
   * The number.
   *
   * @return the effective user's; unsigned.
   */
  public static int uid() {
    try {
      for (final String line : Files.readAllLines(STATUS)) {
        if (line.startsWith("Uid:")) {
          // Real, effective, saved, of the file system.
          return Integer.parseUnsignedInt(line.split("\\s+", -1)[2]);
        }
      }
    } catch (final IOException e) {
      throw new VasException("cannot read " + STATUS + ": " + e, e);
    }
    throw new VasException(STATUS + " names no user");
  }

  /**
   * Whether it is root.
   *
   * @return whether all is allowed.
   */
  public static boolean isRoot() {
    return uid() == 0;
  }
}
