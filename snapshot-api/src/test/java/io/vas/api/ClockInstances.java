package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.api.client.VasClient;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Instances that tell the time all the time, and so show how long they stood still. The same
 * program runs beside them and is nobody's instance: what it stands still is the machine's doing.
 */
final class ClockInstances implements AutoCloseable {
  /** Their command. */
  static final List<String> COMMAND = command("/never");

  /** Between two times there are 20 ms, if the machine has time for it. */
  private static final long LONG_TICK_MICROS = 60_000;

  private static final int LONGEST_WAIT_SECONDS = 30;

  private final Path log;
  private final Process witness;

  /** How much was looked at already, by instance. */
  private final Map<String, Long> seen = new HashMap<>();

  private long longest;

  ClockInstances(final Path directory) throws IOException {
    log = Files.createFile(directory.resolve("witness"));
    witness =
        new ProcessBuilder(command(directory.resolve("never").toString()))
            .redirectOutput(log.toFile())
            .start();
  }

  /** Tells the time, as microseconds, every 20 ms, and has no children. */
  private static List<String> command(final String fifo) {
    return List.of(
        "bash",
        "-c",
        String.format(
            "mkfifo %s; exec 3<>%s;"
                + " while :; do echo ${EPOCHREALTIME/./}; read -r -t 0.02 -u 3; done",
            fifo, fifo));
  }

  private static long[] times(final String text) {
    // A line may be cut off at the end.
    return text.substring(0, text.lastIndexOf('\n') + 1)
        .lines()
        .mapToLong(Long::parseLong)
        .toArray();
  }

  private static long[] times(final VasClient client, final String instance) {
    return times(Logs.of(client, instance));
  }

  /** Until an instance has told two times from now on. */
  void awaitTicks(final VasClient client, final String instance) throws Exception {
    final int before = times(client, instance).length;
    final long begin = System.nanoTime();
    while (times(client, instance).length < before + 2) {
      assertThat(System.nanoTime() - begin)
          .as("nanoseconds without a sign of instance %s", instance)
          .isLessThan(TimeUnit.SECONDS.toNanos(LONGEST_WAIT_SECONDS));
      TimeUnit.MILLISECONDS.sleep(10);
    }
  }

  /**
   * How long an instance stood still at most since the last call, without what the witness stood
   * still meanwhile.
   *
   * @return microseconds.
   */
  long stoodStill(final VasClient client, final String instance) throws IOException {
    final long[] told = times(client, instance);
    final long[] beside = times(Files.readString(log, StandardCharsets.US_ASCII));
    long still = 0;
    for (int i = 1; i < told.length; i++) {
      if (told[i] > seen.getOrDefault(instance, 0L)) {
        still = Math.max(still, told[i] - told[i - 1] - lost(beside, told[i - 1], told[i]));
      }
    }
    if (told.length > 0) {
      seen.put(instance, told[told.length - 1]);
    }
    longest = Math.max(longest, still);
    return still;
  }

  /** The longest that was found, in microseconds. */
  long longest() {
    return longest;
  }

  /** Of a span, what the witness did not run. */
  private static long lost(final long[] beside, final long from, final long to) {
    long lost = 0;
    final int found = Arrays.binarySearch(beside, from);
    for (int i = Math.max(1, found < 0 ? -found - 1 : found);
        i < beside.length && beside[i - 1] < to;
        i++) {
      if (beside[i] - beside[i - 1] > LONG_TICK_MICROS) {
        lost += Math.min(to, beside[i]) - Math.max(from, beside[i - 1]);
      }
    }
    return lost;
  }

  @Override
  public void close() {
    witness.destroyForcibly();
    try {
      witness.waitFor();
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
