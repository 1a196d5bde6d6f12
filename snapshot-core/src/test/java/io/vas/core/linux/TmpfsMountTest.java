package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.linux.TmpfsMount.HugePages;
import io.vas.core.linux.TmpfsMount.RegionFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class TmpfsMountTest {
  private static final long MIB = 1 << 20;

  @Test
  void shouldRefuseToOpenTheReadOnlyDescriptorForWriting() {
    try (TmpfsMount mount = TmpfsMount.create(4 * MIB, HugePages.NEVER);
        RegionFile file = mount.createFile()) {
      FileIo.write(file.readWrite(), ByteBuffer.allocateDirect(100));
      final String link = "/proc/self/fd/" + file.readOnly().value();

      assertThat(FileIo.readLink(link)).endsWith("(deleted)");
      assertThat(FileStatus.of(file.readOnly()).size()).isEqualTo(100);
      assertThat(FileStatus.of(file.readOnly()).links()).isZero();
      Fd.open(link, OpenFlags.O_RDONLY).close();
      for (final int flags :
          new int[] {
            OpenFlags.O_RDWR, OpenFlags.O_WRONLY, OpenFlags.O_RDONLY | OpenFlags.O_TRUNC
          }) {
        assertThatExceptionOfType(LinuxException.class)
            .isThrownBy(() -> Fd.open(link, flags))
            .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EROFS));
      }
      assertThatExceptionOfType(LinuxException.class)
          .isThrownBy(() -> FileIo.truncate(file.readOnly(), 0));
      assertThat(FileStatus.of(file.readOnly()).size()).isEqualTo(100);
    }
  }

  @Test
  void shouldTakeMemoryFromTheNodesItWasMadeWith() throws IOException {
    final String node = NumaNodes.withMemory().list().split("[-,]", -1)[0];
    final String policy = "interleave:" + node;
    try (TmpfsMount mount = TmpfsMount.create(4 * MIB, HugePages.NEVER, Optional.of(policy));
        RegionFile file = mount.createFile()) {
      mount.limit(8 * MIB);
      FileIo.truncate(file.readWrite(), MIB);
      try (MappedMemory memory = MappedMemory.mapShared(file.readWrite(), 0, MIB)) {
        memory.buffer().setMemory(0, (int) MIB, (byte) 1);
        final String begin = Long.toHexString(memory.address()) + " ";
        assertThat(Files.readAllLines(Path.of("/proc/self/numa_maps")))
            .filteredOn(line -> line.startsWith(begin))
            .singleElement()
            .asString()
            .startsWith(begin + policy + " file=")
            .contains(" N" + node + "=256 ");
      }
      assertThat(mount.policy()).isEqualTo(policy);
      assertThat(mount.status().usedBytes()).isEqualTo(MIB);
    }
    try (TmpfsMount mount = TmpfsMount.create(4 * MIB, HugePages.NEVER)) {
      assertThat(mount.policy()).isEqualTo("default");
      assertThat(mount.status().usedBytes()).isZero();
    }
  }

  @Test
  void shouldRefuseNodesThatThereAreNot() {
    assertThatExceptionOfType(LinuxException.class)
        .isThrownBy(() -> TmpfsMount.create(MIB, HugePages.NEVER, Optional.of("interleave:1000")))
        .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL));
  }

  @Test
  void shouldRefuseToOpenAMappingForWriting() {
    try (TmpfsMount mount = TmpfsMount.create(4 * MIB, HugePages.NEVER);
        RegionFile file = mount.createFile()) {
      FileIo.truncate(file.readWrite(), 4096);
      try (MappedMemory memory =
          MappedMemory.map(
              file.readOnly(),
              0,
              4096,
              MappedMemory.PROT_READ | MappedMemory.PROT_WRITE | MappedMemory.PROT_EXEC,
              MappedMemory.MAP_PRIVATE)) {
        final String link =
            "/proc/self/map_files/"
                + Long.toHexString(memory.address())
                + "-"
                + Long.toHexString(memory.address() + 4096);
        Fd.open(link, OpenFlags.O_RDONLY).close();
        assertThatExceptionOfType(LinuxException.class)
            .isThrownBy(() -> Fd.open(link, OpenFlags.O_RDWR))
            .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EROFS));
      }
    }
  }

  @Test
  void shouldShowWhatIsWrittenThroughTheOtherDescriptor() {
    try (TmpfsMount mount = TmpfsMount.create(4 * MIB, HugePages.NEVER);
        RegionFile file = mount.createFile()) {
      FileIo.truncate(file.readWrite(), 4096);
      try (MappedMemory written = MappedMemory.mapShared(file.readWrite(), 0, 4096);
          MappedMemory read = MappedMemory.mapReadOnly(file.readOnly(), 0, 4096)) {
        written.buffer().putLong(8, 42);
        assertThat(read.buffer().getLong(8)).isEqualTo(42);
      }
    }
  }

  @Test
  void shouldLimitWhatFilesHold() {
    try (TmpfsMount mount = TmpfsMount.create(4 * MIB, HugePages.NEVER)) {
      assertThat(mount.status())
          .returns(FileSystemStatus.TMPFS_MAGIC, FileSystemStatus::type)
          .returns(4 * MIB, FileSystemStatus::totalBytes)
          .returns(0L, FileSystemStatus::usedBytes);
      try (RegionFile file = mount.createFile()) {
        FileIo.allocate(file.readWrite(), 0, 3 * MIB);
        assertThat(mount.status().usedBytes()).isEqualTo(3 * MIB);
        assertThatExceptionOfType(LinuxException.class)
            .isThrownBy(() -> FileIo.allocate(file.readWrite(), 3 * MIB, 2 * MIB))
            .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.ENOSPC));
        FileIo.punchHole(file.readWrite(), 0, MIB);
        assertThat(mount.status().usedBytes()).isEqualTo(2 * MIB);
      }
      assertThat(mount.status().usedBytes()).isZero();
    }
  }

  @Test
  void shouldChangeTheLimitButNotBelowWhatIsUsed() {
    try (TmpfsMount mount = TmpfsMount.create(MIB, HugePages.NEVER);
        RegionFile file = mount.createFile()) {
      mount.limit(3 * MIB);
      FileIo.allocate(file.readWrite(), 0, 3 * MIB);
      assertThatExceptionOfType(LinuxException.class)
          .isThrownBy(() -> mount.limit(2 * MIB))
          .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL));
      assertThat(mount.status().totalBytes()).isEqualTo(3 * MIB);
    }
  }

  @Test
  void shouldGiveHugePagesOnlyWhereAsked() {
    assertThat(bytesUsedByOne(HugePages.ALWAYS, 1)).isEqualTo(2 * MIB);
    assertThat(bytesUsedByOne(HugePages.WITHIN_SIZE, 1)).isEqualTo(4096);
    assertThat(bytesUsedByOne(HugePages.WITHIN_SIZE, 2 * MIB)).isEqualTo(2 * MIB);
    assertThat(bytesUsedByOne(HugePages.NEVER, 2 * MIB)).isEqualTo(4096);
  }

  private static long bytesUsedByOne(final HugePages hugePages, final long size) {
    try (TmpfsMount mount = TmpfsMount.create(4 * MIB, hugePages);
        RegionFile file = mount.createFile()) {
      FileIo.truncate(file.readWrite(), size);
      FileIo.pwrite(file.readWrite(), ByteBuffer.allocateDirect(1), 0);
      return mount.status().usedBytes();
    }
  }

  @Test
  void shouldLastAsLongAsADescriptorOfIt() {
    final Fd readWrite;
    final Fd readOnly;
    try (TmpfsMount mount = TmpfsMount.create(4 * MIB, HugePages.NEVER)) {
      readWrite = mount.readWriteMount().dup();
      readOnly = mount.readOnlyMount().dup();
    }
    final RegionFile file;
    try (TmpfsMount mount = TmpfsMount.of(readWrite, readOnly)) {
      file = mount.createFile();
      FileIo.allocate(file.readWrite(), 0, MIB);
      assertThat(mount.status().usedBytes()).isEqualTo(MIB);
    }
    try (file) {
      FileIo.allocate(file.readWrite(), 0, 2 * MIB);
      assertThat(FileStatus.of(file.readOnly()).allocated()).isEqualTo(2 * MIB);
    }
  }

  @Test
  void shouldReportWhatTheKernelSaysAboutOptions() {
    assertThatExceptionOfType(LinuxException.class)
        .isThrownBy(() -> Mounts.create("tmpfs", Map.of("huge", "perhaps"), 0))
        .withMessageContaining("fsconfig(type=tmpfs, huge=perhaps, kernel=e tmpfs: Bad value")
        .withMessageContaining("EINVAL");
    assertThat(Mounts.isSupported("overlay")).isTrue();
    assertThat(Mounts.isSupported("nosuchfs")).isFalse();
  }
}
