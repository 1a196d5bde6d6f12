package io.vas.api.stats;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class LatencyBucketsTest {
  @Test
  void shouldGiveShortTimesBucketsOfTheirOwn() {
    for (int micros = 0; micros < 16; micros++) {
      assertThat(LatencyBuckets.index(micros)).isEqualTo(micros);
      assertThat(LatencyBuckets.highest(micros)).isEqualTo(micros);
    }
  }

  @Test
  void shouldFollowEachOtherWithoutGaps() {
    for (int i = 0; i + 1 < LatencyBuckets.COUNT; i++) {
      assertThat(LatencyBuckets.index(LatencyBuckets.highest(i))).isEqualTo(i);
      assertThat(LatencyBuckets.index(LatencyBuckets.highest(i) + 1)).isEqualTo(i + 1);
    }
  }

  @Test
  void shouldBeNoWiderThanAnEighth() {
    final Random random = new Random(1);
    for (int i = 0; i < 100_000; i++) {
      final long micros = random.nextLong() >>> (24 + random.nextInt(40));
      final long highest = LatencyBuckets.highest(LatencyBuckets.index(micros));
      assertThat(highest).isBetween(micros, micros + micros / 8);
    }
  }

  @Test
  void shouldTakeAnyTime() {
    assertThat(LatencyBuckets.index(-1)).isZero();
    assertThat(LatencyBuckets.index(Long.MIN_VALUE)).isZero();
    assertThat(LatencyBuckets.index(Long.MAX_VALUE)).isEqualTo(LatencyBuckets.COUNT - 1);
  }
}
