package io.vas.api.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.TimelineEntry;
import io.vas.api.v1.TimelinePlace;
import io.vas.api.v1.TimelineReply;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class TimelineDrawingTest {
  private final TimelineReply.Builder timeline = TimelineReply.newBuilder().setInstance("web");

  private void add(final String id, final String after, final String name, final String instance) {
    timeline.addSnapshots(
        TimelineEntry.newBuilder()
            .setAfter(after)
            .setInstanceName(instance)
            .setSnapshot(SnapshotInfo.newBuilder().setId(id).setName(name).setInstance(instance)));
  }

  private void stands(final String instance, final String snapshot) {
    timeline.addPlaces(
        TimelinePlace.newBuilder().setInstance(instance).setName(instance).setSnapshot(snapshot));
  }

  /** The first column of each line, and what is said of who stands there. */
  private List<String> lines(final boolean all) {
    final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    new TimelineDrawing(timeline.build(), all)
        .print(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    return bytes
        .toString(StandardCharsets.UTF_8)
        .lines()
        .skip(1)
        .map(line -> line.replaceAll("  .*?(<- .*)?$", " $1").strip())
        .toList();
  }

  @Test
  void shouldDrawForksAsBranches() {
    add("a", "", "", "web");
    add("b", "a", "", "web");
    add("x", "a", "", "fork");
    add("y", "x", "", "fork");
    add("z", "x", "", "other");
    add("c", "b", "", "web");
    stands("web", "c");
    stands("fork", "y");
    stands("idle", "c");

    assertThat(lines(false))
        .containsExactly(
            "* a", "|-* x", "| |-* z", "| * y <- fork", "* b", "* c <- web is here, idle");
  }

  @Test
  void shouldGoOnStraightToWhereTheInstanceStands() {
    add("a", "", "", "web");
    add("b", "a", "", "web");
    add("c", "b", "", "web");
    add("d", "a", "", "web");
    stands("web", "b");

    assertThat(lines(false)).containsExactly("* a", "|-* d", "* b <- web is here", "* c");
  }

  @Test
  void shouldFoldLongRunsButForWhatIsNamed() {
    add("s0", "", "", "web");
    for (int i = 1; i < 100; i++) {
      add("s" + i, "s" + (i - 1), i == 50 ? "web:kept" : "", "web");
    }
    stands("web", "s99");

    assertThat(lines(false))
        .containsExactly(
            "* s0",
            "* s1",
            ": ... 46 more",
            "* s48",
            "* s49",
            "* s50",
            "* s51",
            "* s52",
            ": ... 44 more",
            "* s97",
            "* s98",
            "* s99 <- web is here");
    assertThat(lines(true)).hasSize(100);
  }

  @Test
  void shouldDrawTreesOneBelowTheOther() {
    add("a", "", "", "web");
    add("x", "", "", "web");
    add("b", "a", "", "web");

    assertThat(lines(false)).containsExactly("* a", "* b", "* x");
  }
}
