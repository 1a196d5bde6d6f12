package io.vas.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ThinningTest {
  private static final Instant BEGIN = Instant.parse("2026-01-01T00:00:00Z");

  private final List<Snapshot> snapshots = new ArrayList<>();

  private Snapshot take(final String instance, final int second, final Optional<String> name) {
    final Snapshot snapshot =
        new Snapshot(
            instance + "-" + second,
            name.map(SnapshotName::parse),
            0,
            instance,
            Optional.empty(),
            BEGIN.plusSeconds(second),
            new SnapshotFacts(0, 0, "map"),
            new SnapshotSpace(1, 0, 0, 0));
    snapshots.add(snapshot);
    return snapshot;
  }

  private List<Snapshot> order(final int second) {
    return Thinning.order(snapshots, BEGIN.plusSeconds(second));
  }

  private static long gap(final List<Snapshot> of, final int i) {
    return Duration.between(of.get(i).created(), of.get(i + 1).created()).toSeconds();
  }

  @Test
  void shouldLeaveATimelineThatIsTheDenserTheYounger() {
    final int count = 1000;
    for (int i = 0; i < count; i++) {
      take("a", i, Optional.empty());
    }
    final List<Snapshot> order = order(count);
    assertThat(order).hasSize(count - 2).doesNotHaveDuplicates();

    final List<Snapshot> left = new ArrayList<>(snapshots);
    left.removeAll(order.subList(0, count - 40));

    assertThat(left.get(0)).isEqualTo(snapshots.get(0));
    assertThat(left.get(left.size() - 1)).isEqualTo(snapshots.get(count - 1));
    for (int i = 0; i + 1 < left.size(); i++) {
      final long age = count - Duration.between(BEGIN, left.get(i).created()).toSeconds();
      // 40 of 1,000: each gap is a share of its age, nowhere much more than elsewhere.
      assertThat(gap(left, i))
          .as("gap after %s", left.get(i).id())
          .isLessThanOrEqualTo(1 + age / 3);
    }
    assertThat(gap(left, 0)).isGreaterThan(5 * gap(left, left.size() - 2));
  }

  @Test
  void shouldNotMixTimelines() {
    take("a", 0, Optional.empty());
    take("b", 1, Optional.empty());
    final Snapshot between = take("a", 2, Optional.empty());
    take("b", 3, Optional.empty());
    take("a", 4, Optional.empty());

    assertThat(order(10)).containsExactly(between);
  }

  @Test
  void shouldLetNothingGoThatHasAName() {
    take("a", 0, Optional.empty());
    take("a", 1, Optional.of("a:one"));
    final Snapshot near = take("a", 2, Optional.empty());
    final Snapshot far = take("a", 50, Optional.empty());
    take("a", 99, Optional.empty());

    assertThat(order(100)).containsExactly(near, far);
  }

  @Test
  void shouldPutUpWithSnapshotsOfOneMoment() {
    for (int i = 0; i < 5; i++) {
      take("a", 1, Optional.empty());
    }

    assertThat(order(1)).hasSize(3);
  }
}
