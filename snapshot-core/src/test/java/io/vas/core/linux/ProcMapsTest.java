package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.VasException;
import java.util.List;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;

class ProcMapsTest {
  private static DirectBuffer text(final String text) {
    return new UnsafeBuffer(RawText.encode(text));
  }

  private static final int PAGE = 4096;

  private static List<Vma> parse(final String text) {
    return ProcMaps.parseWithSizes(text(text));
  }

  private static List<Vma> own(final String file) {
    return ProcMaps.parseWithSizes(new UnsafeBuffer(FileIo.readAll("/proc/self/" + file)));
  }

  private static Vma at(final List<Vma> vmas, final long address) {
    return vmas.stream().filter(vma -> vma.contains(address)).findFirst().orElseThrow();
  }

  @Test
  void shouldReadEveryField() {
    assertThat(
            parse(
                """
                7f8cd1bbc000-7f8cd1bbd000 rw-s 00002000 00:01 1080                       /memfd:x y\\012z (deleted)
                ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
                7f364b3a8000-7f364b3ca000 r--p 00000000 fe:1f 0\040
                """))
        .satisfiesExactly(
            vma -> {
              assertThat(vma.start()).isEqualTo(0x7f8cd1bbc000L);
              assertThat(vma.end()).isEqualTo(0x7f8cd1bbd000L);
              assertThat(vma.length()).isEqualTo(PAGE);
              assertThat(vma.protection())
                  .isEqualTo(MappedMemory.PROT_READ | MappedMemory.PROT_WRITE);
              assertThat(vma.shared()).isTrue();
              assertThat(vma.offset()).isEqualTo(0x2000);
              assertThat(vma.device()).isEqualTo(new DeviceNumber(0, 1));
              assertThat(vma.inode()).isEqualTo(1080);
              assertThat(vma.hasFile()).isTrue();
              assertThat(vma.name()).isEqualTo("/memfd:x y\nz (deleted)");
              assertThat(vma).hasToString("7f8cd1bbc000-7f8cd1bbd000 rw-s /memfd:x y\nz (deleted)");
            },
            vma -> {
              assertThat(vma.start()).isEqualTo(0xffffffffff600000L);
              assertThat(vma.contains(0xffffffffff600fffL)).isTrue();
              assertThat(vma.contains(0)).isFalse();
              assertThat(vma.protection()).isEqualTo(MappedMemory.PROT_EXEC);
              assertThat(vma.shared()).isFalse();
              assertThat(vma.name()).isEqualTo("[vsyscall]");
            },
            vma -> {
              assertThat(vma.name()).isEmpty();
              assertThat(vma.device()).isEqualTo(new DeviceNumber(0xfe, 0x1f));
            });
  }

  @Test
  void shouldReadItsOwnMappings() {
    try (Fd fd = MemFd.create("name with  blanks ", 4 * PAGE, 0);
        MappedMemory shared = MappedMemory.mapReadOnly(fd, 2 * PAGE, 2 * PAGE)) {
      final Vma vma = at(own("maps"), shared.address());
      assertThat(vma.start()).isEqualTo(shared.address());
      assertThat(vma.length()).isEqualTo(2 * PAGE);
      assertThat(vma.offset()).isEqualTo(2 * PAGE);
      assertThat(vma.protection()).isEqualTo(MappedMemory.PROT_READ);
      assertThat(vma.shared()).isTrue();
      assertThat(vma.inode()).isEqualTo(FileStatus.of(fd).inode());
      assertThat(vma.device()).isEqualTo(FileStatus.of(fd).device());
      assertThat(vma.name()).isEqualTo("/memfd:name with  blanks  (deleted)");
      assertThat(vma.flags()).isEmpty();
      assertThat(own("maps")).extracting(Vma::name).contains("[heap]", "[stack]", "[vdso]");
    }
  }

  @Test
  void shouldReadFlagsAndSizes() {
    try (MappedMemory memory = MappedMemory.anonymous(64 * PAGE)) {
      memory.buffer().setMemory(0, 3 * PAGE, (byte) 1);
      memory.advise(0, 64 * PAGE, MappedMemory.MADV_DONTFORK);
      final Vma vma = at(own("smaps"), memory.address());
      assertThat(vma.start()).isEqualTo(memory.address());
      assertThat(vma.size("Size")).isEqualTo(64 * PAGE);
      assertThat(vma.size("Anonymous")).isEqualTo(3 * PAGE);
      assertThat(vma.size("Rss")).isEqualTo(3 * PAGE);
      assertThat(vma.size("Swap")).isZero();
      assertThat(vma.has(VmFlag.DONT_FORK)).isTrue();
      assertThat(vma.has(VmFlag.WRITE)).isTrue();
      assertThat(vma.has(VmFlag.WIPE_ON_FORK)).isFalse();
      assertThat(vma.hasFile()).isFalse();
      assertThat(own("smaps"))
          .hasSameSizeAs(own("maps"))
          .allSatisfy(each -> assertThat(each.flags()).isNotEmpty());
    }
  }

  @Test
  void shouldTellMappingsFromTheirSizes() {
    final String smaps =
        "7f00-7f10 rw-p 00000000 00:00 0 [anon:Size: 1]\nSize: 4 kB\nRss: 4 kB\nVmFlags: rd wr\n";
    assertThat(ProcMaps.counting(text(smaps)))
        .extracting(part -> smaps.substring(part.from(), part.to()))
        .containsExactly("Size: 4 kB\n", "Rss: 4 kB\n");
    assertThat(ProcMaps.counting(text(smaps))).allMatch(CountingPart::isLine);
  }

  @Test
  void shouldReadManyMappings() {
    final String line = "7f364b3a8000-7f364b3ca000 rw-p 00000000 fe:00 260131   /usr/bin/cat\n";
    assertThat(parse(line.repeat(20_000))).hasSize(20_000);
  }

  @Test
  void shouldRefuseOtherText() {
    assertThatExceptionOfType(VasException.class)
        .isThrownBy(() -> parse("559e64c64000 559e64c66000 r--p\n"))
        .withMessage("maps: '-' expected in column 13 of '559e64c64000 559e64c66000 r--p'");
    assertThatExceptionOfType(VasException.class).isThrownBy(() -> parse("VmFlags: rd\n"));
    assertThatExceptionOfType(VasException.class).isThrownBy(() -> parse("1-2 rwx? 0 0:0 0\n"));
  }
}
