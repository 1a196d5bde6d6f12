package io.vas.api.cli;

import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.TimelineEntry;
import io.vas.api.v1.TimelinePlace;
import io.vas.api.v1.TimelineReply;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Draws trees of snapshots:
 *
 * <pre>
 * * 3f1c0a9be512
 * |-* 81c2b95d9f0a      a branch, before the trunk goes on
 * | * 99d011c5a3e8
 * * cd34507b2a90
 * </pre>
 */
final class TimelineDrawing {
  /** A run that is longer than this is folded, but for its ends. */
  private static final int LONGEST_RUN = 8;

  private static final int RUN_END = 2;

  /** Instances that are named beside one snapshot. */
  private static final int NAMES_MAX = 4;

  private final TimelineReply timeline;
  private final boolean all;
  private final boolean oneInstance;
  private final Map<String, TimelineEntry> entries = new HashMap<>();
  private final Map<String, List<TimelineEntry>> next = new HashMap<>();
  private final Map<String, List<TimelinePlace>> places = new HashMap<>();
  private final Set<String> trunk = new HashSet<>();
  private final Table table;

  /**
   * A drawing.
   *
   * @param timeline what to draw.
   * @param all whether long runs are shown as a whole.
   */
  TimelineDrawing(final TimelineReply timeline, final boolean all) {
    this.timeline = timeline;
    this.all = all;
    oneInstance =
        timeline.getSnapshotsList().stream()
                .map(entry -> entry.getSnapshot().getInstance())
                .distinct()
                .count()
            <= 1;
    table =
        oneInstance
            ? new Table("SNAPSHOT", "NAME", "TIME", "", ">FROZEN", ">DIRTY", ">OWN", "")
            : new Table(
                "SNAPSHOT", "NAME", "INSTANCE", "TIME", "", ">FROZEN", ">DIRTY", ">OWN", "");
    timeline.getSnapshotsList().forEach(entry -> entries.put(entry.getSnapshot().getId(), entry));
    for (final TimelineEntry entry : timeline.getSnapshotsList()) {
      next.computeIfAbsent(entry.getAfter(), id -> new ArrayList<>()).add(entry);
    }
    for (final TimelinePlace place : timeline.getPlacesList()) {
      places.computeIfAbsent(place.getSnapshot(), id -> new ArrayList<>()).add(place);
      if (place.getInstance().equals(timeline.getInstance())) {
        addTrunk(place.getSnapshot());
      }
    }
  }

  private void addTrunk(final String place) {
    for (TimelineEntry at = entries.get(place); at != null; at = entries.get(at.getAfter())) {
      trunk.add(at.getSnapshot().getId());
    }
  }

  /**
   * Prints it.
   *
   * @param out takes the lines.
   */
  void print(final PrintStream out) {
    next.getOrDefault("", List.of()).forEach(root -> draw(root, "", ""));
    table.print(out);
  }

  /** Draws a line of snapshots from its first one on; branches before what they branch off from. */
  private void draw(final TimelineEntry first, final String firstIndent, final String indent) {
    List<TimelineEntry> run = new ArrayList<>();
    String runIndent = firstIndent;
    TimelineEntry at = first;
    while (at != null) {
      run.add(at);
      final List<TimelineEntry> after = next.getOrDefault(at.getSnapshot().getId(), List.of());
      final TimelineEntry main =
          after.stream().max(Comparator.comparingInt(this::weight)).orElse(null);
      if (after.size() > 1) {
        drawRun(run, runIndent, indent);
        for (final TimelineEntry branch : after) {
          if (!branch.equals(main)) {
            draw(branch, indent + "|-", indent + "| ");
          }
        }
        run = new ArrayList<>();
        runIndent = indent;
      }
      at = main;
    }
    drawRun(run, runIndent, indent);
  }

  /** The greatest of those after a snapshot goes on in its column; of several, the latest. */
  private int weight(final TimelineEntry entry) {
    if (trunk.contains(entry.getSnapshot().getId())) {
      return 2;
    }
    final TimelineEntry before = entries.get(entry.getAfter());
    return entry.getSnapshot().getInstance().equals(before.getSnapshot().getInstance()) ? 1 : 0;
  }

  /** Draws snapshots of which each but the last has one after it. */
  private void drawRun(
      final List<TimelineEntry> run, final String firstIndent, final String indent) {
    int plainFrom = 0;
    for (int i = 0; i <= run.size(); i++) {
      if (i == run.size() || !isPlain(run.get(i))) {
        drawPlain(run.subList(plainFrom, i), plainFrom == 0 ? firstIndent : indent, indent);
        if (i < run.size()) {
          row(run.get(i), i == 0 ? firstIndent : indent);
        }
        plainFrom = i + 1;
      }
    }
  }

  private boolean isPlain(final TimelineEntry entry) {
    return entry.getSnapshot().getName().isEmpty()
        && !places.containsKey(entry.getSnapshot().getId());
  }

  private void drawPlain(
      final List<TimelineEntry> plain, final String firstIndent, final String indent) {
    final boolean isFolded = !all && plain.size() > LONGEST_RUN;
    for (int i = 0; i < plain.size(); i++) {
      if (isFolded && i == RUN_END) {
        i = plain.size() - RUN_END;
        folded(plain.subList(RUN_END, i), indent);
      }
      row(plain.get(i), i == 0 ? firstIndent : indent);
    }
  }

  private void folded(final List<TimelineEntry> run, final String indent) {
    long frozen = 0;
    long dirty = 0;
    long bytes = 0;
    for (final TimelineEntry entry : run) {
      frozen = Math.max(frozen, entry.getSnapshot().getFrozenUs());
      dirty += entry.getSnapshot().getPagesCopied();
      bytes += entry.getSnapshot().getBytes();
    }
    add(
        indent + ": ... " + Texts.count(run.size()) + " more",
        "",
        "",
        "",
        "",
        "<= " + Texts.duration(frozen),
        Texts.count(dirty),
        Texts.size(bytes),
        "");
  }

  private void row(final TimelineEntry entry, final String indent) {
    final SnapshotInfo snapshot = entry.getSnapshot();
    add(
        indent + "* " + snapshot.getId(),
        snapshot.getName().isEmpty() ? "-" : snapshot.getName(),
        entry.getInstanceName().isEmpty() ? snapshot.getInstance() : entry.getInstanceName(),
        Texts.localTime(snapshot.getCreatedUnixUs()),
        Texts.age(snapshot.getCreatedUnixUs()),
        Texts.duration(snapshot.getFrozenUs()),
        Texts.count(snapshot.getPagesCopied()),
        Texts.size(snapshot.getBytes()),
        standing(places.getOrDefault(snapshot.getId(), List.of())));
  }

  private String standing(final List<TimelinePlace> here) {
    final List<String> names = new ArrayList<>();
    for (final TimelinePlace place : here) {
      if (place.getInstance().equals(timeline.getInstance())) {
        names.add(0, place.getName() + " is here");
      } else if (names.size() < NAMES_MAX) {
        names.add(place.getName());
      }
    }
    if (names.size() < here.size()) {
      names.add(here.size() - names.size() + " more");
    }
    return names.isEmpty() ? "" : "<- " + String.join(", ", names);
  }

  private void add(
      final String graph,
      final String name,
      final String instance,
      final String time,
      final String age,
      final String frozen,
      final String dirty,
      final String own,
      final String here) {
    if (oneInstance) {
      table.add(graph, name, time, age, frozen, dirty, own, here);
    } else {
      table.add(graph, name, instance, time, age, frozen, dirty, own, here);
    }
  }
}
