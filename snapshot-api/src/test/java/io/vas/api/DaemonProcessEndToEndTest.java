package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Struct;
import io.vas.api.client.CountersFile;
import io.vas.api.client.VasClient;
import io.vas.api.stats.Counter;
import io.vas.api.v1.DaemonInfo;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.InstanceState;
import io.vas.api.v1.RecorderInfo;
import io.vas.api.v1.RecordingEnd;
import io.vas.api.v1.SnapshotInfo;
import io.vas.core.VasException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A daemon in a process of its own, started by the first command that needs it. */
class DaemonProcessEndToEndTest extends DaemonProcessTest {
  @Test
  void shouldStartWithTheFirstCommandAndEndWithItsInstances() {
    assertThat(vas("daemon", "--status").exitCode()).isEqualTo(1);
    assertThat(vas("run", "-d", "--name", "web", "--", "sleep", "1000").exitCode()).isZero();
    final DaemonInfo info;
    final int pid;
    try (VasClient client = VasClient.connect(state)) {
      info = client.info();
      pid = client.ps(false).get(0).getPid();
    }
    assertThat(isAlive(pid)).isTrue();
    assertThat(isAlive(info.getKeeperPid())).isTrue();

    assertThat(vas("daemon", "--stop").exitCode()).isZero();

    assertThat(isAlive(info.getPid())).isFalse();
    assertThat(isAlive(info.getKeeperPid())).isFalse();
    assertThat(isAlive(pid)).isFalse();
    assertThat(state.socket().resolveSibling("instances")).isEmptyDirectory();
    assertThat(state.socket()).doesNotExist();
  }

  @Test
  void shouldSayWhyItCannotBeStarted() throws IOException {
    Files.createDirectory(state.create().output());

    assertThat(vas("ps").err())
        .isEqualTo(
            "vas ps: cannot write to state directory "
                + state.path()
                + ": Is a directory; name another one in VAS_STATE\n");
  }

  @Test
  void shouldEndOnSigterm() throws Exception {
    assertThat(vas("ps").exitCode()).isZero();
    final DaemonInfo info;
    try (VasClient client = VasClient.connect(state)) {
      info = client.info();
    }
    end(info.getPid(), false);

    assertThat(isAlive(info.getKeeperPid())).isFalse();
    assertThat(state.socket()).doesNotExist();
  }

  @Test
  void shouldFindItsInstancesAgainAfterTheDaemonWasKilled() throws Exception {
    final String id = vas("run", "-d", "--name", "web", "--", "sleep", "1000").out().strip();
    final DaemonInfo before;
    final InstanceInfo instance;
    try (VasClient client = VasClient.connect(state)) {
      before = client.info();
      instance = client.ps(false).get(0);
    }
    end(before.getPid(), true);
    assertThat(state.socket()).exists();
    assertThatThrownBy(() -> VasClient.connect(state)).isInstanceOf(VasException.class);

    assertThat(vas("exec", "web", "--", "echo", "still here").out()).isEqualTo("still here\n");

    try (VasClient client = VasClient.connect(state)) {
      assertThat(client.info().getPid()).isNotEqualTo(before.getPid());
      assertThat(client.info().getKeeperPid()).isEqualTo(before.getKeeperPid());
      assertThat(client.ps(false))
          .singleElement()
          .satisfies(
              found -> {
                assertThat(found.getId()).isEqualTo(id);
                assertThat(found.getPid()).isEqualTo(instance.getPid());
                assertThat(found.getState()).isEqualTo(InstanceState.RUNNING);
              });
      assertThat(client.snapshot("web", "").getPages()).isPositive();
    }
  }

  @Test
  void shouldRestartWithoutEndingInstances() throws Exception {
    assertThat(vas("run", "-d", "--name", "web", "--", "sleep", "1000").exitCode()).isZero();
    assertThat(vas("snapshot", "web", "-t", "web:first").exitCode()).isZero();
    assertThat(vas("fork", "web:first", "--name", "fork").exitCode()).isZero();
    final DaemonInfo before;
    final List<InstanceInfo> instances;
    try (VasClient client = VasClient.connect(state)) {
      before = client.info();
      instances = client.ps(false);
    }
    assertThat(vas("daemon", "--restart", "--stop").exitCode()).isEqualTo(2);
    assertThat(vas("daemon", "--restart", "--store-size", "1g").exitCode()).isEqualTo(2);

    done("daemon", "--restart");

    try (VasClient client = VasClient.connect(state)) {
      assertThat(client.info().getPid()).isNotEqualTo(before.getPid());
      assertThat(client.info().getKeeperPid()).isEqualTo(before.getKeeperPid());
      assertThat(client.ps(false))
          .extracting(InstanceInfo::getPid)
          .containsExactlyElementsOf(instances.stream().map(InstanceInfo::getPid).toList());
    }
    assertThat(done("exec", "fork", "--", "echo", "still here").out()).isEqualTo("still here\n");
    done("fork", "web:first");
    done("daemon", "--stop");
    assertThat(vas("daemon", "--restart").err()).contains("no daemon");
  }

  @Test
  void shouldFindItsSnapshotsAgainAfterTheDaemonWasKilled() throws Exception {
    assertThat(vas("run", "-d", "--name", "web", "--", "sleep", "1000").exitCode()).isZero();
    assertThat(vas("snapshot", "web", "-t", "web:kept").exitCode()).isZero();
    assertThat(vas("rm", "-f", "web").exitCode()).isZero();
    final DaemonInfo before;
    final List<SnapshotInfo> snapshots;
    try (VasClient client = VasClient.connect(state)) {
      before = client.info();
      snapshots = client.snapshots();
    }
    end(before.getPid(), true);

    // No instance is left: it is for its snapshots that the keeper lives on.
    assertThat(vas("fork", "web:kept", "--name", "again").exitCode()).isZero();
    try (VasClient client = VasClient.connect(state)) {
      assertThat(client.info().getPid()).isNotEqualTo(before.getPid());
      assertThat(client.info().getKeeperPid()).isEqualTo(before.getKeeperPid());
      assertThat(client.info().getStoreBudgetBytes()).isEqualTo(before.getStoreBudgetBytes());
      assertThat(client.snapshots()).isEqualTo(snapshots).hasSize(1);
    }
    assertThat(vas("daemon", "--stop").exitCode()).isZero();
    assertThat(isAlive(before.getKeeperPid())).isFalse();
  }

  @Test
  void shouldSnapshotForksOfAKilledDaemon() throws Exception {
    assertThat(vas("run", "-d", "--name", "web", "--", "sleep", "1000").exitCode()).isZero();
    assertThat(vas("snapshot", "web", "-t", "web:first").exitCode()).isZero();
    assertThat(vas("fork", "web:first", "--name", "fork").exitCode()).isZero();
    // The fork needs what it was forked from though that has no name any more.
    assertThat(vas("rm", "web:first").exitCode()).isZero();
    final DaemonInfo before;
    try (VasClient client = VasClient.connect(state)) {
      before = client.info();
    }
    end(before.getPid(), true);

    assertThat(vas("snapshots", "-q").out()).isEmpty();
    assertThat(vas("snapshot", "fork", "-t", "web:second").exitCode()).isZero();
    assertThat(vas("rm", "-f", "web", "fork").exitCode()).isZero();
    assertThat(vas("fork", "web:second", "--name", "again").exitCode()).isZero();
    assertThat(vas("exec", "again", "--", "echo", "still here").out()).isEqualTo("still here\n");
  }

  @Test
  void shouldGoOnRecordingAfterTheDaemonWasKilled() throws Exception {
    assertThat(vas("run", "-d", "--name", "web", "--", "sleep", "1000").exitCode()).isZero();
    assertThat(vas("run", "-d", "--name", "gone", "--", "sleep", "1000").exitCode()).isZero();
    final int gone;
    final DaemonInfo before;
    final RecorderInfo begun;
    final String named;
    try (VasClient client = VasClient.connect(state)) {
      before = client.info();
      gone = client.inspect("gone").getInstance().getInfo().getPid();
      client.record("gone", Duration.ofMillis(20), "");
      client.record("web", Duration.ofMillis(5), "last=10");
      named = client.snapshot("web", "web:named").getId();
      while (client.recorders("web").get(0).getTaken() < 20) {
        Thread.onSpinWait();
      }
      begun = client.recorders("web").get(0);
    }
    end(before.getPid(), true);
    end(gone, true);

    try (VasClient client = VasClient.connectOrStart(state)) {
      assertThat(client.info().getPid()).isNotEqualTo(before.getPid());
      final RecorderInfo found = client.recorders("web").get(0);
      assertThat(found.getStartedUnixUs()).isEqualTo(begun.getStartedUnixUs());
      assertThat(found.getEveryUs()).isEqualTo(5000);
      assertThat(found.getKeep()).isEqualTo("last=10");
      while (client.recorders("web").get(0).getTaken() < found.getTaken() + 20) {
        assertThat(client.recorders("web").get(0).getReason()).isEmpty();
      }
      final RecorderInfo ended = client.stopRecording("web");
      assertThat(ended.getEnd()).isEqualTo(RecordingEnd.ASKED_TO_STOP);
      // What the former daemon has recorded is kept or not as the policy says.
      assertThat(client.snapshots())
          .filteredOn(snapshot -> snapshot.getInstance().equals(ended.getInstance()))
          .hasSize(11)
          .anyMatch(snapshot -> snapshot.getId().equals(named));
      assertThat(client.recorders("gone").get(0).getEnd()).isEqualTo(RecordingEnd.INSTANCE_ENDED);
    }
    final int serving;
    try (VasClient client = VasClient.connect(state)) {
      serving = client.info().getPid();
    }
    end(serving, true);
    try (VasClient client = VasClient.connectOrStart(state)) {
      // One that was stopped is not begun again.
      assertThat(client.recorders("web").get(0).getReason()).isEqualTo("stopped");
    }
  }

  @Test
  void shouldLeaveItsCountersToBeReadAfterItWasKilled() throws Exception {
    assertThat(vas("run", "-d", "--name", "web", "--", "sleep", "1000").exitCode()).isZero();
    assertThat(vas("snapshot", "web", "-t", "web:kept").exitCode()).isZero();
    assertThat(vas("fork", "web:kept", "-n", "2").exitCode()).isZero();
    final DaemonInfo before;
    try (VasClient client = VasClient.connect(state)) {
      before = client.info();
    }
    final CountersFile mapped = CountersFile.open(state.counters());
    assertThat(mapped.isWriterAlive()).isTrue();
    end(before.getPid(), true);

    assertThat(mapped.isWriterAlive()).isFalse();
    assertThat(mapped.value(Counter.FORKS_MADE)).isEqualTo(2);
    assertThat(vas("stats").out())
        .startsWith("the daemon (pid " + before.getPid() + ") has ended; these figures are of ");
    final Struct stats = vas("stats", "--json").object();
    assertThat(stats.getFieldsOrThrow("running").getBoolValue()).isFalse();

    assertThat(vas("ps").exitCode()).isZero();
    final CountersFile next = CountersFile.open(state.counters());
    assertThat(next.isWriterAlive()).isTrue();
    assertThat(next.pid()).isNotEqualTo(before.getPid());
    assertThat(next.value(Counter.FORKS_MADE)).isZero();
    // Who has mapped the former one still sees that.
    assertThat(mapped.value(Counter.FORKS_MADE)).isEqualTo(2);
    assertThat(vas("daemon", "--stop").exitCode()).isZero();
    assertThat(state.counters()).doesNotExist();
    assertThat(next.isWriterAlive()).isFalse();
    assertThat(vas("stats").exitCode()).isEqualTo(1);
  }

  @Test
  void shouldStartOneDaemonForManyClients() {
    final List<Integer> pids =
        java.util.stream.IntStream.range(0, 3)
            .parallel()
            .mapToObj(
                i -> {
                  try (VasClient client = VasClient.connectOrStart(state)) {
                    return client.info().getPid();
                  }
                })
            .distinct()
            .toList();

    assertThat(pids).hasSize(1);
  }

  /** One that has ended and waits for its parent to notice is dead. */
  private static boolean isAlive(final int pid) {
    try {
      final String status = Files.readString(Path.of("/proc/" + pid + "/status"));
      return !status.contains("State:\tZ");
    } catch (final IOException e) {
      return false;
    }
  }
}
