package io.vas.core.memory;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Ranges of bytes in ascending order that neither overlap nor touch. Immutable.
 *
 * <p>In an image they are written as pairs of numbers: bytes skipped since the end of the run
 * before, and bytes in the run.
 */
public final class PageRuns {
  private final List<Run> runs;

  /**
   * A range.
   *
   * @param start first byte.
   * @param length bytes, more than 0.
   */
  public record Run(long start, long length) {
    /**
     * The byte behind it.
     *
     * @return start + length.
     */
    public long end() {
      return start + length;
    }
  }

  private PageRuns(final List<Run> runs) {
    this.runs = List.copyOf(runs);
  }

  /**
   * Runs in any order.
   *
   * @param unordered ranges that may overlap.
   * @return the same bytes, in order.
   */
  public static PageRuns of(final List<Run> unordered) {
    final List<Run> sorted = new ArrayList<>(unordered);
    sorted.sort(Comparator.comparingLong(Run::start));
    final List<Run> merged = new ArrayList<>();
    for (final Run run : sorted) {
      final int last = merged.size() - 1;
      if (last >= 0 && run.start() <= merged.get(last).end()) {
        final Run before = merged.get(last);
        merged.set(
            last, new Run(before.start(), Math.max(before.end(), run.end()) - before.start()));
      } else {
        merged.add(run);
      }
    }
    return new PageRuns(merged);
  }

  /**
   * Runs of an image.
   *
   * @param base what the first skip counts from.
   * @param encoded pairs of bytes skipped and bytes in the run.
   * @return the runs.
   */
  public static PageRuns decode(final long base, final List<Long> encoded) {
    final List<Run> runs = new ArrayList<>(encoded.size() / 2);
    long at = base;
    for (int i = 0; i + 1 < encoded.size(); i += 2) {
      at += encoded.get(i);
      runs.add(new Run(at, encoded.get(i + 1)));
      at += encoded.get(i + 1);
    }
    return new PageRuns(runs);
  }

  /**
   * Runs for an image.
   *
   * @param base what the first skip counts from, not above the first run.
   * @return pairs of bytes skipped and bytes in the run.
   */
  public List<Long> encode(final long base) {
    final List<Long> encoded = new ArrayList<>(runs.size() * 2);
    long at = base;
    for (final Run run : runs) {
      encoded.add(run.start() - at);
      encoded.add(run.length());
      at = run.end();
    }
    return encoded;
  }

  /**
   * The runs.
   *
   * @return in ascending order.
   */
  public List<Run> list() {
    return runs;
  }

  /**
   * How much they hold.
   *
   * @return bytes in all runs.
   */
  public long bytes() {
    return runs.stream().mapToLong(Run::length).sum();
  }

  /**
   * Whether there is none.
   *
   * @return whether {@link #bytes()} is 0.
   */
  public boolean isEmpty() {
    return runs.isEmpty();
  }

  /**
   * The part that lies in a range.
   *
   * @param start of the range.
   * @param end of the range.
   * @return the bytes of these runs from start to end.
   */
  public PageRuns within(final long start, final long end) {
    final List<Run> found = new ArrayList<>();
    for (int i = firstEndingAfter(start); i < runs.size() && runs.get(i).start() < end; i++) {
      final long from = Math.max(start, runs.get(i).start());
      final long to = Math.min(end, runs.get(i).end());
      if (from < to) {
        found.add(new Run(from, to - from));
      }
    }
    return new PageRuns(found);
  }

  private int firstEndingAfter(final long address) {
    int low = 0;
    int high = runs.size();
    while (low < high) {
      final int middle = (low + high) >>> 1;
      if (runs.get(middle).end() <= address) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /**
   * What of a range is in none of these runs.
   *
   * @param start of the range.
   * @param end of the range.
   * @return the bytes from start to end that these runs do not hold.
   */
  public PageRuns gaps(final long start, final long end) {
    final List<Run> found = new ArrayList<>();
    long at = start;
    for (final Run run : within(start, end).runs) {
      if (at < run.start()) {
        found.add(new Run(at, run.start() - at));
      }
      at = run.end();
    }
    if (at < end) {
      found.add(new Run(at, end - at));
    }
    return new PageRuns(found);
  }

  /**
   * Both.
   *
   * @param other more runs.
   * @return the bytes that one or the other holds.
   */
  public PageRuns plus(final PageRuns other) {
    final List<Run> both = new ArrayList<>(runs);
    both.addAll(other.runs);
    return of(both);
  }

  /**
   * The same runs elsewhere.
   *
   * @param distance bytes to add to every start.
   * @return runs of the same lengths.
   */
  public PageRuns moved(final long distance) {
    return new PageRuns(
        runs.stream().map(run -> new Run(run.start() + distance, run.length())).toList());
  }

  @Override
  public boolean equals(final Object other) {
    return other instanceof PageRuns that && runs.equals(that.runs);
  }

  @Override
  public int hashCode() {
    return runs.hashCode();
  }

  @Override
  public String toString() {
    return runs.toString();
  }
}
