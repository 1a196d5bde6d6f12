package io.vas.api.daemon;

import io.vas.core.linux.User;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The names of those whom instances and snapshots belong to. */
final class Owners {
  /** Looking one up reads a file or asks a service, and lists may have thousands of them. */
  private static final Map<Integer, String> NAMES = new ConcurrentHashMap<>();

  private Owners() {}

  /**
   * A user's name.
   *
   * @param uid the user.
   * @return the name, or the number if there is none.
   */
  static String name(final int uid) {
    return NAMES.computeIfAbsent(
        uid, key -> User.of(key).map(User::name).orElse(Integer.toUnsignedString(key)));
  }
}
