package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import io.vas.api.cli.CommandLineRun;
import io.vas.api.client.VasClient;
import io.vas.api.v1.RecorderInfo;
import io.vas.api.v1.RecordingEnd;
import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.SnapshotMode;
import io.vas.api.v1.SnapshotRequest;
import io.vas.core.ConflictException;
import io.vas.core.testing.LeakCheck;
import io.vas.natives.NativeBinaries;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Recorders and timelines of real instances. */
@ExtendWith(LeakCheck.class)
class RecordingTest extends CommandLineTest {
  private static final String COUNTERS = System.getProperty("vas.victims.dir") + "/live_counters";
  private static final int SIGUSR1 = 10;
  private static final int CHAIN = 300;

  @TempDir private static Path programs;

  private VasClient client;

  @BeforeEach
  void connect() {
    client = VasClient.connect(state);
  }

  @AfterEach
  void disconnect() {
    client.close();
  }

  private RecorderInfo recorder(final String instance) {
    return client.recorders(instance).get(0);
  }

  private void awaitTaken(final String instance, final long count) {
    await(() -> recorder(instance).getTaken() >= count);
  }

  private RecorderInfo awaitEnd(final String instance) {
    await(() -> recorder(instance).getEnd() != RecordingEnd.RECORDING_END_UNSPECIFIED);
    return recorder(instance);
  }

  private List<SnapshotInfo> snapshotsOf(final String instance) {
    final String id = client.inspect(instance).getInstance().getInfo().getId();
    return client.snapshots().stream().filter(s -> s.getInstance().equals(id)).toList();
  }

  @Test
  void shouldRecordAtTheCadenceAskedFor() {
    run("web", "sleep", "1000");
    final String id = vas("record", "-d", "web", "--every", "50ms").out().strip();
    awaitTaken("web", 20);

    final RecorderInfo ended = client.stopRecording("web");

    assertThat(id).isEqualTo(ended.getInstance());
    final List<SnapshotInfo> snapshots = snapshotsOf("web");
    assertThat(snapshots).hasSize((int) ended.getTaken());
    assertThat(ended.getKept()).isEqualTo(ended.getTaken());
    assertThat(ended.getKeptBytes())
        .isEqualTo(snapshots.stream().mapToLong(SnapshotInfo::getBytes).sum());
    assertThat(ended.getFrozenUs())
        .isEqualTo(snapshots.stream().mapToLong(SnapshotInfo::getFrozenUs).sum());
    // Each but the first comes after the one before it, and none earlier than its tick.
    for (int i = 1; i < snapshots.size(); i++) {
      assertThat(snapshots.get(i).getParent()).isEqualTo(snapshots.get(i - 1).getId());
    }
    final long span =
        snapshots.get(snapshots.size() - 1).getCreatedUnixUs() - ended.getStartedUnixUs();
    assertThat(span).isGreaterThan((ended.getTaken() + ended.getSkipped() - 2) * 50_000);
    final long count = client.snapshots().size();
    assertThat(ended.getEnd()).isEqualTo(RecordingEnd.ASKED_TO_STOP);
    assertThat(client.snapshots()).hasSize((int) count);
  }

  @Test
  void shouldKeepWhatThePolicySaysAndWhatHasAName() {
    run("web", "sleep", "1000");
    final String before = client.snapshot("web", "").getId();
    client.record("web", Duration.ofMillis(5), "last=4");
    awaitTaken("web", 5);
    client.snapshot("web", "web:named");
    awaitTaken("web", 30);
    final String fork = client.fork(snapshotsOf("web").get(2).getId(), 1).get(0).getId();
    awaitTaken("web", recorder("web").getTaken() + 30);

    final RecorderInfo ended = client.stopRecording("web");

    final List<SnapshotInfo> left = snapshotsOf("web");
    assertThat(left).hasSize(6);
    assertThat(left.get(0).getId()).isEqualTo(before);
    assertThat(left.get(1).getName()).isEqualTo("web:named");
    assertThat(ended.getKept()).isEqualTo(4);
    assertThat(ended.getRemoved()).isEqualTo(ended.getTaken() - 4);
    assertThat(client.exec(fork, "true").exitCode()).isZero();
    assertThat(client.rollback("web", "").getSnapshot()).isEqualTo(left.get(5).getId());
  }

  @Test
  void shouldNotRemoveWhereTheInstanceStandsAfterARollback() {
    run("web", "sleep", "1000");
    client.record("web", Duration.ofSeconds(1), "last=1");
    final String first = snapshotsOf("web").get(0).getId();
    client.snapshot("web", "web:later");
    client.rollback("web", first);

    awaitTaken("web", 3);

    final RecorderInfo ended = client.stopRecording("web");
    assertThat(ended.getKept()).isEqualTo(1);
    final Map<String, String> after = new HashMap<>();
    client
        .timeline("web")
        .getSnapshotsList()
        .forEach(entry -> after.put(entry.getSnapshot().getId(), entry.getAfter()));
    // The first one is removed by now: what came after it has nothing before it.
    assertThat(after).hasSize(2).doesNotContainKey(first);
    assertThat(after.values()).allMatch(String::isEmpty);
  }

  @Test
  void shouldRecordConsistentStates() {
    run("counting", COUNTERS);
    await(() -> vas("logs", "counting").out().equals("ready\n"));
    client.record("counting", Duration.ofMillis(10), "last=10");
    awaitTaken("counting", 25);
    client.stopRecording("counting");

    // It counts in memory, in its layer and in pipes, in several threads; each knows if all agree.
    final List<SnapshotInfo> snapshots = snapshotsOf("counting");
    assertThat(snapshots).hasSize(10);
    for (final SnapshotInfo snapshot : snapshots) {
      final String fork = client.fork(snapshot.getId(), 1).get(0).getId();
      client.kill(fork, SIGUSR1);
      await(() -> vas("logs", fork).out().endsWith("\n"));
      assertThat(vas("logs", fork).out()).isEqualTo("ok\n");
      client.stop(fork, Duration.ZERO);
    }
  }

  @Test
  void shouldEndWithItsInstance() {
    run("web", "sleep", "1000");
    client.record("web", Duration.ofMillis(20), "");
    client.stop("web", Duration.ZERO);

    final RecorderInfo ended = awaitEnd("web");

    assertThat(ended.getEnd()).isEqualTo(RecordingEnd.INSTANCE_ENDED);
    assertThat(vas("record").out()).contains("ended: the instance has ended");
    assertThat(vas("record", "web").err()).hasLineCount(1).contains("web", "has ended");
    assertThat(vas("rm", "web").exitCode()).isZero();
    assertThat(client.recorders("")).isEmpty();
  }

  @Test
  void shouldNotBeginWhereASnapshotIsRefused() {
    run("tree", "sh", "-c", "sleep 1000 & wait");
    await(() -> vas("exec", "tree", "true").exitCode() == 0);

    final CommandLineRun refused = vas("record", "-d", "tree");

    assertThat(refused.exitCode()).isEqualTo(3);
    assertThat(refused.err()).hasLineCount(1).contains("tree", "pid");
    assertThat(client.recorders("")).isEmpty();
    assertThat(client.snapshots()).isEmpty();
  }

  @Test
  void shouldEndARunningRecordingWhenASnapshotIsRefused() {
    run(
        "tree",
        "bash",
        "-c",
        "trap 'sleep 1000 & wait' USR1; mkfifo /fifo; exec 3<>/fifo; echo ready; read -r -u 3");
    await(() -> vas("logs", "tree").out().equals("ready\n"));
    client.record("tree", Duration.ofMillis(20), "");
    client.kill("tree", SIGUSR1);

    final RecorderInfo ended = awaitEnd("tree");

    assertThat(ended.getEnd()).isEqualTo(RecordingEnd.SNAPSHOT_REFUSED);
    assertThat(ended.getReason()).contains("tree", "pid");
    assertThat(client.ps(false)).hasSize(1);
  }

  @Test
  void shouldFollowUntilItEnds() {
    run("web", "sleep", "1.5");

    final CommandLineRun followed = vas("record", "web", "--every", "100ms");

    assertThat(followed.exitCode()).as(followed.err()).isZero();
    assertThat(followed.out())
        .startsWith("recording web every 100ms; Ctrl-C stops it\n")
        .contains("TAKEN")
        .endsWith("recording web has ended: the instance has ended\n");
  }

  @Test
  void shouldTellOfItsRecorder() {
    run("web", "sleep", "1000");
    assertThat(vas("inspect", "web", "--json").object().getFieldsOrThrow("recorder").hasNullValue())
        .isTrue();
    final Struct begun =
        vas(
                "record", "-d", "web", "--every", "1s", "--keep", "last=5", "--keep", "for=1m",
                "--json")
            .object();

    assertThat(text(begun, "state")).isEqualTo("recording");
    assertThat(text(begun, "keep")).isEqualTo("last=5,for=1m");
    assertThat(number(begun, "every_us")).isEqualTo(1_000_000);
    assertThat(number(begun, "taken")).isEqualTo(1);
    final Struct inspected =
        vas("inspect", "web", "--json").object().getFieldsOrThrow("recorder").getStructValue();
    assertThat(text(inspected, "state")).isEqualTo("recording");
    assertThat(vas("record", "--json").objects()).hasSize(1);
    assertThat(text(vas("record", "--stop", "web", "--json").object(), "end")).isEqualTo("stopped");
  }

  @Test
  void shouldRefuseASecondRecorderAndLeaveTheFirst() {
    run("web", "sleep", "1000");
    client.record("web", Duration.ofSeconds(10), "last=3");

    assertThatThrownBy(() -> client.record("web", Duration.ofSeconds(5), ""))
        .isInstanceOf(ConflictException.class)
        .hasMessageContaining("web")
        .hasMessageContaining("already");

    assertThat(recorder("web").getKeep()).isEqualTo("last=3");
    assertThat(recorder("web").getEveryUs()).isEqualTo(10_000_000);
    client.stopRecording("web");
    assertThatThrownBy(() -> client.stopRecording("web")).isInstanceOf(ConflictException.class);
    assertThat(client.record("web", Duration.ofSeconds(5), "").getTaken()).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "record web --every 0",
        "record web --every soon",
        "record web --every 1us",
        "record web --every 2d",
        "record web --keep most",
        "record web --keep last=0",
        "record web --stop --every 1s",
        "record --stop",
        "record -d",
        "timeline"
      })
  void shouldRefuseWrongUsage(final String line) {
    run("web", "sleep", "1000");

    final CommandLineRun run = vas(line.split(" ", -1));

    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).hasLineCount(1);
    assertThat(client.recorders("")).isEmpty();
    assertThat(client.snapshots()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"record nobody", "record --stop nobody", "timeline nobody"})
  void shouldNameAnInstanceThatIsNotThere(final String line) {
    final CommandLineRun run = vas(line.split(" ", -1));

    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).hasLineCount(1).contains("nobody");
  }

  @Test
  void shouldBeRemovedWithItsInstance() {
    run("web", "sleep", "1000");
    client.record("web", Duration.ofMillis(2), "last=10");

    assertThat(vas("rm", "-f", "web").exitCode()).isZero();

    assertThat(client.recorders("")).isEmpty();
    final List<SnapshotInfo> left = client.snapshots();
    assertThat(left).isNotEmpty();
    // Of an instance that is gone its snapshots are there, and can be drawn by its id.
    assertThat(client.timeline(left.get(0).getInstance()).getSnapshotsCount())
        .isEqualTo(left.size());
  }

  @Test
  void shouldTakeNoneWhileTheInstanceIsPaused() throws InterruptedException {
    run("web", "sleep", "1000");
    client.record("web", Duration.ofMillis(10), "");
    client.pause("web");
    // One may be under way.
    Thread.sleep(200);
    final long taken = recorder("web").getTaken();
    Thread.sleep(200);

    assertThat(recorder("web").getTaken()).isEqualTo(taken);
    client.unpause("web");
    awaitTaken("web", taken + 5);
  }

  /** Each of them has pages that all after it share. */
  @Test
  void shouldForkFromTheEndOfALongChain() throws Exception {
    final String helper = NativeBinaries.extract(NativeBinaries.BENCH_HELPER, programs).toString();
    run("writer", helper, "scatter", "20", "32");
    await(() -> vas("logs", "writer").out().equals("ready\n"));
    final SnapshotRequest live =
        SnapshotRequest.newBuilder().setInstance("writer").setMode(SnapshotMode.LIVE).build();
    SnapshotInfo last = client.snapshot(live, progress -> {});
    int keyFrames = 0;
    for (int i = 0; i < CHAIN; i++) {
      client.kill("writer", SIGUSR1);
      last = client.snapshot(live, progress -> {});
      keyFrames += last.getPagesCopied() == last.getPages() ? 1 : 0;
    }

    assertThat(keyFrames).isBetween(1, 3);
    final String fork = client.fork(last.getId(), 1).get(0).getId();
    assertThat(client.exec(fork, "true").exitCode()).isZero();
    final SnapshotInfo again = client.snapshot(fork, "");
    assertThat(again.getPages()).isBetween(last.getPages() - 20, last.getPages() + 20);
  }

  @Test
  void shouldDrawForksAndRollbacks() {
    run("web", "sleep", "1000");
    final String first = client.snapshot("web", "web:first").getId();
    final String second = client.snapshot("web", "").getId();
    assertThat(vas("fork", "web:first", "--name", "try").exitCode()).isZero();
    assertThat(vas("exec", "try", "true").exitCode()).isZero();
    final String tried = client.snapshot("try", "").getId();
    client.rollback("web", first);
    final String third = client.snapshot("web", "").getId();

    final Struct timeline = vas("timeline", "web", "--json").object();

    final List<String> edges = new ArrayList<>();
    for (final Value value :
        timeline.getFieldsOrThrow("snapshots").getListValue().getValuesList()) {
      final Struct snapshot = value.getStructValue();
      edges.add(snapshot.getFieldsOrThrow("after").getStringValue() + ">" + text(snapshot, "id"));
    }
    assertThat(edges)
        .containsExactly(
            ">" + first, first + ">" + second, first + ">" + tried, first + ">" + third);
    assertThat(
            vas("timeline", "web")
                .out()
                .lines()
                .skip(1)
                .map(line -> line.replaceAll(" {2}.*$", "")))
        .containsExactly("* " + first, "|-* " + second, "|-* " + tried, "* " + third);
    assertThat(vas("timeline", "web").out()).contains("<- web is here", "<- try", "web:first");
    assertThat(vas("timeline", "try").out()).contains("<- try is here");
  }
}
