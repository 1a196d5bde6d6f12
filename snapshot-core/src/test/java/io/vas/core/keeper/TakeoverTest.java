package io.vas.core.keeper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.linux.Fd;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.MemFd;
import io.vas.core.linux.Signals;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.restore.InPlaceRollback;
import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.VictimHost;
import io.vas.core.testing.VictimInstance;
import io.vas.core.testing.VictimSnapshot;
import io.vas.natives.NativeBinaries;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Another program takes the keeper over, and victims say whether they noticed. */
@ExtendWith(LeakCheck.class)
class TakeoverTest {
  private static final int SIGUSR2 = 12;
  private static final int TIMES = 5;

  @TempDir Path directory;
  private VictimHost host;
  private Path other;

  @BeforeEach
  void start() throws IOException {
    host = new VictimHost(directory);
    other = Files.copy(NativeBinaries.keeper(), directory.resolve("other-keeper"));
    Files.writeString(other, "of another build", StandardOpenOption.APPEND);
    assertThat(other.toFile().setExecutable(true)).isTrue();
  }

  @AfterEach
  void stop() {
    host.close();
  }

  @Test
  void shouldStayTheSameProcessAndKeepWhatItHolds() {
    final Keeper keeper = host.keeper();
    final int pid = keeper.pid();
    try (Fd file = MemFd.create("held", 0, 0)) {
      keeper.hold(77, file);
      assertThat(keeper.isOfThisBuild()).isTrue();
      keeper.replace(other);
      assertThat(keeper.isOfThisBuild()).isFalse();
      keeper.replace();
      assertThat(keeper.isOfThisBuild()).isTrue();
      try (Fd held = keeper.take(77)) {
        assertThat(FileStatus.of(held).inode()).isEqualTo(FileStatus.of(file).inode());
      }
      keeper.drop(77);
    }
    assertThat(keeper.pid()).isEqualTo(pid);
    assertThat(host.keeperLog()).contains("has taken over");
  }

  @ParameterizedTest
  @EnumSource(MemoryStrategy.class)
  void shouldGoOnGuardingAndTracking(final MemoryStrategy strategy) {
    try (VictimInstance victim = host.run("rollback_changes", "zap");
        VictimSnapshot snapshot = victim.snapshot();
        InPlaceRollback rollback = new InPlaceRollback(host.checkpointer())) {
      try (VictimInstance fork = snapshot.fork(strategy)) {
        for (int i = 0; i < TIMES; i++) {
          host.keeper().replace(other);
          fork.expectOk();
          fork.signal(SIGUSR2);
          fork.awaitLine("changed");
          host.keeper().replace();
          try (VictimSnapshot delta = fork.snapshot(FreezeMode.LIVE, snapshot);
              VictimInstance again = delta.fork(strategy)) {
            host.keeper().replace(other);
            assertThat(again.ask()).startsWith("FAILED: ");
          }
          rollback.run(fork, snapshot.image(), snapshot.pages(), false, false, VictimHost.DEADLINE);
          fork.expectOk();
        }
      }
      victim.expectOk();
    }
  }

  @Test
  void shouldHearOfTheEndOfInstancesThatItHasTakenOver() throws Exception {
    final VictimInstance victim = host.run("rollback_changes", "zap");
    final Keeper keeper = host.keeper();
    keeper.replace(other);
    final int pid = keeper.list().get(0).pid();
    keeper.signal(keeper.list().get(0).id(), Signals.SIGKILL);
    while (!keeper.list().isEmpty()) {
      Thread.sleep(1);
    }
    assertThat(Path.of("/proc", Integer.toString(pid))).doesNotExist();
    victim.close();
  }

  @Test
  void shouldRefuseWhileAnInstanceIsPausedAndGoOn() {
    try (VictimInstance victim = host.run("rollback_changes", "zap")) {
      final Keeper keeper = host.keeper();
      final long id = keeper.list().get(0).id();
      keeper.pause(id);
      assertThatExceptionOfType(KeeperException.class)
          .isThrownBy(() -> keeper.replace(other))
          .withMessageContaining("while an instance is paused");
      assertThat(keeper.isOfThisBuild()).isTrue();
      keeper.resume(id);
      victim.expectOk();
      keeper.replace(other);
      victim.expectOk();
    }
  }

  @Test
  void shouldGoOnIfTheOtherProgramIsNone() throws IOException {
    final Path text = Files.writeString(directory.resolve("text"), "no program");
    assertThat(text.toFile().setExecutable(true)).isTrue();
    try (VictimInstance victim = host.run("rollback_changes", "zap")) {
      for (final Path program : new Path[] {text, Path.of("/bin/false"), Path.of("/bin/cat")}) {
        assertThatExceptionOfType(KeeperException.class)
            .isThrownBy(() -> host.keeper().replace(program))
            .withMessageContaining("can not be replaced by " + program);
        victim.expectOk();
        try (VictimSnapshot snapshot = victim.snapshot();
            VictimInstance fork = snapshot.fork(MemoryStrategy.MAP)) {
          fork.expectOk();
        }
      }
    }
  }
}
