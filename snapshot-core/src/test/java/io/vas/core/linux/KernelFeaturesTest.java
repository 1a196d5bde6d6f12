package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.core.linux.Finding.Status;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;

class KernelFeaturesTest {
  @Test
  void shouldSayWhatFollowsFromEachLack() {
    final List<Finding> findings = KernelFeatures.probe();
    assertThat(findings).extracting(Finding::name).doesNotHaveDuplicates().hasSizeGreaterThan(30);
    assertThat(findings)
        .allSatisfy(
            finding -> {
              assertThat(finding.detail()).isNotEmpty();
              assertThat(finding.consequence().isEmpty()).isEqualTo(finding.status() == Status.OK);
            });
  }

  @Test
  void shouldFindWhatTheOtherTestsUse() {
    final List<Finding> findings = KernelFeatures.probe();
    for (final String name :
        List.of("architecture", "pidfd_getfd", "detached tmpfs", "memfd", "pid namespace")) {
      assertThat(findings)
          .filteredOn(finding -> finding.name().equals(name))
          .extracting(Finding::status)
          .containsExactly(Status.OK);
    }
  }

  @Test
  void shouldReportALackingCapabilityAndGoOn() {
    final ProcStatus own = ProcStatus.parse(new UnsafeBuffer(FileIo.readAll("/proc/self/status")));
    final Set<Capability> held = Capability.setOf(own.mask("CapEff"));
    assertThat(KernelFeatures.probe())
        .filteredOn(finding -> finding.name().equals("CAP_SYS_RESOURCE"))
        .extracting(Finding::status)
        .containsExactly(held.contains(Capability.SYS_RESOURCE) ? Status.OK : Status.DEGRADED);
  }

  @Test
  void shouldLeaveNothingBehind() throws Exception {
    KernelFeatures.probe();
    final long descriptors = count("/proc/self/fd");
    final byte[] mounts = FileIo.readAll("/proc/self/mountinfo");
    KernelFeatures.probe();
    assertThat(count("/proc/self/fd")).isEqualTo(descriptors);
    assertThat(FileIo.readAll("/proc/self/mountinfo")).isEqualTo(mounts);
  }

  private static long count(final String directory) throws Exception {
    try (Stream<Path> entries = Files.list(Path.of(directory))) {
      return entries.count();
    }
  }

  @Test
  void shouldKnowTheMachine() {
    final Machine machine = Machine.current();
    assertThat(machine.pageSize()).isEqualTo(4096);
    assertThat(machine.processors()).isPositive();
    assertThat(machine.kernelRelease()).isEqualTo(System.getProperty("os.version"));
    assertThat(machine.bootId()).hasSize(36);
    assertThat(machine.processorFlags()).contains("sse2", "fpu");
    assertThat(machine.xstateComponents() & 3).as("x87 and SSE").isIn(0L, 3L);
    assertThat(machine.minSignalStackBytes()).isGreaterThanOrEqualTo(0);
  }
}
