package io.vas.core.instance;

import io.vas.core.InvalidRequestException;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;

/** Names of instances: which are allowed, and those that are made up, an adjective and a noun. */
public final class InstanceNames {
  private static final int LENGTH_MAX = 64;
  private static final Pattern ALLOWED = Pattern.compile("[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}");

  private static final List<String> ADJECTIVES =
      List.of(
          "amber", "brave", "bright", "brisk", "calm", "clever", "cosy", "crisp", "daring", "deep",
          "eager", "early", "fair", "fleet", "fresh", "gentle", "glad", "golden", "grand", "green",
          "happy", "hardy", "humble", "jolly", "keen", "kind", "light", "lively", "loyal", "lucid",
          "merry", "mild", "neat", "nimble", "noble", "proud", "quick", "quiet", "rapid", "ready",
          "sharp", "silent", "silver", "sleek", "smart", "snug", "solid", "spry", "steady", "still",
          "stout", "sunny", "swift", "tidy", "tough", "true", "vivid", "warm", "wise", "witty");

  private static final List<String> NOUNS =
      List.of(
          "alder", "arch", "badger", "basin", "beacon", "birch", "bridge", "brook", "canyon",
          "cedar", "cliff", "cloud", "comet", "crane", "delta", "dune", "ember", "falcon", "fern",
          "finch", "fjord", "forest", "garnet", "glacier", "grove", "harbor", "hawk", "heron",
          "island", "ivy", "juniper", "lake", "lark", "lynx", "maple", "meadow", "mesa", "moss",
          "oak", "orchard", "otter", "owl", "pebble", "pine", "prairie", "quartz", "raven", "reef",
          "ridge", "river", "robin", "slate", "sparrow", "spruce", "stone", "summit", "swan",
          "thicket", "valley", "willow");

  private InstanceNames() {}

  /**
   * Refuse what is no name.
   *
   * @param name as asked for.
   * @throws InvalidRequestException if it is none.
   */
  public static void check(final String name) {
    if (name.length() > LENGTH_MAX) {
      throw new InvalidRequestException(
          "a name has 1 to " + LENGTH_MAX + " characters, not " + name.length());
    }
    if (!ALLOWED.matcher(name).matches()) {
      throw new InvalidRequestException(
          "not a name: \""
              + name
              + "\": 1 to 64 letters, digits, '_', '.' and '-', the first a letter or digit");
    }
  }

  /** Make one up. */
  static String random(final int attempt) {
    final ThreadLocalRandom random = ThreadLocalRandom.current();
    final String name =
        ADJECTIVES.get(random.nextInt(ADJECTIVES.size()))
            + "_"
            + NOUNS.get(random.nextInt(NOUNS.size()));
    // With many instances most pairs are taken.
    return attempt < 3 ? name : name + "_" + random.nextInt(1_000_000);
  }
}
