package io.vas.api.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vas.api.StateDirectory;
import io.vas.api.client.CountersFile;
import io.vas.api.client.VasClient;
import io.vas.api.stats.Counter;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.RecorderInfo;
import io.vas.api.v1.RecordingEnd;
import io.vas.core.InvalidRequestException;
import io.vas.core.StoreFullException;
import io.vas.core.testing.LeakCheck;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** A store that is too small for what it is asked to hold. */
@ExtendWith(LeakCheck.class)
class SmallStoreEndToEndTest {
  /** It changes some memory all the time. */
  private static final String WRITER = "i=0; while :; do i=$((i + 1)); done";

  @TempDir private Path temporary;

  @Test
  void shouldRefuseASnapshotThatDoesNotFitAndLoseNothing() {
    final StateDirectory state = new StateDirectory(temporary.resolve("state"));
    try (Daemon daemon = Daemon.start(state, directory -> new LocalEngine(directory, "8m", ""));
        VasClient client = VasClient.connect(state)) {
      assertThat(daemon).isNotNull();
      final InstanceInfo small = client.run("small", List.of("sleep", "1000"));
      client.run("large", List.of("dd", "if=/dev/urandom", "of=/dev/null", "bs=32M"));
      client.snapshot("small", "small:one");
      final InstanceInfo large = awaitLarge(client);

      assertThatThrownBy(() -> client.snapshot("large", "large:one"))
          .isInstanceOf(StoreFullException.class)
          .hasMessageContaining("large");

      assertThat(client.snapshots()).singleElement().matches(s -> s.getName().equals("small:one"));
      assertThat(client.ps(false))
          .extracting(InstanceInfo::getId)
          .containsExactlyInAnyOrder(small.getId(), large.getId());
      assertThat(client.fork("small:one", 1)).hasSize(1);
      assertThat(client.info().getStoreBudgetBytes()).isEqualTo(8 << 20);
    }
  }

  @Test
  void shouldRecordUntilTheStoreIsFullAndSaySo() {
    final StateDirectory state = new StateDirectory(temporary.resolve("state"));
    try (Daemon daemon = Daemon.start(state, directory -> new LocalEngine(directory, "8m", ""));
        VasClient client = VasClient.connect(state)) {
      assertThat(daemon).isNotNull();
      client.run("writer", List.of("sh", "-c", WRITER));
      client.record("writer", Duration.ofMillis(2), "");

      final RecorderInfo ended = awaitEnd(client);

      assertThat(ended.getEnd()).isEqualTo(RecordingEnd.RECORDING_STORE_FULL);
      assertThat(ended.getReason()).contains("writer").contains("full");
      assertThat(client.snapshots()).hasSize((int) ended.getTaken());
      assertThat(client.ps(false)).hasSize(1);
      final String last = client.snapshots().get((int) ended.getTaken() - 1).getId();
      assertThat(client.fork(last, 1)).hasSize(1);
    }
  }

  @Test
  void shouldRecordOnInAStoreThatHoldsWhatIsToBeKept() {
    final StateDirectory state = new StateDirectory(temporary.resolve("state"));
    try (Daemon daemon = Daemon.start(state, directory -> new LocalEngine(directory, "8m", ""));
        VasClient client = VasClient.connect(state)) {
      assertThat(daemon).isNotNull();
      client.run("writer", List.of("sh", "-c", WRITER));
      client.record("writer", Duration.ofMillis(2), "last=3");

      while (client.recorders("writer").get(0).getTaken() < 100) {
        assertThat(client.recorders("writer").get(0).getReason()).isEmpty();
      }

      assertThat(client.stopRecording("writer").getKept()).isEqualTo(3);
      assertThat(client.snapshots()).hasSize(3);
    }
  }

  @Test
  void shouldCountWhatItEvicts() {
    final StateDirectory state = new StateDirectory(temporary.resolve("state"));
    try (Daemon daemon =
            Daemon.start(state, directory -> new LocalEngine(directory, "8m", "evict"));
        VasClient client = VasClient.connect(state)) {
      assertThat(daemon).isNotNull();
      final CountersFile counters = CountersFile.open(state.counters());
      client.run("writer", List.of("sh", "-c", WRITER));
      long taken = 0;
      while (counters.value(Counter.SNAPSHOTS_EVICTED) == 0) {
        client.snapshot("writer", "");
        assertThat(++taken).isLessThan(1000);
      }

      final long evicted = counters.value(Counter.SNAPSHOTS_EVICTED);
      assertThat(client.snapshots()).hasSize((int) (taken - evicted));
      assertThat(counters.value(Counter.SNAPSHOTS_TAKEN)).isEqualTo(taken);
      assertThat(counters.value(Counter.SNAPSHOTS_REMOVED)).isZero();
      assertThat(counters.value(Counter.SNAPSHOTS_FAILED)).isZero();
    }
  }

  private static RecorderInfo awaitEnd(final VasClient client) {
    while (true) {
      final RecorderInfo recorder = client.recorders("writer").get(0);
      if (recorder.getEnd() != RecordingEnd.RECORDING_END_UNSPECIFIED) {
        return recorder;
      }
      Thread.onSpinWait();
    }
  }

  @Test
  void shouldReadSizes() {
    assertThat(StoreBudget.bytes("500M")).isEqualTo(500L << 20);
    assertThat(StoreBudget.bytes("8g")).isEqualTo(8L << 30);
    assertThat(StoreBudget.bytes("12345")).isEqualTo(12345);
    assertThatThrownBy(() -> StoreBudget.bytes("much")).isInstanceOf(InvalidRequestException.class);
    assertThatThrownBy(() -> StoreBudget.bytes("999999999999t"))
        .isInstanceOf(InvalidRequestException.class);
  }

  private static InstanceInfo awaitLarge(final VasClient client) {
    while (true) {
      final var details = client.inspect("large").getInstance();
      if (details.getMemory().getOwnBytes() > 30 << 20) {
        return details.getInfo();
      }
      Thread.onSpinWait();
    }
  }
}
