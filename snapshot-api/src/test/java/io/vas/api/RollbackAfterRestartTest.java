package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.api.client.VasClient;
import io.vas.api.v1.ForkRequest;
import io.vas.api.v1.RollbackInfo;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Instances go back to snapshots that a former daemon has taken, and forked. */
class RollbackAfterRestartTest extends DaemonProcessTest {
  private static void change(final VasClient client, final String id, final String text) {
    final String command = "echo " + text + " | tee /kept > /" + text;
    assertThat(client.exec(id, "sh", "-c", command).exitCode()).isZero();
  }

  private static void expect(final VasClient client, final String id, final String... files) {
    assertThat(client.exec(id, "sh", "-c", "cat /kept; ls / | grep ^text").text())
        .isEqualTo(files[files.length - 1] + "\n" + String.join("\n", files) + "\n");
  }

  private static String fork(final VasClient client, final String snapshot) {
    final ForkRequest request = ForkRequest.newBuilder().setSource(snapshot).setCount(1).build();
    return client.fork(request).get(0).getId();
  }

  @Test
  void shouldPutFilesOfAForkBackThatAFormerDaemonHasMade() throws Exception {
    final String first;
    final String second;
    final String fork;
    final int daemon;
    try (VasClient client = VasClient.connectOrStart(state)) {
      final String id = client.run("web", List.of("sleep", "1000")).getId();
      change(client, id, "text1");
      first = client.snapshot(id, "").getId();
      final String child = fork(client, first);
      change(client, child, "text2");
      second = client.snapshot(child, "").getId();
      fork = fork(client, second);
      daemon = client.info().getPid();
    }
    end(daemon, true);
    try (VasClient client = VasClient.connectOrStart(state)) {
      change(client, fork, "text3");

      final RollbackInfo back = client.rollback(fork, second);

      assertThat(back.getInPlace()).as(back.getReason()).isTrue();
      expect(client, fork, "text1", "text2");
      // Its layers are not those of the first one, of which a layer alone does not tell.
      assertThat(client.rollback(fork, first).getInPlace()).isFalse();
      expect(client, fork, "text1");
    }
  }
}
