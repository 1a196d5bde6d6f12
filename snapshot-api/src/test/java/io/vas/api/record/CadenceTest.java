package io.vas.api.record;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class CadenceTest {
  private static final long PERIOD = 100;
  private static final long FIRST = 1_000_000;

  private final Cadence cadence = new Cadence(PERIOD, FIRST);

  @Test
  void shouldNotDrift() {
    for (int tick = 0; tick < 10; tick++) {
      assertThat(cadence.untilDue(FIRST + tick * PERIOD)).isZero();
      assertThat(cadence.advance(FIRST + tick * PERIOD + 30)).isZero();
    }
  }

  @Test
  void shouldLeaveOutTheTicksThatHavePassed() {
    assertThat(cadence.advance(FIRST + 99)).isZero();
    assertThat(cadence.advance(FIRST + PERIOD + 250)).isEqualTo(2);
    assertThat(cadence.untilDue(FIRST + PERIOD + 250)).isEqualTo(50);
  }

  @Test
  void shouldNotLoseATickThatCameEarly() {
    assertThat(cadence.advance(FIRST - 10)).isZero();
    assertThat(cadence.untilDue(FIRST)).isEqualTo(PERIOD);
  }
}
