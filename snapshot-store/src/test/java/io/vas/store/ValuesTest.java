package io.vas.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.InvalidRequestException;
import io.vas.core.memory.RegionKind;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ValuesTest {
  private static final Path ANYWHERE = Path.of("/tmp");

  @ParameterizedTest
  @CsvSource({
    "redis, redis, latest",
    "redis:warm, redis, warm",
    "team/redis-7.2:V1.0_x, team/redis-7.2, V1.0_x",
    "a__b:_, a__b, _",
    "beef, beef, latest"
  })
  void shouldParseNames(final String text, final String name, final String tag) {
    assertThat(SnapshotName.parse(text)).isEqualTo(new SnapshotName(name, tag));
    assertThat(SnapshotName.isValid(text)).isTrue();
    assertThat(SnapshotName.parse(SnapshotName.parse(text).toString()))
        .isEqualTo(new SnapshotName(name, tag));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "", ":", "redis:", ":tag", "Redis", "-a", "a-", "a b", "a:b:c", "a:.b", "a\n", "é"
      })
  void shouldRefuseMalformedNames(final String text) {
    assertThat(SnapshotName.isValid(text)).isFalse();
    assertThatExceptionOfType(InvalidRequestException.class)
        .isThrownBy(() -> SnapshotName.parse(text));
  }

  @Test
  void shouldRefuseLongNames() {
    assertThat(SnapshotName.isValid("a".repeat(128) + ":" + "t".repeat(128))).isTrue();
    assertThat(SnapshotName.isValid("a".repeat(129))).isFalse();
    assertThat(SnapshotName.isValid("a:" + "t".repeat(129))).isFalse();
  }

  @Test
  void shouldNumberHeldDescriptorsApart() {
    final SnapshotId id = new SnapshotId(0xABC);
    assertThat(id).hasToString("000000000abc");
    assertThat(id.heldLayer()).isEqualTo(0x5300000000_0abc10L);
    assertThat(new SnapshotId((1L << 48) - 1).heldLayer()).isPositive();
    assertThat(SnapshotUse.HELD_FILE_TYPE).isNotEqualTo(SnapshotId.HELD_TYPE);
  }

  @Test
  void shouldNumberPlacesOfPagesSideBySide() {
    final long file = PagePlace.file(0x123456, RegionKind.SMALL);
    assertThat(PagePlace.number(file)).isEqualTo(0x123456);
    assertThat(PagePlace.kind(file)).isEqualTo(RegionKind.SMALL);
    final long place = PagePlace.of(file, (1L << 47) - 4096);
    assertThat(place).isPositive().isEqualTo(PagePlace.of(file, (1L << 47) - 8192) + 1);
    assertThat(PagePlace.fileOf(place)).isEqualTo(file);
    assertThat(PagePlace.offsetOf(place)).isEqualTo((1L << 47) - 4096);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0 bytes",
    "1023, 1023 bytes",
    "1024, 1.0 KiB",
    "1572864, 1.5 MiB",
    "5368709120, 5.0 GiB",
    "5497558138880, 5120.0 GiB"
  })
  void shouldShowBytes(final long bytes, final String text) {
    assertThat(ByteCount.of(bytes)).isEqualTo(text);
  }

  @Test
  void shouldReadHowMuchMemoryThereIs() {
    final String text = "MemTotal:       24684036 kB\nMemFree: 1 kB\nMemAvailable:   1024 kB\n";
    assertThat(AvailableMemory.meminfo(text, "MemTotal")).isEqualTo(24684036L * 1024);
    assertThat(AvailableMemory.meminfo(text, "MemAvailable")).isEqualTo(1 << 20);
    assertThat(AvailableMemory.availableBytes()).isPositive();
    assertThat(AvailableMemory.availableBytes()).isLessThan(AvailableMemory.totalBytes());
  }

  @Test
  void shouldRefuseBudgetsThatCanNotBe() {
    assertThatExceptionOfType(InvalidRequestException.class)
        .isThrownBy(() -> new StoreConfig(ANYWHERE, Long.MAX_VALUE))
        .withMessageContaining("does not fit into this machine's memory");
    for (final long bytes : new long[] {-1, 0, 4096}) {
      assertThatExceptionOfType(InvalidRequestException.class)
          .isThrownBy(() -> new StoreConfig(ANYWHERE, bytes))
          .withMessageContaining("too small");
    }
    assertThat(StoreConfig.ofDefaultBudget(ANYWHERE).budgetBytes())
        .isBetween(4L << 20, AvailableMemory.totalBytes() / 2);
  }
}
