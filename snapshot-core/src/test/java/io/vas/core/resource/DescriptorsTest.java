package io.vas.core.resource;

import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.VictimHost;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(LeakCheck.class)
class DescriptorsTest {
  @TempDir Path directory;
  private VictimHost host;

  @BeforeEach
  void start() {
    host = new VictimHost(directory);
  }

  @AfterEach
  void stop() {
    host.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "fd_devices",
        "fd_directories",
        "fd_epoll",
        "fd_events",
        "fd_fifos",
        "fd_files",
        "fd_memfds",
        "fd_netlink",
        "fd_pipes",
        "fd_signals",
        "fd_tcp",
        "fd_tcp_connections",
        "fd_timers",
        "fd_udp",
        "fd_unix"
      })
  void shouldFindFilesAsTheyWere(final String victim) {
    host.run(victim).expectToSurvive();
  }
}
