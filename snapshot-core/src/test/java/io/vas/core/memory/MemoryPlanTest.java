package io.vas.core.memory;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.core.image.Backing;
import io.vas.core.image.MappedFile;
import io.vas.core.image.MemoryImage;
import io.vas.core.image.VmaImage;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.MemFd;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MemoryPlanTest {
  private static final long START = 0x7000_0000_0000L;
  private static final long LENGTH = 1 << 20;
  private static final long PAGE = 4096;
  private static final long OWN = 6;
  private static final long OTHER = 7;
  private static final int READ = 1;
  private static final int READ_WRITE = 3;

  private static VmaImage.Builder vma(final String flags) {
    return VmaImage.newBuilder()
        .setStart(START)
        .setEnd(START + LENGTH)
        .setProtection(READ_WRITE)
        .setFlags(flags);
  }

  /** Pages that lie where a test says. */
  private record Pages(List<Extent> list, Fd other) implements PageSource {
    @Override
    public List<Extent> extents(final int space, final long start, final long end) {
      return list;
    }

    @Override
    public Fd file(final long file) {
      return other;
    }

    @Override
    public long held(final long file) {
      return file;
    }

    @Override
    public RegionKind kind(final long file) {
      return RegionKind.SMALL;
    }

    @Override
    public boolean isOwn(final long file) {
      return file == OWN;
    }

    @Override
    public List<Fd> layers() {
      return List.of();
    }

    @Override
    public List<Long> heldLayers() {
      return List.of();
    }
  }

  private static MemoryPlan plan(
      final MemoryImage memory, final List<Extent> extents, final MemoryStrategy preferred) {
    return MemoryPlan.of(memory, 1, new Pages(extents, null), preferred);
  }

  private static MemoryPlan.Entry plan(
      final VmaImage.Builder vma, final long stored, final MemoryStrategy preferred) {
    return plan(
            MemoryImage.newBuilder().addVmas(vma).build(),
            stored == 0 ? List.of() : List.of(new Extent(START, stored, OWN, 0)),
            preferred)
        .entries()
        .get(0);
  }

  @Test
  void shouldMapWhatMostPagesAreInAndReadTheOthers() {
    final List<Extent> extents =
        List.of(
            new Extent(START, 0x80000, OWN, 0x10000),
            new Extent(START + 0x80000, PAGE, OTHER, 0),
            new Extent(START + 0x81000, 0x3f000, OWN, 0x91000),
            new Extent(START + 0xc0000, PAGE, OWN, 0x1000));
    final MemoryPlan.Entry entry =
        plan(MemoryImage.newBuilder().addVmas(vma("rd wr")).build(), extents, MemoryStrategy.MAP)
            .entries()
            .get(0);
    assertThat(entry.strategy()).isEqualTo(MemoryStrategy.MAP);
    assertThat(entry.carrier())
        .contains(new MemoryPlan.Carrier(OWN, 0x10000, PageRuns.of(List.of())));
    assertThat(entry.besides()).containsExactly(extents.get(1), extents.get(3));
    assertThat(entry.runs().bytes()).isEqualTo(0xc1000);
  }

  @Test
  void shouldWriteZerosOverWhatOtherSnapshotsHaveInTheFile() {
    try (Fd file = MemFd.create("pages", LENGTH, 0)) {
      final ByteBuffer page = ByteBuffer.allocateDirect((int) PAGE);
      page.put(7, (byte) 1);
      for (final long offset : List.of(0x10000L, 0x30000L, 0x31000L, 0x80000L)) {
        page.clear();
        FileIo.pwrite(file, page, offset);
      }
      page.put(7, (byte) 0);
      page.clear();
      // A page of zeros needs none.
      FileIo.pwrite(file, page, 0x90000);
      final MemoryPlan plan =
          MemoryPlan.of(
              MemoryImage.newBuilder().addVmas(vma("rd wr")).build(),
              1,
              new Pages(List.of(new Extent(START, 0x20000, OTHER, 0)), file),
              MemoryStrategy.MAP);
      assertThat(plan.entries().get(0).carrier().orElseThrow().zeros())
          .isEqualTo(
              PageRuns.of(
                  List.of(
                      new PageRuns.Run(START + 0x30000, 2 * PAGE),
                      new PageRuns.Run(START + 0x80000, PAGE))));
      assertThat(plan.entries().get(0).isComplete()).isFalse();
    }
  }

  @Test
  void shouldNotMapWhatAnOlderFileIsTooShortFor() {
    try (Fd file = MemFd.create("pages", 0x40000, 0)) {
      final MemoryPlan.Entry entry =
          MemoryPlan.of(
                  MemoryImage.newBuilder().addVmas(vma("rd wr")).build(),
                  1,
                  new Pages(List.of(new Extent(START, 0x20000, OTHER, 0)), file),
                  MemoryStrategy.MAP)
              .entries()
              .get(0);
      assertThat(entry.strategy()).isEqualTo(MemoryStrategy.COPY);
    }
  }

  @Test
  void shouldCopyWhereNoFileHasMuchOfIt() {
    final List<Extent> extents = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      extents.add(new Extent(START + i * PAGE, PAGE, 100 + i, 0));
    }
    final MemoryPlan.Entry entry =
        plan(MemoryImage.newBuilder().addVmas(vma("rd wr")).build(), extents, MemoryStrategy.MAP)
            .entries()
            .get(0);
    assertThat(entry.strategy()).isEqualTo(MemoryStrategy.COPY);
    assertThat(entry.reason()).isEqualTo("scattered pages");
    assertThat(entry.besides()).isEqualTo(extents);
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
    final MemoryPlan.Entry entry = plan(vma(flags), stored, MemoryStrategy.MAP);
    assertThat(entry.strategy()).isEqualTo(strategy);
    assertThat(entry.reason()).isEqualTo(reason);
    assertThat(entry.isGuarded()).isEqualTo(strategy == MemoryStrategy.MAP);
  }

  @Test
  void shouldBringNothingBackThatIsWiped() {
    assertThat(plan(vma("wf"), LENGTH, MemoryStrategy.MAP).runs().isEmpty()).isTrue();
  }

  @Test
  void shouldCopyWhereAskedTo() {
    final MemoryPlan.Entry entry = plan(vma("rd wr"), LENGTH, MemoryStrategy.COPY);
    assertThat(entry.strategy()).isEqualTo(MemoryStrategy.COPY);
    assertThat(entry.reason()).isEqualTo("asked for");
  }

  @Test
  void shouldCopyInstanceThatUsesGuardPages() {
    final MemoryPlan plan =
        plan(
            MemoryImage.newBuilder()
                .addVmas(vma("rd wr"))
                .addVmas(vma("rd wr").addAllGuards(List.of(0L, 4096L)))
                .build(),
            List.of(new Extent(START, LENGTH, OWN, 0)),
            MemoryStrategy.MAP);
    assertThat(plan.entries().get(0).strategy()).isEqualTo(MemoryStrategy.COPY);
    assertThat(plan.needsGuard()).isFalse();
  }

  @Test
  void shouldMapRelocatedDataOfFilesWithoutGuard() {
    for (final VmaImage.Builder whole : List.of(vma("rd").setProtection(READ), vma("rd wr"))) {
      final MemoryPlan.Entry entry =
          plan(whole.setBacking(Backing.FILE), LENGTH, MemoryStrategy.MAP);
      assertThat(entry.strategy()).isEqualTo(MemoryStrategy.MAP);
      assertThat(entry.isGuarded()).isFalse();
    }
  }

  @Test
  void shouldCopyPrivateFilesThatTheRegionCanNotStandFor() {
    final MappedFile inLayer = MappedFile.newBuilder().setInLayer(true).build();
    final VmaImage.Builder locked = vma("rd wr lo");
    final VmaImage.Builder own = vma("rd").setProtection(READ).setFile(inLayer);
    for (final VmaImage.Builder other : List.of(locked, own)) {
      assertThat(plan(other.setBacking(Backing.FILE), LENGTH, MemoryStrategy.MAP).strategy())
          .isEqualTo(MemoryStrategy.COPY);
    }
    // The rest of the pages is the file's.
    final VmaImage.Builder partial = vma("rd").setBacking(Backing.FILE).setProtection(READ);
    assertThat(plan(partial, LENGTH / 2, MemoryStrategy.MAP).strategy())
        .isEqualTo(MemoryStrategy.COPY);
  }
}
