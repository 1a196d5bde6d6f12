package io.vas.api.record;

import io.vas.core.InvalidRequestException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Which snapshots of a recording stay. A policy is one or more rules with a comma between them; a
 * snapshot stays if one of them keeps it:
 *
 * <pre>
 * last=100                   the 100 latest
 * for=10m                    those of the last 10 minutes
 * thin=1m:all,1h:1s,1d:1m    all of the last minute, one for each second of the last hour, one for
 *                            each minute of the last day; none that is older
 * </pre>
 *
 * <p>Of each second, minute and so on the first snapshot stays: whether it is the first does not
 * change as time passes, so that what one look keeps the next one keeps, too, until it is too old.
 *
 * @param rules none: all stay.
 */
public record KeepPolicy(List<Rule> rules) {
  /** Keeps all. */
  public static final KeepPolicy ALL = new KeepPolicy(List.of());

  private static final String ALLOWED =
      "last=100, for=10m, thin=1m:all,1h:1s,1d:1m, or several with a comma between them";
  private static final int COUNT_DIGITS = 9;
  private static final String EACH = "all";

  /**
   * A policy.
   *
   * @param rules none: all stay.
   */
  public KeepPolicy {
    rules = List.copyOf(rules);
  }

  /**
   * A snapshot that may have to go.
   *
   * @param id of the snapshot.
   * @param created when it was taken.
   * @param isNamed whether somebody has named it. Then it stays, and does not count for the rules.
   */
  public record Candidate(String id, Instant created, boolean isNamed) {}

  /** One reason to keep snapshots. */
  public interface Rule {
    /**
     * Marks what it keeps.
     *
     * @param snapshots the oldest first.
     * @param now the time to which ages are counted.
     * @param kept an element for each snapshot, set to true where it is kept, else left alone.
     */
    void mark(List<Candidate> snapshots, Instant now, boolean[] kept);
  }

  /**
   * Keeps the latest.
   *
   * @param count 1 or more.
   */
  public record Last(int count) implements Rule {
    @Override
    public void mark(final List<Candidate> snapshots, final Instant now, final boolean[] kept) {
      for (int i = Math.max(0, kept.length - count); i < kept.length; i++) {
        kept[i] = true;
      }
    }

    @Override
    public String toString() {
      return "last=" + count;
    }
  }

  /**
   * Keeps the young.
   *
   * @param age the oldest that stays.
   */
  public record Within(Duration age) implements Rule {
    @Override
    public void mark(final List<Candidate> snapshots, final Instant now, final boolean[] kept) {
      final Instant oldest = now.minus(age);
      for (int i = kept.length - 1; i >= 0 && !snapshots.get(i).created().isBefore(oldest); i--) {
        kept[i] = true;
      }
    }

    @Override
    public String toString() {
      return "for=" + TimeSpan.text(age);
    }
  }

  /**
   * Keeps fewer of the older.
   *
   * @param tiers of growing age.
   */
  public record Thin(List<Tier> tiers) implements Rule {
    /**
     * A rule.
     *
     * @param tiers of growing age.
     */
    public Thin {
      tiers = List.copyOf(tiers);
    }

    @Override
    public void mark(final List<Candidate> snapshots, final Instant now, final boolean[] kept) {
      for (int i = 0; i < kept.length; i++) {
        final Duration age = Duration.between(snapshots.get(i).created(), now);
        for (final Tier tier : tiers) {
          if (age.compareTo(tier.age()) <= 0) {
            kept[i] |= i == 0 || tier.isFirst(snapshots.get(i - 1), snapshots.get(i));
            break;
          }
        }
      }
    }

    @Override
    public String toString() {
      return "thin=" + tiers.stream().map(Tier::toString).collect(Collectors.joining(","));
    }
  }

  /**
   * How many stay of those up to an age.
   *
   * @param age the oldest that it is about.
   * @param step of each so much time one stays; zero: all stay.
   */
  public record Tier(Duration age, Duration step) {
    boolean isFirst(final Candidate before, final Candidate candidate) {
      return step.isZero() || number(before.created()) != number(candidate.created());
    }

    private long number(final Instant moment) {
      return Math.floorDiv(moment.toEpochMilli(), step.toMillis());
    }

    @Override
    public String toString() {
      return TimeSpan.text(age) + ":" + (step.isZero() ? EACH : TimeSpan.text(step));
    }
  }

  /**
   * Reads a policy.
   *
   * @param text as above; empty: all stay.
   * @return the policy.
   * @throws InvalidRequestException if it is none; the message says what is allowed.
   */
  public static KeepPolicy parse(final String text) {
    if (text.isEmpty()) {
      return ALL;
    }
    final List<Rule> rules = new ArrayList<>();
    final List<Tier> tiers = new ArrayList<>();
    for (final String word : text.split(",", -1)) {
      final int equals = word.indexOf('=');
      // A tier is the thin rule's that it follows.
      if (equals < 0 && !tiers.isEmpty()) {
        addTier(tiers, word, text);
        continue;
      }
      endThin(rules, tiers);
      final String value = word.substring(equals + 1);
      switch (equals < 0 ? "" : word.substring(0, equals)) {
        case "last" -> rules.add(new Last(count(value, text)));
        case "for" -> rules.add(new Within(span(value, text)));
        case "thin" -> addTier(tiers, value, text);
        default -> throw wrong(text, "'" + word + "' is no rule");
      }
    }
    endThin(rules, tiers);
    return new KeepPolicy(rules);
  }

  private static void endThin(final List<Rule> rules, final List<Tier> tiers) {
    if (!tiers.isEmpty()) {
      rules.add(new Thin(tiers));
      tiers.clear();
    }
  }

  private static void addTier(final List<Tier> tiers, final String word, final String text) {
    final int colon = word.indexOf(':');
    if (colon < 0) {
      throw wrong(text, "'" + word + "' is not of the form AGE:STEP");
    }
    final Duration age = span(word.substring(0, colon), text);
    final String each = word.substring(colon + 1);
    final Duration step = each.equals(EACH) ? Duration.ZERO : span(each, text);
    if (!tiers.isEmpty() && age.compareTo(tiers.get(tiers.size() - 1).age()) <= 0) {
      throw wrong(text, "the ages of thin must grow");
    }
    tiers.add(new Tier(age, step));
  }

  private static int count(final String value, final String text) {
    if (!value.matches("[0-9]{1," + COUNT_DIGITS + "}") || Integer.parseInt(value) == 0) {
      throw wrong(text, "'" + value + "' is not a number of 1 or more");
    }
    return Integer.parseInt(value);
  }

  private static Duration span(final String value, final String text) {
    try {
      return TimeSpan.parse(value);
    } catch (final InvalidRequestException e) {
      throw wrong(text, e.getMessage());
    }
  }

  private static InvalidRequestException wrong(final String text, final String why) {
    return new InvalidRequestException(
        "'" + text + "' does not say what to keep: " + why + "; allowed are " + ALLOWED);
  }

  /**
   * Chooses what has to go.
   *
   * @param snapshots the oldest first.
   * @param needed id of one that stays in any case: the next snapshot is based on it; empty: none.
   * @param now the time to which ages are counted.
   * @return the ids of those that no rule keeps, the oldest first; of an empty policy none.
   */
  public List<String> unwanted(
      final List<Candidate> snapshots, final String needed, final Instant now) {
    if (rules.isEmpty()) {
      return List.of();
    }
    final List<Candidate> counted = snapshots.stream().filter(s -> !s.isNamed()).toList();
    final boolean[] kept = new boolean[counted.size()];
    rules.forEach(rule -> rule.mark(counted, now, kept));
    final List<String> unwanted = new ArrayList<>();
    for (int i = 0; i < kept.length; i++) {
      final String id = counted.get(i).id();
      if (!kept[i] && !id.equals(needed)) {
        unwanted.add(id);
      }
    }
    return unwanted;
  }

  /** As {@link #parse} reads it. */
  @Override
  public String toString() {
    return rules.stream().map(Rule::toString).collect(Collectors.joining(","));
  }
}
