package io.vas.api.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.store.Snapshot;
import io.vas.store.SnapshotFacts;
import io.vas.store.SnapshotSpace;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class LineageTest {
  private final Lineage lineage = new Lineage();

  private static Snapshot snapshot(final String id, final String parent, final String instance) {
    return new Snapshot(
        id,
        Optional.empty(),
        0,
        instance,
        Optional.of(parent).filter(name -> !name.isEmpty()),
        Instant.EPOCH,
        new SnapshotFacts(0, 0, "map"),
        new SnapshotSpace(0, 0, 0, 0));
  }

  private void add(final String id, final String parent) {
    lineage.add(snapshot(id, parent, "i"));
  }

  private void remove(final String id) {
    lineage.remove(id, place -> false);
  }

  @Test
  void shouldFollowTheNearestThatIsThere() {
    add("a", "");
    add("b", "a");
    add("c", "b");
    add("d", "b");
    remove("b");

    assertThat(lineage.after("c")).contains("a");
    assertThat(lineage.after("d")).contains("a");
    remove("a");
    assertThat(lineage.after("c")).isEmpty();
  }

  @Test
  void shouldKnowWhereAnInstanceStandsWhoseSnapshotIsRemoved() {
    add("a", "");
    add("b", "a");
    add("c", "b");
    lineage.remove("c", "c"::equals);
    remove("b");

    assertThat(lineage.nearest("c")).contains("a");
    add("d", "c");
    assertThat(lineage.after("d")).contains("a");
  }

  @Test
  void shouldFindTheTreesOfSnapshots() {
    add("a", "");
    add("b", "a");
    add("c", "a");
    add("x", "");
    add("y", "x");
    add("z", "");

    assertThat(lineage.trees(Set.of("c"))).containsExactlyInAnyOrder("a", "b", "c");
    assertThat(lineage.trees(List.of("y", "z"))).containsExactlyInAnyOrder("x", "y", "z");
    assertThat(lineage.trees(Set.of("nobody"))).isEmpty();
  }

  @Test
  void shouldGuessByTimeWhatAFormerDaemonKnew() {
    lineage.recover(
        List.of(
            snapshot("a", "gone", "i"),
            snapshot("b", "lost", "i"),
            snapshot("c", "b", "fork"),
            snapshot("d", "lost", "fork")));

    assertThat(lineage.after("a")).isEmpty();
    assertThat(lineage.after("b")).contains("a");
    assertThat(lineage.after("c")).contains("b");
    assertThat(lineage.after("d")).contains("c");
  }

  /** Against a model that forgets nothing. */
  @Test
  void shouldAgreeWithOneThatRemembersAll() {
    final long seed = Long.getLong("vas.seed", System.nanoTime());
    final Random random = new Random(seed);
    final Map<String, String> parents = new HashMap<>();
    final List<String> living = new ArrayList<>();
    String place = "";
    for (int i = 0; i < 5000; i++) {
      if (living.isEmpty() || random.nextInt(5) < 3) {
        // Now and then it is put back to another one, which may be removed meanwhile.
        if (!living.isEmpty() && random.nextInt(10) == 0) {
          place = living.get(random.nextInt(living.size()));
        }
        final String id = "s" + i;
        parents.put(id, place);
        add(id, place);
        living.add(id);
        place = id;
      } else {
        final String id = living.remove(random.nextInt(living.size()));
        lineage.remove(id, place::equals);
      }
      final Set<String> there = Set.copyOf(living);
      if (i % 50 == 0) {
        for (final String id : living) {
          String before = parents.get(id);
          while (!before.isEmpty() && !there.contains(before)) {
            before = parents.get(before);
          }
          assertThat(lineage.after(id).orElse("")).as("seed %d, %s", seed, id).isEqualTo(before);
        }
      }
    }
  }
}
