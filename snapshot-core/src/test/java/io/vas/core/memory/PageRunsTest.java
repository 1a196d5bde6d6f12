package io.vas.core.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PageRunsTest {
  private static PageRuns runs(final long... startsAndEnds) {
    final List<PageRuns.Run> list = new ArrayList<>();
    for (int i = 0; i < startsAndEnds.length; i += 2) {
      list.add(new PageRuns.Run(startsAndEnds[i], startsAndEnds[i + 1] - startsAndEnds[i]));
    }
    return PageRuns.of(list);
  }

  @Test
  void shouldJoinWhatOverlapsOrTouches() {
    assertThat(runs(30, 40, 0, 10, 5, 20, 20, 25)).isEqualTo(runs(0, 25, 30, 40));
    assertThat(runs(0, 25, 30, 40).bytes()).isEqualTo(35);
  }

  @Test
  void shouldReadWhatItWrites() {
    final PageRuns runs = runs(0x1000, 0x3000, 0x8000, 0x9000);
    assertThat(runs.encode(0x1000)).containsExactly(0L, 0x2000L, 0x5000L, 0x1000L);
    assertThat(PageRuns.decode(0x1000, runs.encode(0x1000))).isEqualTo(runs);
    assertThat(PageRuns.decode(5, List.of()).isEmpty()).isTrue();
  }

  @Test
  void shouldCutAtBothEnds() {
    assertThat(runs(0, 10, 20, 30, 40, 50).within(5, 45)).isEqualTo(runs(5, 10, 20, 30, 40, 45));
    assertThat(runs(0, 10, 20, 30).within(10, 20).isEmpty()).isTrue();
  }

  @Test
  void shouldFindWhatIsMissing() {
    assertThat(runs(0, 10, 20, 30).gaps(5, 40)).isEqualTo(runs(10, 20, 30, 40));
    assertThat(runs(0, 10).gaps(0, 10).isEmpty()).isTrue();
    assertThat(runs().gaps(3, 7)).isEqualTo(runs(3, 7));
  }

  @Test
  void shouldAddAndMove() {
    assertThat(runs(0, 10).plus(runs(5, 20)).moved(100)).isEqualTo(runs(100, 120));
  }
}
