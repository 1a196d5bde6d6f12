package io.vas.core.restore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.google.protobuf.ByteString;
import io.vas.core.UnsupportedException;
import io.vas.core.checkpoint.SandboxPiece;
import io.vas.core.image.HostState;
import io.vas.core.image.Image;
import io.vas.core.image.MappedFile;
import io.vas.core.image.RelianceState;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.RawText;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.sandbox.ClockOffsets;
import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.VictimHost;
import io.vas.core.testing.VictimInstance;
import io.vas.core.testing.VictimSnapshot;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What snapshots rely on when they are forked on another machine, or after it was started again.
 */
@ExtendWith(LeakCheck.class)
class RelianceTest {
  private static final long HOUR = TimeUnit.HOURS.toNanos(1);

  @TempDir Path directory;

  // ---- the machine

  @Test
  void shouldAcceptThisMachine() {
    final HostState here = new Reliance().host();
    assertThat(here.getProcessorFlagsList()).contains("sse2");
    assertThat(here.getVdso().size()).isEqualTo(32);
    assertThat(here).isNotEqualTo(HostState.getDefaultInstance());
    Reliance.check(here, new Reliance().host());
  }

  @Test
  void shouldNameWhatAnotherMachineLacks() {
    final HostState here = new Reliance().host();
    shouldRefuse(here.toBuilder().setKernel("7.1.2").build(), "saved on Linux 7.1.2, this is ");
    shouldRefuse(here.toBuilder().setPageSize(65536).build(), "pages of 65536 bytes");
    shouldRefuse(
        here.toBuilder().addProcessorFlags("avx9000").addProcessorFlags("amx_fp4").build(),
        "instructions that this processor does not have: amx_fp4, avx9000");
    shouldRefuse(
        here.toBuilder().setXstateComponents(here.getXstateComponents() | 1L << 40).build(),
        "components 0x10000000000 of XSAVE");
    shouldRefuse(
        here.toBuilder().setSignalStackBytes(here.getSignalStackBytes() + 64).build(),
        "the area that XSAVE saves registers in has another size");
    shouldRefuse(here.toBuilder().setVdso(ByteString.EMPTY).build(), "vdso");
  }

  private static void shouldRefuse(final HostState saved, final String message) {
    assertThatExceptionOfType(UnsupportedException.class)
        .isThrownBy(() -> Reliance.check(saved, new Reliance().host()))
        .withMessageContaining(message);
  }

  // ---- clocks

  @Test
  void shouldPutClocksForwardOnlyIfTheyWouldGoBack() {
    final HostState saved =
        HostState.newBuilder()
            .setBootId("one")
            .setMonotonicNanos(5 * HOUR)
            .setBoottimeNanos(7 * HOUR)
            .build();
    final HostState later = saved.toBuilder().setMonotonicNanos(6 * HOUR).build();
    final HostState young =
        later.toBuilder().setBootId("two").setMonotonicNanos(1).setBoottimeNanos(2).build();
    final HostState old =
        young.toBuilder().setMonotonicNanos(9 * HOUR).setBoottimeNanos(6 * HOUR).build();
    final ClockOffsets some = new ClockOffsets(HOUR, HOUR);
    assertThat(Reliance.offsets(ClockOffsets.NONE, saved, later)).isEqualTo(ClockOffsets.NONE);
    assertThat(Reliance.offsets(some, saved, later)).isEqualTo(some);
    assertThat(Reliance.offsets(ClockOffsets.NONE, saved, young))
        .isEqualTo(new ClockOffsets(5 * HOUR - 1, 7 * HOUR - 2));
    assertThat(Reliance.offsets(some, saved, young))
        .isEqualTo(new ClockOffsets(6 * HOUR - 1, 8 * HOUR - 2));
    assertThat(Reliance.offsets(ClockOffsets.NONE, saved, old))
        .isEqualTo(new ClockOffsets(0, HOUR));
  }

  /** Its absolute timer is right only if the kernel and the vdso show the same clock. */
  @ParameterizedTest
  @EnumSource
  void shouldHaveClocksThatAreAheadInForksAndForksOfThese(final MemoryStrategy strategy) {
    final ClockOffsets offsets =
        new ClockOffsets(TimeUnit.SECONDS.toNanos(1000) + 7, TimeUnit.SECONDS.toNanos(2000));
    try (VictimHost host = new VictimHost(directory);
        VictimSnapshot taken = host.run("fd_timers").snapshot()) {
      taken.setClocks(offsets);
      try (VictimInstance fork = taken.fork(strategy)) {
        fork.expectOk();
        assertThat(offsets(fork)).isEqualTo("monotonic 1000 7 boottime 2000 0");
        try (VictimSnapshot again = fork.snapshot()) {
          assertThat(SandboxPiece.read(again.image()).clocks()).isEqualTo(offsets);
          try (VictimInstance forkOfFork = again.fork(strategy)) {
            forkOfFork.expectOk();
            assertThat(offsets(forkOfFork)).isEqualTo(offsets(fork));
          }
        }
        fork.expectOk();
      }
    }
  }

  private static String offsets(final VictimInstance instance) {
    return RawText.decode(FileIo.readAll("/proc/" + instance.pid() + "/timens_offsets"))
        .trim()
        .replaceAll("\\s+", " ");
  }

  // ---- files

  private static MappedFile mapped(final Path path) {
    final FileStatus status = FileStatus.ofLink(path.toString());
    return MappedFile.newBuilder()
        .setPath("/somewhere")
        .setHostPath(path.toString())
        .setDevice(status.device().encoded())
        .setInode(status.inode())
        .setSize(status.size())
        .setChangedNanos(status.changedNanos())
        .build();
  }

  private static Image image(final MappedFile file) {
    final Image.Builder image = Image.newBuilder();
    image.addProcessesBuilder().getMemoryBuilder().addVmasBuilder().setFile(file);
    return image.build();
  }

  private static MappedFile file(final Image image) {
    return image.getProcesses(0).getMemory().getVmas(0).getFile();
  }

  @Test
  void shouldFindAFileWhoseDeviceHasAnotherNumberByNow() throws IOException {
    final Path path = Files.writeString(directory.resolve("file"), "some code");
    final MappedFile file = mapped(path);
    final Image moved = image(file.toBuilder().setDevice(file.getDevice() + 1).build());
    // Without looking into it.
    final Image found =
        new HostFileSet(moved).find(moved, RelianceState.getDefaultInstance(), new HashMap<>());
    assertThat(file(found)).isEqualTo(file);
  }

  @Test
  void shouldFindAFileThatWasInstalledOnceMore() throws IOException {
    final Path path = Files.writeString(directory.resolve("file"), "some code");
    final Image image = image(mapped(path));
    final RelianceState reliance = new Reliance().of(image.toByteArray());
    Files.move(path, directory.resolve("kept"));
    Files.writeString(path, "some code");
    final Image found = new HostFileSet(image).find(image, reliance, new HashMap<>());
    assertThat(file(found)).isEqualTo(mapped(path)).isNotEqualTo(file(image));
  }

  @Test
  void shouldNameAFileThatIsAnother() throws IOException {
    final Path path = Files.writeString(directory.resolve("file"), "some code");
    final Image image = image(mapped(path));
    final RelianceState reliance = new Reliance().of(image.toByteArray());
    Files.writeString(path, "evil code");
    assertThatExceptionOfType(UnsupportedException.class)
        .isThrownBy(() -> new HostFileSet(image).find(image, reliance, new HashMap<>()))
        .withMessage(path + ", which the snapshot maps, has changed since");
    assertThatExceptionOfType(UnsupportedException.class)
        .isThrownBy(() -> new Reliance().of(image.toByteArray()))
        .withMessageContaining("has changed since");
    Files.delete(path);
    assertThatExceptionOfType(UnsupportedException.class)
        .isThrownBy(() -> new HostFileSet(image).find(image, reliance, new HashMap<>()))
        .withMessageContaining("can not be found any more");
  }
}
