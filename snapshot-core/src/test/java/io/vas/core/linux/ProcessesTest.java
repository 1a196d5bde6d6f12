package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.vas.core.InvalidRequestException;
import io.vas.core.UnsupportedException;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ProcessesTest {
  @Test
  void shouldSignalAndAwaitAProcess() throws Exception {
    final Process sleep = new ProcessBuilder("sleep", "60").start();
    try (Pidfd pidfd = Pidfd.open((int) sleep.pid())) {
      pidfd.signal(0);
      assertThat(pidfd.awaitExit(10)).isFalse();
      pidfd.signal(Signals.SIGKILL);
      assertThat(pidfd.awaitExit(10_000)).isTrue();
      assertThat(sleep.waitFor()).isEqualTo(128 + Signals.SIGKILL);
      assertThatExceptionOfType(LinuxException.class)
          .isThrownBy(() -> pidfd.signal(Signals.SIGTERM))
          .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.ESRCH));
      assertThatExceptionOfType(LinuxException.class)
          .isThrownBy(() -> Signals.send((int) sleep.pid(), Signals.SIGTERM))
          .withMessageContaining("ESRCH (No such process)");
    } finally {
      sleep.destroyForcibly();
    }
  }

  @Test
  void shouldTakeADescriptorOfAProcess() {
    try (Pidfd self = Pidfd.open((int) ProcessHandle.current().pid());
        Fd file = MemFd.create("taken", 77, 0);
        Fd taken = self.take(file.value())) {
      assertThat(taken.value()).isNotEqualTo(file.value());
      assertThat(FileStatus.of(taken).size()).isEqualTo(77);
      assertThatExceptionOfType(LinuxException.class).isThrownBy(() -> self.take(9999));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "15, 15",
    "TERM, 15",
    "sigterm, 15",
    "SIGKILL, 9",
    "SIGIOT, 6",
    "sigpoll, 29",
    "SYS, 31",
    "33, 33",
    "SIGRTMIN, 34",
    "rtmin+3, 37",
    "SIGRTMIN+30, 64",
    "SIGRTMAX, 64",
    "RTMAX-14, 50",
    "64, 64",
    "STKFLT, 16"
  })
  void shouldKnowSignals(final String text, final int number) {
    assertThat(Signals.parse(text)).isEqualTo(number);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "SIG",
        "0",
        "65",
        "-1",
        "TERMS",
        "RTMIN+31",
        "RTMIN-1",
        "RTMAX+1",
        "RTMAX-31",
        "RTMIN+",
        "RTMINX",
        "99999999999"
      })
  void shouldRefuseWhatIsNoSignal(final String text) {
    assertThatExceptionOfType(InvalidRequestException.class)
        .isThrownBy(() -> Signals.parse(text))
        .satisfies(e -> assertThat(e.exitCode()).isEqualTo(2));
  }

  @Test
  void shouldNameEverySignal() {
    final Set<String> names = new HashSet<>();
    for (int number = 1; number <= Signals.COUNT; number++) {
      names.add(Signals.name(number));
      assertThat(Signals.parse(Signals.name(number))).isEqualTo(number);
    }
    assertThat(names).hasSize(64).contains("SIGHUP", "SIG33", "SIGRTMIN+29", "SIGRTMAX");
    assertThatIllegalArgumentException().isThrownBy(() -> Signals.name(0));
    assertThatIllegalArgumentException().isThrownBy(() -> Signals.name(65));
  }

  @Test
  void shouldKnowCapabilities() {
    assertThat(Capability.values()).hasSize(41);
    assertThat(Capability.CHECKPOINT_RESTORE.bit()).isEqualTo(40);
    assertThat(Capability.SYS_RESOURCE.bit()).isEqualTo(24);
    assertThat(Capability.maskOf(Capability.DOCKER_DEFAULT)).isEqualTo(0xa80425fbL);
    assertThat(Capability.setOf(0xa80425fbL)).isEqualTo(Capability.DOCKER_DEFAULT);
    assertThat(Capability.parse("cap_net_admin")).containsExactly(Capability.NET_ADMIN);
    assertThat(Capability.parse("SYS_PTRACE")).containsExactly(Capability.SYS_PTRACE);
    assertThat(Capability.parse("all")).isEqualTo(EnumSet.allOf(Capability.class));
    assertThat(Capability.NET_ADMIN.capName()).isEqualTo("CAP_NET_ADMIN");
    assertThatExceptionOfType(InvalidRequestException.class)
        .isThrownBy(() -> Capability.parse("CAP_FLY"))
        .withMessage("there is no capability 'CAP_FLY'; expected is one such as NET_ADMIN, or ALL");
  }

  @Test
  void shouldKnowItsOwnCredentials() throws Exception {
    final Credentials own = Credentials.current();
    assertThat((Object) own.uid())
        .isEqualTo(
            java.nio.file.Files.getAttribute(java.nio.file.Path.of("/proc/self"), "unix:uid"));
    assertThat(own.isRoot()).isEqualTo(own.effectiveUid() == 0);
  }

  @Test
  void shouldNameWhatIsRefused() {
    assertThat(new UnsupportedException(12, 5, "io_uring", "not supported yet"))
        .hasMessage("pid 12, descriptor 5, io_uring: not supported yet")
        .returns(3, UnsupportedException::exitCode);
    assertThat(new UnsupportedException(12, "seccomp filter", "not supported yet"))
        .hasMessage("pid 12, seccomp filter: not supported yet");
  }
}
