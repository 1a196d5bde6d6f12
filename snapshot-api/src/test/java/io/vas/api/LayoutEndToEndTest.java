package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.google.protobuf.Struct;
import io.vas.api.client.CountersFile;
import io.vas.api.client.VasClient;
import io.vas.api.stats.Counter;
import io.vas.api.v1.SnapshotInfo;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Forks of a snapshot whose pages are laid out anew meanwhile, and a daemon that is killed. */
class LayoutEndToEndTest extends DaemonProcessTest {
  private static final int CHAIN = 25;
  private static final int KILLS = Integer.getInteger("vas.layout.kills", 4);
  private static final int LONGEST_MILLIS = 250;

  @Test
  void shouldHaveTheSameMemoryInEachForkOfEachLayout() throws Exception {
    assumeThat(Path.of("/usr/bin/redis-server")).exists();
    final String last = chain();
    final String digest = digest("cache");
    done("fork", last, "--name", "before");
    done("fork", last, "-n", "3", "--name", "during");
    await(() -> isLaidOut(last));
    final CountersFile counters = CountersFile.open(state.counters());
    await(() -> counters.value(Counter.SNAPSHOTS_LAID_OUT) == 1);
    done("fork", last, "-n", "2", "--name", "after");
    final List<String> forks =
        List.of("before", "during-1", "during-2", "during-3", "after-1", "after-2");
    for (final String fork : forks) {
      assertThat(digest(fork)).as(fork).isEqualTo(digest);
    }
    // Some map the former layout, some the new one.
    for (final String fork : List.of("before", "after-1")) {
      shouldTakeAndGoBack(fork, digest, last);
    }
    killDaemon();
    for (final String fork : forks) {
      done("exec", fork, "true");
    }
    assertThat(isLaidOut(last)).isTrue();
    for (final String fork : List.of("during-1", "during-2", "after-2")) {
      shouldTakeAndGoBack(fork, digest, last);
    }
    done("fork", last, "--name", "again");
    assertThat(digest("again")).isEqualTo(digest);
    done("snapshot", "cache", "--mode", "live", "-t", "cache:next");
    done("fork", "cache:next", "--name", "next");
    assertThat(digest("next")).isEqualTo(digest("cache"));
    assertThat(vas("store", "verify").exitCode()).isZero();
    for (final String fork : forks) {
      done("rm", "-f", fork);
    }
    done("rm", last);
    assertThat(digest("next")).isEqualTo(digest("cache"));
    assertThat(vas("store", "verify").exitCode()).isZero();
  }

  @Test
  void shouldLoseNothingWhereverTheDaemonIsKilledMeanwhile() throws Exception {
    assumeThat(Path.of("/usr/bin/redis-server")).exists();
    final long seed = Long.getLong("vas.seed", System.nanoTime());
    final Random random = new Random(seed);
    String last = chain();
    final List<String> forks = new ArrayList<>();
    int laidOut = 0;
    for (int i = 0; i < KILLS; i++) {
      final String digest = digest("cache");
      done("fork", last, "-n", "3", "--name", "f" + i);
      TimeUnit.MILLISECONDS.sleep(random.nextInt(LONGEST_MILLIS));
      killDaemon();
      for (int k = 1; k <= 3; k++) {
        assertThat(digest("f" + i + "-" + k)).as("seed %d, kill %d", seed, i).isEqualTo(digest);
      }
      forks.add("f" + i + "-1");
      done("rm", "-f", "f" + i + "-2", "f" + i + "-3");
      shouldTakeAndGoBack("f" + i + "-1", digest, last);
      assertThat(vas("store", "verify").exitCode()).as("seed %d, kill %d", seed, i).isZero();
      if (isLaidOut(last)) {
        laidOut++;
        last = lengthen(1000 * i);
      }
    }
    System.out.println("seed " + seed + ": " + laidOut + " of " + KILLS + " laid out");
    forks.forEach(fork -> done("rm", "-f", fork));
    done("rm", "-f", "cache");
    try (VasClient client = VasClient.connect(state)) {
      client.rm(client.snapshots().stream().map(SnapshotInfo::getId).toList(), true);
      assertThat(client.info().getStoreBytes()).as("seed %d: bytes leaked", seed).isZero();
    }
  }

  /** What the instance has not written is shared with its origin, and so must be what it maps. */
  private void shouldTakeAndGoBack(final String fork, final String digest, final String last) {
    write(fork, 77);
    final String changed = digest(fork);
    assertThat(changed).isNotEqualTo(digest);
    done("snapshot", fork, "-t", fork + ":one");
    done("fork", fork + ":one", "--name", fork + "-copy");
    assertThat(digest(fork + "-copy")).as(fork).isEqualTo(changed);
    write(fork, 78);
    done("rollback", fork, last);
    assertThat(digest(fork)).as(fork).isEqualTo(digest);
    done("rm", "-f", fork + "-copy");
  }

  private String chain() {
    done(
        "run",
        "-d",
        "--name",
        "cache",
        "--",
        "redis-server",
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--enable-debug-command",
        "yes");
    await(() -> vas("exec", "cache", "redis-cli", "PING").out().equals("PONG\n"));
    done("exec", "cache", "redis-cli", "DEBUG", "POPULATE", "20000", "key", "1000");
    return lengthen(0);
  }

  private String lengthen(final int firstRound) {
    String last = "";
    for (int i = 0; i < CHAIN; i++) {
      write("cache", firstRound + i);
      last =
          done("snapshot", "cache", "--mode", "live", "--json")
              .object()
              .getFieldsOrThrow("id")
              .getStringValue();
    }
    return last;
  }

  private void write(final String instance, final int round) {
    done(
        "exec",
        instance,
        "redis-cli",
        "EVAL",
        "for i = 1, 100 do redis.call('SET', 'key:' .. (i * 7919 + ARGV[1] * 31) % 20000,"
            + " string.rep(ARGV[1], 450)) end",
        "0",
        Integer.toString(round));
  }

  private String digest(final String instance) {
    return done("exec", instance, "redis-cli", "DEBUG", "DIGEST").out();
  }

  private boolean isLaidOut(final String snapshot) {
    return done("store", "stat", "--json")
        .object()
        .getFieldsOrThrow("snapshots")
        .getListValue()
        .getValuesList()
        .stream()
        .map(value -> value.getStructValue())
        .filter(entry -> text(entry, "id").equals(snapshot))
        .anyMatch(entry -> entry.getFieldsOrThrow("laid_out").getBoolValue());
  }

  private static String text(final Struct object, final String field) {
    return object.getFieldsOrThrow(field).getStringValue();
  }

  private void killDaemon() throws Exception {
    final int pid;
    try (VasClient client = VasClient.connect(state)) {
      pid = client.info().getPid();
    }
    end(pid, true);
  }
}
