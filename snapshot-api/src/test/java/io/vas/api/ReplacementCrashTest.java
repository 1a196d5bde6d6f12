package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.api.client.VasClient;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.InstanceState;
import io.vas.core.VasException;
import io.vas.core.linux.NetworkNamespace;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * The daemon is killed when a fork has begun to take the place of an instance, which somebody has
 * given a network device.
 */
class ReplacementCrashTest extends DaemonProcessTest {
  private static final int SIGUSR1 = 10;
  private static final int SIGUSR2 = 12;
  private static final int KILLS = 3;
  private static final String VICTIM = System.getProperty("vas.victims.dir") + "/rollback_counter";

  private String id;
  private int lines;

  @AfterEach
  void removeDevice() throws Exception {
    new ProcessBuilder("ip", "link", "del", outer()).start().waitFor();
  }

  private static String outer() {
    return "vasc" + ProcessHandle.current().pid();
  }

  @Test
  void shouldBeAtTheSnapshotWhenTheNextDaemonHasCome() throws Exception {
    final String snapshot;
    try (VasClient client = VasClient.connectOrStart(state)) {
      id = client.run("web", List.of(VICTIM, "files")).getId();
      lines = 1;
      await(() -> said(client).equals(List.of("ready")));
      snapshot = client.snapshot(id, "").getId();
    }
    int kept = 0;
    for (int i = 0; i < KILLS; i++) {
      try (VasClient client = VasClient.connectOrStart(state)) {
        giveDevice(client);
        ask(client, SIGUSR2, i, "1");
        // Which names a file has is not put back in place.
        assertThat(client.exec(id, "ln", "/etc/passwd", "/linked").exitCode()).isZero();
      }
      killAtTheCommitPoint(snapshot);
      try (VasClient client = VasClient.connectOrStart(state)) {
        assertThat(instance(client).getState()).isEqualTo(InstanceState.RUNNING);
        ask(client, SIGUSR1, i, "0");
        assertThat(client.ps(true)).hasSize(1);
        kept += devices(client).isEmpty() ? 0 : 1;
      }
    }
    System.out.println(kept + " of " + KILLS + " times the device was still there");
  }

  private InstanceInfo instance(final VasClient client) {
    return client.ps(true).stream()
        .filter(info -> info.getId().equals(id))
        .findFirst()
        .orElseThrow();
  }

  private List<String> devices(final VasClient client) {
    return NetworkNamespace.devices(instance(client).getPid());
  }

  private void giveDevice(final VasClient client) throws Exception {
    if (devices(client).isEmpty()) {
      removeDevice();
      final String pid = Integer.toString(instance(client).getPid());
      final Process made =
          new ProcessBuilder(
                  "ip", "link", "add", outer(), "type", "veth", "peer", "name", "eth1", "netns",
                  pid)
              .start();
      assertThat(made.waitFor()).isZero();
    }
  }

  private void ask(final VasClient client, final int signal, final int round, final String answer) {
    assertThat(client.kill(id, signal).getId()).isEqualTo(id);
    lines++;
    await(() -> said(client).size() >= lines);
    assertThat(said(client).get(lines - 1)).as("round %d", round).isEqualTo(answer);
  }

  private List<String> said(final VasClient client) {
    return Logs.of(client, id).lines().toList();
  }

  private void killAtTheCommitPoint(final String snapshot) throws Exception {
    final int daemon;
    try (VasClient client = VasClient.connect(state)) {
      daemon = client.info().getPid();
    }
    final CompletableFuture<Void> rollback = CompletableFuture.runAsync(() -> rollBack(snapshot));
    // What the daemon writes there passes the commit point; it is there for milliseconds.
    final Path written = state.path().resolve("instances").resolve(id).resolve("replacement");
    while (!Files.exists(written) && !rollback.isDone()) {
      LockSupport.parkNanos(20_000);
    }
    end(daemon, true);
    rollback.get(30, TimeUnit.SECONDS);
  }

  private void rollBack(final String snapshot) {
    try (VasClient client = VasClient.connect(state)) {
      assertThat(client.rollback(id, snapshot).getInPlace()).isFalse();
    } catch (final VasException e) {
      // Its daemon was killed.
      assertThat(e).hasMessageNotContaining("no instance");
    }
  }
}
