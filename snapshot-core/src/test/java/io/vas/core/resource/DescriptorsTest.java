package io.vas.core.resource;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.UnsupportedException;
import io.vas.core.linux.NetworkNamespace;
import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.VictimHost;
import io.vas.core.testing.VictimInstance;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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
        "fd_written",
        "fd_inotify",
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

  @ParameterizedTest
  @CsvSource({
    "fd_refused, terminal, terminal, /dev/",
    "fd_refused, pidfd, anon_inode:[pidfd], can not be restored",
    "fd_refused, io_uring, anon_inode:[io_uring], can not be restored",
    "fd_refused, packet, socket, family packet",
    "fd_refused, raw, socket, type 3",
    "fd_refused, filter, udp socket, SO_ATTACH_FILTER",
    "fd_refused, cork, udp socket, UDP_CORK",
    "fd_refused, lease, file lock, LEASE",
    "fd_refused, signals, pipe, O_ASYNC",
    "fd_refused, removed-directory, directory, removed",
    "fd_refused, removed-name, regular file, removed",
    "fd_refused, in-flight, unix socket, SCM_RIGHTS",
    "fd_refused, relative, unix socket, not absolute",
    "fd_refused, moved, epoll, not to be found",
    "fd_refused, huge, memfd, MFD_HUGETLB",
    "fd_refused, queue, regular file, removed: /removed",
    "fd_inotify, unread, inotify, events wait",
    "fd_directories, half, directory, read in part",
  })
  void shouldRefuseAndChangeNothing(
      final String victim, final String argument, final String kind, final String reason) {
    final VictimInstance instance = host.run(victim, argument);
    assertThatExceptionOfType(UnsupportedException.class)
        .isThrownBy(instance::snapshot)
        .satisfies(
            e -> {
              assertThat(e.kind()).isEqualTo(kind);
              assertThat(e.reason()).contains(reason);
              assertThat(e.pid()).isEqualTo(instance.pid());
              assertThat(e.descriptor()).isGreaterThan(2);
            });
    if (victim.equals("fd_refused")) {
      instance.expectOk();
    }
  }

  @Test
  void shouldResetConnectionsToTheOutsideInForksOnly() throws Exception {
    final VictimInstance instance = host.run("fd_outside");
    final Path path = Path.of("/proc", Integer.toString(instance.pid()), "root/tmp/outside");
    try (SocketChannel tcp = connectInside(instance);
        SocketChannel unix = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
      instance.expectOk();
      tcp.write(ByteBuffer.wrap(new byte[] {'q'}));
      unix.write(ByteBuffer.wrap(new byte[] {'q'}));
      instance.expectToSurvive();
      for (final SocketChannel client : List.of(tcp, unix)) {
        final ByteBuffer answer = ByteBuffer.allocate(1);
        assertThat(client.read(answer)).isEqualTo(1);
        assertThat(answer.get(0)).isEqualTo((byte) 'a');
      }
    }
  }

  /** A connection to the instance's loopback, of a socket that no process of the instance has. */
  private static SocketChannel connectInside(final VictimInstance instance) throws Exception {
    final FutureTask<SocketChannel> connecting =
        new FutureTask<>(
            () -> {
              NetworkNamespace.enter(instance.pid());
              return SocketChannel.open(
                  new InetSocketAddress(InetAddress.getLoopbackAddress(), 7001));
            });
    new Thread(connecting).start();
    return connecting.get();
  }
}
