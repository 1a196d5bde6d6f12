package io.vas.core.memory;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.core.image.Backing;
import io.vas.core.image.MappedFile;
import io.vas.core.image.MemoryImage;
import io.vas.core.image.StoredPages;
import io.vas.core.image.VmaImage;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MemoryPlanTest {
  private static final long START = 0x7000_0000_0000L;
  private static final long LENGTH = 1 << 20;
  private static final int READ = 1;
  private static final int READ_WRITE = 3;

  private static VmaImage.Builder vma(final String flags, final long stored) {
    final VmaImage.Builder vma =
        VmaImage.newBuilder()
            .setStart(START)
            .setEnd(START + LENGTH)
            .setProtection(READ_WRITE)
            .setFlags(flags);
    if (stored > 0) {
      vma.setPages(StoredPages.newBuilder().addAllRuns(List.of(0L, stored)));
    }
    return vma;
  }

  private static MemoryPlan.Entry plan(final VmaImage.Builder vma, final MemoryStrategy preferred) {
    return MemoryPlan.of(MemoryImage.newBuilder().addVmas(vma).build(), preferred).entries().get(0);
  }

  @ParameterizedTest
  @CsvSource({
    "rd wr, 1048576, MAP, stored pages",
    "rd wr, 4096, COPY, few pages",
    "rd wr, 0, COPY, nothing stored",
    "rd wr gd, 1048576, COPY, grows down",
    "rd wr lo, 1048576, COPY, locked in memory",
    "rd wr sl, 1048576, COPY, sealed",
    "rd wr wf, 1048576, COPY, 'MADV_WIPEONFORK: zero in a fork'",
    "rd wr dp, 1048576, COPY, 'MAP_DROPPABLE: zero in a fork'"
  })
  void shouldMapUnlessSomethingSpeaksAgainstIt(
      final String flags, final long stored, final MemoryStrategy strategy, final String reason) {
    final MemoryPlan.Entry entry = plan(vma(flags, stored), MemoryStrategy.MAP);
    assertThat(entry.strategy()).isEqualTo(strategy);
    assertThat(entry.reason()).isEqualTo(reason);
    assertThat(entry.isGuarded()).isEqualTo(strategy == MemoryStrategy.MAP);
  }

  @Test
  void shouldBringNothingBackThatIsWiped() {
    assertThat(plan(vma("wf", LENGTH), MemoryStrategy.MAP).runs().isEmpty()).isTrue();
  }

  @Test
  void shouldCopyWhereAskedTo() {
    final MemoryPlan.Entry entry = plan(vma("rd wr", LENGTH), MemoryStrategy.COPY);
    assertThat(entry.strategy()).isEqualTo(MemoryStrategy.COPY);
    assertThat(entry.reason()).isEqualTo("asked for");
  }

  @Test
  void shouldCopyInstanceThatUsesGuardPages() {
    final MemoryPlan plan =
        MemoryPlan.of(
            MemoryImage.newBuilder()
                .addVmas(vma("rd wr", LENGTH))
                .addVmas(vma("rd wr", 0).addAllGuards(List.of(0L, 4096L)))
                .build(),
            MemoryStrategy.MAP);
    assertThat(plan.entries().get(0).strategy()).isEqualTo(MemoryStrategy.COPY);
    assertThat(plan.needsGuard()).isFalse();
  }

  @Test
  void shouldMapRelocatedDataOfFilesWithoutGuard() {
    for (final VmaImage.Builder whole :
        List.of(vma("rd", LENGTH).setProtection(READ), vma("rd wr", LENGTH))) {
      final MemoryPlan.Entry entry = plan(whole.setBacking(Backing.FILE), MemoryStrategy.MAP);
      assertThat(entry.strategy()).isEqualTo(MemoryStrategy.MAP);
      assertThat(entry.isGuarded()).isFalse();
    }
  }

  @Test
  void shouldCopyPrivateFilesThatTheRegionCanNotStandFor() {
    final MappedFile inLayer = MappedFile.newBuilder().setInLayer(true).build();
    // The rest of the pages is the file's.
    final VmaImage.Builder partial = vma("rd", LENGTH / 2).setProtection(READ);
    final VmaImage.Builder locked = vma("rd wr lo", LENGTH);
    final VmaImage.Builder own = vma("rd", LENGTH).setProtection(READ).setFile(inLayer);
    for (final VmaImage.Builder other : List.of(partial, locked, own)) {
      assertThat(plan(other.setBacking(Backing.FILE), MemoryStrategy.MAP).strategy())
          .isEqualTo(MemoryStrategy.COPY);
    }
  }
}
