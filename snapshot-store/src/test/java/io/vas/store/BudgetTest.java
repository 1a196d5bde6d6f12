package io.vas.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.StoreFullException;
import io.vas.core.linux.Errno;
import io.vas.core.linux.LinuxException;
import io.vas.store.Budget.Pool;
import io.vas.store.Budget.Reservation;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class BudgetTest {
  private static final long MIB = 1 << 20;
  private static final long BYTES = 1000 * MIB;

  private final FakePool first = new FakePool();
  private final FakePool second = new FakePool();
  private final FakePool third = new FakePool();
  private final Budget budget = new Budget(BYTES, List.of(first, second, third));

  @Test
  void shouldNeverAllowMoreThanItselfWhenNothingIsReserved() {
    final Random random = new Random(1);
    for (int i = 0; i < 100; i++) {
      first.used = random.nextInt(300) * MIB;
      second.used = random.nextInt(300) * MIB;
      third.used = random.nextInt(300) * MIB;
      budget.setLimits();
      assertThat(first.limit + second.limit + third.limit).isLessThanOrEqualTo(BYTES);
      assertThat(first.limit).isGreaterThanOrEqualTo(first.used);
    }
  }

  @Test
  void shouldLetAnyPoolTakeWhatIsReserved() {
    first.used = 100 * MIB;
    try (Reservation reservation = budget.reserve("it", 500 * MIB, 0, () -> 0)) {
      assertThat(Stream.of(first, second, third)).allMatch(p -> p.limit - p.used >= 500 * MIB);
      assertThat(Stream.of(first, second, third)).allMatch(p -> p.limit <= BYTES);
      assertThat(budget.reservedBytes()).isEqualTo(500 * MIB);
      reservation.add("more of it", 400 * MIB);
      assertThat(budget.reservedBytes()).isEqualTo(900 * MIB);
    }
    budget.setLimits();
    assertThat(budget.reservedBytes()).isZero();
    assertThat(second.limit).isEqualTo(64 * MIB);
  }

  @Test
  void shouldSayHowMuchIsMissing() {
    second.used = 900 * MIB;
    assertThatExceptionOfType(StoreFullException.class)
        .isThrownBy(() -> budget.reserve("the snapshot of x", 300 * MIB, 0, () -> 0))
        .withMessage(
            "the store is full: the snapshot of x needs 300.0 MiB, 100.0 MiB of 1000.0 MiB are"
                + " free, 200.0 MiB are missing");
    assertThat(budget.reservedBytes()).isZero();
    second.used = 1010 * MIB;
    assertThatExceptionOfType(StoreFullException.class)
        .isThrownBy(() -> budget.check("the snapshot of x"))
        .withMessageContaining("10.0 MiB are missing");
  }

  @Test
  void shouldCountWhatIsSpentOnlyOnce() {
    final AtomicLong spent = new AtomicLong();
    try (Reservation reservation = budget.reserve("it", 600 * MIB, 0, spent::get)) {
      assertThatExceptionOfType(StoreFullException.class)
          .isThrownBy(() -> budget.reserve("other", 401 * MIB, 0, () -> 0));
      first.used = 500 * MIB;
      spent.set(500 * MIB);
      assertThat(budget.reservedBytes()).isEqualTo(100 * MIB);
      budget.reserve("other", 400 * MIB, 0, () -> 0).close();
      // More than was reserved is used, not owed.
      first.used = 700 * MIB;
      spent.set(700 * MIB);
      assertThat(budget.reservedBytes()).isZero();
      reservation.add("its end", 300 * MIB);
    }
  }

  @Test
  void shouldTryAgainWhenAPoolFillsWhileItsLimitIsSet() {
    first.fillsBy = MIB;
    try (Reservation reservation = budget.reserve("it", 500 * MIB, 0, () -> 0)) {
      assertThat(first.limit).isGreaterThanOrEqualTo(500 * MIB + first.used);
      assertThat(first.used).isEqualTo(MIB);
      reservation.add("nothing", 0);
    }
  }

  @Test
  void shouldLeaveLimitsAsTheyAreWhileThereIsPlenty() {
    budget.setLimits();
    final long before = first.limit;
    for (int i = 0; i < 40; i++) {
      try (Reservation reservation = budget.reserve("a little", MIB, 0, () -> 0)) {
        first.used += MIB;
        assertThat(first.limit - first.used).isGreaterThanOrEqualTo(MIB);
        reservation.add("nothing", 0);
      }
      budget.setLimits();
    }
    assertThat(first.limits).isLessThan(8);
    assertThat(first.limit).isGreaterThan(before);
    assertThat(first.limit + second.limit + third.limit).isLessThanOrEqualTo(BYTES);
  }

  private static final class FakePool implements Pool {
    private long used;
    private long limit;
    private long fillsBy;
    private int limits;

    @Override
    public long usedBytes() {
      return used;
    }

    @Override
    public void limit(final long bytes) {
      if (fillsBy > 0) {
        used += fillsBy;
        fillsBy = 0;
        throw new LinuxException("fsconfig", "size=" + bytes, Errno.EINVAL.number());
      }
      limit = bytes;
      limits++;
    }
  }
}
