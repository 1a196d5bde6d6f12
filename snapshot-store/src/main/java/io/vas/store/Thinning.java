package io.vas.store;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/**
 * In which order snapshots go so that each timeline gets thinner, the more so the older it is: next
 * is always the one that leaves the shortest gap for its age. The first and the last of an instance
 * are not among them, and what has a name is not, but closes gaps.
 */
final class Thinning {
  /** A snapshot between those of its instance that are left. */
  private static final class Place {
    private final Snapshot snapshot;
    private Place before;
    private Place after;
    private boolean gone;

    Place(final Snapshot snapshot) {
      this.snapshot = snapshot;
    }

    boolean mayGo() {
      return before != null && after != null && !gone && snapshot.name().isEmpty();
    }
  }

  /** What a place's gap was when this was noted: a larger one is noted again. */
  private record Gap(Place place, double share) {}

  private final Instant now;
  private final PriorityQueue<Gap> gaps =
      new PriorityQueue<>(
          Comparator.comparingDouble(Gap::share)
              .thenComparing(gap -> gap.place().snapshot.created()));

  private Thinning(final Instant now) {
    this.now = now;
  }

  /**
   * The order.
   *
   * @param snapshots all that there are, the oldest first.
   * @param now the time.
   * @return those that may go, the first to go first.
   */
  static List<Snapshot> order(final Collection<Snapshot> snapshots, final Instant now) {
    return new Thinning(now).order(snapshots);
  }

  private List<Snapshot> order(final Collection<Snapshot> snapshots) {
    final List<Place> places = new ArrayList<>();
    final Map<String, Place> last = new HashMap<>();
    for (final Snapshot snapshot : snapshots) {
      final Place place = new Place(snapshot);
      place.before = last.put(snapshot.instance(), place);
      if (place.before != null) {
        place.before.after = place;
      }
      places.add(place);
    }
    places.forEach(this::note);
    final List<Snapshot> order = new ArrayList<>();
    for (Gap gap = gaps.poll(); gap != null; gap = gaps.poll()) {
      final Place place = gap.place();
      if (place.mayGo() && gap.share() == share(place)) {
        place.gone = true;
        place.before.after = place.after;
        place.after.before = place.before;
        order.add(place.snapshot);
        note(place.before);
        note(place.after);
      }
    }
    return order;
  }

  private void note(final Place place) {
    if (place.mayGo()) {
      gaps.add(new Gap(place, share(place)));
    }
  }

  /** The gap that it would leave, as a share of its age. */
  private double share(final Place place) {
    return (double) nanos(place.before.snapshot.created(), place.after.snapshot.created())
        / Math.max(1, nanos(place.snapshot.created(), now));
  }

  private static long nanos(final Instant from, final Instant to) {
    return Duration.between(from, to).toNanos();
  }
}
