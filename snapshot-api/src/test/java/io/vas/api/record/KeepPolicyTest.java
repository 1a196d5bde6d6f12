package io.vas.api.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vas.api.record.KeepPolicy.Candidate;
import io.vas.core.InvalidRequestException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KeepPolicyTest {
  private static final Instant NOW = Instant.parse("2026-03-01T12:00:00.500Z");

  /** One for each age, the oldest first; the id is the age in milliseconds. */
  private static List<Candidate> aged(final long... millis) {
    final List<Candidate> list = new ArrayList<>();
    for (final long age : millis) {
      list.add(new Candidate(Long.toString(age), NOW.minusMillis(age), false));
    }
    return list;
  }

  private static List<String> unwanted(final String policy, final List<Candidate> snapshots) {
    return KeepPolicy.parse(policy).unwanted(snapshots, "", NOW);
  }

  @Test
  void shouldKeepAllWithoutAnyRule() {
    assertThat(unwanted("", aged(1_000_000_000, 1))).isEmpty();
  }

  @Test
  void shouldKeepTheLatest() {
    assertThat(unwanted("last=2", aged(40, 30, 20, 10))).containsExactly("40", "30");
    assertThat(unwanted("last=9", aged(40, 30, 20, 10))).isEmpty();
  }

  @Test
  void shouldKeepTheYoung() {
    assertThat(unwanted("for=1s", aged(1001, 1000, 999))).containsExactly("1001");
  }

  @Test
  void shouldKeepTheFirstOfEachStep() {
    // The seconds begin half a second before each full second of age.
    assertThat(unwanted("thin=1s:all,10s:1s", aged(10_100, 3400, 3300, 2600, 2450, 2400, 900, 800)))
        .containsExactly("10100", "3300", "2600", "2400");
  }

  @Test
  void shouldKeepWhatOneOfSeveralRulesKeeps() {
    assertThat(unwanted("last=1,for=20ms", aged(40, 30, 20, 10))).containsExactly("40", "30");
    assertThat(unwanted("last=3,for=20ms", aged(40, 30, 20, 10))).containsExactly("40");
    assertThat(unwanted("thin=1s:all,1h:1m,last=1", aged(70_000, 69_000, 10)))
        .containsExactly("69000");
  }

  @Test
  void shouldNeitherTouchNorCountTheNamed() {
    final List<Candidate> snapshots = new ArrayList<>(aged(40, 30));
    snapshots.add(new Candidate("named", NOW.minusMillis(20), true));
    snapshots.addAll(aged(10));

    assertThat(unwanted("last=2", snapshots)).containsExactly("40");
  }

  @Test
  void shouldNotTouchTheOneThatTheNextIsBasedOn() {
    assertThat(KeepPolicy.parse("last=1").unwanted(aged(40, 30, 20, 10), "30", NOW))
        .containsExactly("40", "20");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "last=100",
        "for=10m",
        "for=1500ms",
        "thin=1m:all,1h:1s,1d:1m",
        "last=5,thin=1m:all,2h:1s,for=90s",
        ""
      })
  void shouldBeWrittenAsItIsRead(final String text) {
    assertThat(KeepPolicy.parse(text)).hasToString(text);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "last",
        "last=",
        "last=0",
        "last=-1",
        "last=many",
        "last=9999999999",
        "for=0s",
        "for=10",
        "for=10w",
        "thin=1m",
        "thin=1m:",
        "thin=1h:1s,1m:1s",
        "thin=1h:1s,1h:1m",
        "1m:all",
        "first=1",
        "last=1,",
        ",",
        " last=1"
      })
  void shouldSayWhatIsAllowed(final String text) {
    assertThatThrownBy(() -> KeepPolicy.parse(text))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessageContaining("'" + text + "'")
        .hasMessageContaining("last=100, for=10m, thin=1m:all,1h:1s,1d:1m");
  }

  /** Time passes, snapshots come, and the policy is applied now and then. */
  @Test
  void shouldKeepItsPromisesHoweverOftenItIsApplied() {
    final long seed = Long.getLong("vas.seed", System.nanoTime());
    final Random random = new Random(seed);
    for (int round = 0; round < 200; round++) {
      try {
        live(random);
      } catch (final AssertionError e) {
        throw new AssertionError("seed " + seed + ", round " + round, e);
      }
    }
  }

  private static void live(final Random random) {
    final int last = 1 + random.nextInt(20);
    final Duration young = Duration.ofMillis(1 + random.nextInt(5_000));
    final Duration step = Duration.ofMillis(1 + random.nextInt(1_000));
    final Duration old = Duration.ofMillis(5_000 + random.nextInt(20_000));
    final KeepPolicy policy =
        KeepPolicy.parse(
            "last="
                + last
                + ",thin="
                + TimeSpan.text(young)
                + ":all,"
                + TimeSpan.text(old)
                + ":"
                + TimeSpan.text(step));
    final List<Candidate> all = new ArrayList<>();
    final List<Candidate> present = new ArrayList<>();
    Instant now = NOW;
    for (int i = 0; i < 300; i++) {
      now = now.plusMillis(1 + random.nextInt(200));
      final Candidate next = new Candidate("s" + i, now, random.nextInt(20) == 0);
      all.add(next);
      present.add(next);
      if (random.nextInt(3) == 0) {
        final Set<String> unwanted =
            new HashSet<>(policy.unwanted(present, present.get(0).id(), now));
        assertThat(unwanted).doesNotContain(present.get(0).id());
        present.removeIf(candidate -> unwanted.contains(candidate.id()));
        assertThat(policy.unwanted(present, present.get(0).id(), now)).isEmpty();
      }
    }
    final Instant end = now;
    final List<Candidate> unnamed = all.stream().filter(c -> !c.isNamed()).toList();
    assertThat(present).containsAll(all.stream().filter(Candidate::isNamed).toList());
    assertThat(present)
        .containsAll(unnamed.subList(Math.max(0, unnamed.size() - last), unnamed.size()));
    assertThat(present)
        .containsAll(all.stream().filter(c -> !c.created().isBefore(end.minus(young))).toList());
    // Of each step the first is there as if it had been applied only once.
    final TreeMap<Long, Candidate> firsts = new TreeMap<>();
    unnamed.forEach(c -> firsts.putIfAbsent(c.created().toEpochMilli() / step.toMillis(), c));
    assertThat(present)
        .containsAll(
            firsts.values().stream().filter(c -> !c.created().isBefore(end.minus(old))).toList());
  }
}
