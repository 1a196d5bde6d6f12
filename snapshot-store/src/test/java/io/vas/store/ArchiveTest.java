package io.vas.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.google.protobuf.ByteString;
import com.google.protobuf.BytesValue;
import com.google.protobuf.MessageLite;
import io.vas.core.ConflictException;
import io.vas.core.DamagedException;
import io.vas.core.NotFoundException;
import io.vas.core.StoreFullException;
import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileNodes;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.OpenFlags;
import io.vas.core.memory.Extent;
import io.vas.core.memory.PageSpace;
import io.vas.core.memory.RegionKind;
import io.vas.store.archive.LoadReport;
import io.vas.store.archive.SaveReport;
import io.vas.store.archive.SnapshotLoader;
import io.vas.store.archive.SnapshotReliance;
import io.vas.store.archive.SnapshotSaver;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Snapshots that are saved to disk, and come back to another store. */
@ExtendWith(Leaks.class)
class ArchiveTest {
  private static final long MIB = 1 << 20;
  private static final int PAGE = 4096;
  private static final long BUDGET = 128 * MIB;
  private static final SnapshotFacts FACTS = new SnapshotFacts(11, 22, "map");
  private static final int OBJECT = PageSpace.ofObject(3);
  private static final String TEXT = "what the instance wrote";

  private static final List<AddressRange> RANGES =
      List.of(
          new AddressRange(1, 0x7f00_0000_0000L, 0x7f00_0000_0000L + 8 * MIB),
          new AddressRange(1, 0x5500_0000_1000L, 0x5500_0004_0000L),
          new AddressRange(1, 0x6600_0012_3000L, 0x6600_0012_3000L + 3 * MIB),
          new AddressRange(OBJECT, 8 * MIB, 9 * MIB));

  @TempDir private Path temporary;
  private Path archive;
  private final HeldDescriptors held = new HeldDescriptors();
  private final HeldDescriptors otherHeld = new HeldDescriptors();
  private final long seed = Long.getLong("vas.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private SnapshotStore store;
  private SnapshotStore other;
  private final PageWriter writer = new PageWriter();

  /** What each page of each snapshot begins with, by space and address. */
  private final Map<String, Map<Integer, NavigableMap<Long, Long>>> model = new HashMap<>();

  private final List<Snapshot> saved = new ArrayList<>();

  @BeforeEach
  void open() throws IOException {
    System.out.println("seed " + seed);
    archive = temporary.resolve("archive");
    Files.createDirectories(temporary.resolve("one"));
    Files.createDirectories(temporary.resolve("other"));
    store = SnapshotStore.open(new StoreConfig(temporary.resolve("one"), BUDGET), held);
    openOther(BUDGET);
  }

  private void openOther(final long budget) {
    other = SnapshotStore.open(new StoreConfig(temporary.resolve("other"), budget), otherHeld);
  }

  @AfterEach
  void close() {
    store.close();
    other.close();
    assertThat(held.all()).isEmpty();
    assertThat(otherHeld.all()).isEmpty();
  }

  // ---- snapshots

  /** Relies on nothing but what the test says. */
  private static class Rules implements SnapshotReliance {
    @Override
    public byte[] host() {
      return new byte[] {1};
    }

    @Override
    public byte[] of(final byte[] image) {
      return new byte[] {2};
    }

    @Override
    public MessageLite accept(final byte[] image, final byte[] reliance, final byte[] host) {
      assertThat(host).containsExactly(1);
      assertThat(reliance).containsExactly(2);
      try {
        return BytesValue.parseFrom(image);
      } catch (final IOException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  private Snapshot publish(
      final Optional<SnapshotUse> parent, final boolean isFork, final String name) {
    final SnapshotRequest request =
        new SnapshotRequest(
            1000,
            "i",
            Optional.ofNullable(name).map(SnapshotName::parse),
            parent.map(use -> use.snapshot().id()),
            isFork ? parent : Optional.empty(),
            0,
            0,
            0);
    final Map<Integer, NavigableMap<Long, Long>> pages = new HashMap<>();
    final Map<RegionKind, Long> cursors = new HashMap<>();
    try (Draft draft = store.draft(request)) {
      parent.ifPresent(
          use -> {
            for (final int space : List.of(1, OBJECT)) {
              draft.share(space, 0, PageSpace.END, use, space, 0);
            }
            model
                .get(use.snapshot().id())
                .forEach((space, known) -> pages.put(space, new TreeMap<>(known)));
          });
      for (int i = 0; i < 12; i++) {
        final AddressRange range =
            RANGES.get(parent.isEmpty() && i == 0 ? 0 : random.nextInt(RANGES.size()));
        final int most = (int) ((range.end() - range.start()) / PAGE);
        final int count =
            parent.isEmpty() && (i == 0 || random.nextInt(3) == 0)
                ? most
                : 1 + random.nextInt(Math.min(random.nextInt(4) == 0 ? 300 : 3, most));
        writer.write(
            draft,
            range.space(),
            range.start() + (long) random.nextInt(most - count + 1) * PAGE,
            count,
            cursors,
            pages);
      }
      if (random.nextInt(2) == 0) {
        final AddressRange range = RANGES.get(random.nextInt(RANGES.size()));
        draft.drop(range.space(), range.start() + PAGE, 5 * PAGE);
        pages
            .computeIfAbsent(range.space(), space -> new TreeMap<>())
            .subMap(range.start() + PAGE, range.start() + 6 * PAGE)
            .clear();
      }
      if (parent.isPresent() && random.nextInt(2) == 0) {
        // As mremap does.
        final AddressRange range = RANGES.get(2);
        draft.share(1, 0x1000_0000L, 4 * PAGE, parent.get(), 1, range.start());
        final NavigableMap<Long, Long> from =
            model.get(parent.get().snapshot().id()).getOrDefault(1, new TreeMap<>());
        final NavigableMap<Long, Long> to = pages.computeIfAbsent(1, space -> new TreeMap<>());
        to.subMap(0x1000_0000L, 0x1000_0000L + 4 * PAGE).clear();
        from.subMap(range.start(), range.start() + 4 * PAGE)
            .forEach((address, known) -> to.put(address - range.start() + 0x1000_0000L, known));
      }
      fillLayer(draft.layer());
      final Snapshot made =
          store.publish(
              draft, BytesValue.of(ByteString.copyFromUtf8("image " + writer.last())), FACTS);
      model.put(made.id(), pages);
      saved.add(made);
      return made;
    }
  }

  /** Everything that an overlay's upper directory can have. */
  private void fillLayer(final Fd layer) {
    FileNodes.makeDirectory(layer, "dir");
    try (Fd dir = Fd.openAt(layer, "dir", OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY, 0)) {
      try (Fd file =
          Fd.openAt(dir, "file", OpenFlags.O_RDWR | OpenFlags.O_CREAT | OpenFlags.O_EXCL, 0600)) {
        final byte[] text = (TEXT + writer.last()).getBytes(StandardCharsets.UTF_8);
        final ByteBuffer bytes = ByteBuffer.allocateDirect(text.length).put(text).flip();
        FileIo.truncate(file, 3 * MIB);
        FileIo.pwrite(file, bytes, 2 * MIB);
        FileNodes.setAttribute(file, "trusted.a", new byte[] {1, 0, 2});
        FileNodes.setAttribute(file, "security.capability", capability());
      }
      FileNodes.setOwner(dir, "file", 12, 34);
      FileNodes.setPermissions(dir, "file", 06754);
      FileNodes.setTimes(dir, "file", 1_000_000_007L, -5);
      FileNodes.makeLink(layer, "dir/file", layer, "other name");
      FileNodes.makeSymbolicLink(dir, "link", "../nowhere");
      FileNodes.setOwner(dir, "link", 1, 2);
      FileNodes.makeNode(dir, "fifo", FileStatus.S_IFIFO | 0640, new DeviceNumber(0, 0));
      FileNodes.makeNode(dir, "socket", FileStatus.S_IFSOCK | 0777, new DeviceNumber(0, 0));
      FileNodes.makeNode(dir, "whiteout", FileStatus.S_IFCHR, new DeviceNumber(0, 0));
      FileNodes.makeNode(dir, "device", FileStatus.S_IFBLK | 0660, new DeviceNumber(300, 70000));
      FileNodes.makeDirectory(dir, "not \udcff text");
      FileNodes.setAttribute(dir, "trusted.overlay.opaque", new byte[] {'y'});
    }
    FileNodes.setTimes(layer, "dir", 5, 1_700_000_000_123_456_789L);
    FileNodes.setPermissions(layer, ".", 01777);
  }

  /** CAP_NET_RAW, permitted and effective. */
  private static byte[] capability() {
    final byte[] bytes = new byte[20];
    bytes[0] = 1;
    bytes[3] = 2;
    bytes[5] = 0x20;
    return bytes;
  }

  private String chain(final int length) {
    String last = publish(Optional.empty(), false, "first").id();
    for (int i = 1; i < length; i++) {
      try (SnapshotUse use = store.use(last)) {
        last = publish(Optional.of(use), i % 2 == 0, i == length - 1 ? "last:one" : null).id();
      }
    }
    return last;
  }

  // ---- what is in them

  private void check(final SnapshotUse use) {
    for (final int space : List.of(1, OBJECT)) {
      final NavigableMap<Long, Long> expected =
          model.get(use.snapshot().id()).getOrDefault(space, new TreeMap<>());
      final NavigableMap<Long, Long> found = new TreeMap<>();
      final ByteBuffer bytes = ByteBuffer.allocateDirect(PAGE);
      for (final Extent extent : use.extents(space, 0, PageSpace.END)) {
        for (long at = 0; at < extent.length(); at += PAGE) {
          bytes.clear();
          FileIo.pread(use.file(extent.file()), bytes, extent.offset() + at);
          final Long known = expected.get(extent.start() + at);
          assertThat(known).as("seed %d, page 0x%x", seed, extent.start() + at).isNotNull();
          assertThat(bytes.flip())
              .as("seed %d, page 0x%x", seed, extent.start() + at)
              .isEqualTo(PageWriter.page(known));
          found.put(extent.start() + at, known);
        }
      }
      assertThat(found).as("seed %d", seed).isEqualTo(expected);
    }
  }

  private void checkSame(final Snapshot before) {
    try (SnapshotUse expected = store.use(before.id());
        SnapshotUse use = other.use(before.id())) {
      check(use);
      final Snapshot found = use.snapshot();
      assertThat(found.created()).isEqualTo(before.created());
      assertThat(found.name()).isEqualTo(before.name());
      assertThat(found.parent()).isEqualTo(before.parent());
      assertThat(found.instance()).isEqualTo(before.instance());
      assertThat(found.ownerUid()).isEqualTo(1000);
      assertThat(found.facts()).isEqualTo(before.facts());
      assertThat(found.space().layerBytes()).isEqualTo(before.space().layerBytes());
      assertThat(use.image()).isEqualTo(expected.image());
      assertThat(use.layerOwners()).isEqualTo(expected.layerOwners());
      for (int i = 0; i < use.layers().size(); i++) {
        assertThat(tree(use.layers().get(i), ""))
            .as("seed %d", seed)
            .isEqualTo(tree(expected.layers().get(i), ""));
      }
    }
  }

  private static Map<String, String> tree(final Fd directory, final String path) {
    final Map<String, String> found = new TreeMap<>();
    found.put(path + "/.", attributes(directory) + status(FileStatus.of(directory)));
    try (Fd listed = Fd.openAt(directory, ".", OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY, 0)) {
      for (final String name : FileNodes.list(listed)) {
        final FileStatus status = FileStatus.at(directory, name);
        String text = status(status);
        switch (status.type()) {
          case FileStatus.S_IFDIR -> {
            try (Fd next =
                Fd.openAt(directory, name, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY, 0)) {
              found.putAll(tree(next, path + "/" + name));
            }
          }
          case FileStatus.S_IFREG -> {
            try (Fd file = Fd.openAt(directory, name, OpenFlags.O_RDONLY, 0)) {
              text +=
                  " "
                      + attributes(file)
                      + Arrays.hashCode(FileIo.readAll(file))
                      + " "
                      + status.size()
                      + " "
                      + status.allocated();
            }
          }
          case FileStatus.S_IFLNK -> text += " to " + FileNodes.readLink(directory, name);
          default -> text += " device " + status.deviceItself();
        }
        found.put(path + "/" + name, text);
      }
    }
    return found;
  }

  private static String attributes(final Fd file) {
    final StringBuilder text = new StringBuilder();
    new TreeMap<>(FileNodes.attributes(file))
        .forEach((name, bytes) -> text.append(name).append(Arrays.toString(bytes)));
    return text.toString();
  }

  private static String status(final FileStatus status) {
    return Integer.toOctalString(status.mode())
        + " "
        + status.uid()
        + ":"
        + status.gid()
        + " links "
        + status.links()
        + " "
        + status.modifiedNanos();
  }

  private SaveReport save(final String... ids) {
    return new SnapshotSaver(store, new Rules(), archive, (done, total) -> {})
        .save(ids.length == 0 ? saved.stream().map(Snapshot::id).toList() : Arrays.asList(ids));
  }

  private LoadReport load(final String... references) {
    return new SnapshotLoader(other, new Rules(), archive, true, (done, total) -> {})
        .load(Arrays.asList(references));
  }

  private void checkNothingIn(final SnapshotStore empty) {
    assertThat(empty.list()).isEmpty();
    assertThat(empty.usedBytes()).as("seed %d", seed).isZero();
    assertThat(empty.status().reservedBytes()).isZero();
  }

  // ---- tests

  @RepeatedTest(5)
  void shouldBringAChainOfDeltasBackToAnotherStore() {
    chain(6);
    final SaveReport report = save();
    assertThat(report.snapshots()).extracting(Snapshot::id).isEqualTo(ids(saved));
    final LoadReport loaded = load();
    assertThat(loaded.loaded()).extracting(Snapshot::id).isEqualTo(ids(saved));
    assertThat(loaded.bytes()).isEqualTo(report.bytes());
    saved.forEach(this::checkSame);
    assertThat(other.verify(Optional.empty(), (done, total) -> {}).damaged()).isEmpty();
    // Deltas have stayed deltas.
    assertThat(other.usedBytes()).isLessThan(store.usedBytes() + 8 * MIB);
    other.leave();
    openOther(BUDGET);
    saved.forEach(this::checkSame);
    assertThat(other.list()).extracting(Snapshot::id).isEqualTo(ids(saved));
    ids(saved).forEach(other::remove);
    checkNothingIn(other);
  }

  @RepeatedTest(5)
  void shouldLoadAnySnapshotOfAChainByItself() {
    chain(6);
    save();
    final List<Snapshot> order = new ArrayList<>(saved);
    Collections.shuffle(order, random);
    final List<Snapshot> some = order.subList(0, 3);
    for (final Snapshot snapshot : some) {
      assertThat(load(snapshot.id()).loaded()).hasSize(1);
    }
    some.forEach(this::checkSame);
    final LoadReport rest = load();
    assertThat(rest.present())
        .extracting(Snapshot::id)
        .containsExactlyInAnyOrderElementsOf(ids(some));
    saved.forEach(this::checkSame);
    assertThat(other.list()).extracting(Snapshot::id).isEqualTo(ids(saved));
    ids(saved).forEach(other::remove);
    checkNothingIn(other);
  }

  @RepeatedTest(3)
  void shouldSaveSnapshotsWhoseAncestorsAreGone() {
    chain(6);
    for (final int gone : List.of(0, 2)) {
      store.remove(saved.get(gone).id());
    }
    final List<Snapshot> left = List.of(saved.get(1), saved.get(3), saved.get(4), saved.get(5));
    save(ids(left).toArray(new String[0]));
    assertThat(load().loaded()).extracting(Snapshot::id).isEqualTo(ids(left));
    left.forEach(this::checkSame);
  }

  @Test
  void shouldRefuseWhatWasCutOrChangedAndLeaveNothing() throws IOException {
    chain(3);
    save();
    final List<Path> files;
    try (Stream<Path> listed = Files.list(archive)) {
      files = listed.sorted().toList();
    }
    assertThat(files).hasSizeGreaterThanOrEqualTo(10);
    for (final Path file : files) {
      final byte[] bytes = Files.readAllBytes(file);
      for (int i = 0; i < 8; i++) {
        Files.write(
            file, Arrays.copyOf(bytes, i == 0 ? bytes.length - 1 : random.nextInt(bytes.length)));
        shouldRefuse(file);
        final byte[] changed = bytes.clone();
        changed[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
        Files.write(file, changed);
        shouldRefuse(file);
        Files.write(file, Arrays.copyOf(bytes, bytes.length + 1));
        shouldRefuse(file);
      }
      Files.delete(file);
      shouldRefuse(file);
      Files.write(file, bytes);
    }
    load();
    saved.forEach(this::checkSame);
  }

  private void shouldRefuse(final Path file) {
    assertThatExceptionOfType(VasException.class)
        .as("seed %d, %s", seed, file)
        .isThrownBy(this::load)
        .withMessageContaining(
            file.endsWith("manifest") ? "manifest" : file.getFileName().toString());
    checkNothingIn(other);
  }

  @Test
  void shouldNameTheSnapshotThatIsDamaged() throws IOException {
    final String last = chain(2);
    save();
    Files.write(archive.resolve(last + ".pages"), new byte[7]);
    assertThatExceptionOfType(DamagedException.class)
        .isThrownBy(this::load)
        .withMessageStartingWith("snapshot last:one: ")
        .withMessageContaining("has 7 bytes, and was saved with");
    checkNothingIn(other);
  }

  @Test
  void shouldRefuseANameThatIsTaken() {
    chain(2);
    save();
    final Snapshot taken;
    try (Draft draft =
        other.draft(
            new SnapshotRequest(
                "x",
                Optional.of(SnapshotName.parse("last:one")),
                Optional.empty(),
                Optional.empty(),
                0,
                0))) {
      taken = other.publish(draft, BytesValue.of(ByteString.EMPTY), FACTS);
    }
    assertThatExceptionOfType(ConflictException.class)
        .isThrownBy(this::load)
        .withMessageContaining("the name last:one is taken by snapshot " + taken.id());
    assertThat(other.list()).containsExactly(taken);
    new SnapshotLoader(other, new Rules(), archive, false, (done, total) -> {}).load(List.of());
    assertThat(other.list()).extracting(Snapshot::id).containsAll(ids(saved));
    assertThat(other.get(saved.get(1).id()).name()).isEmpty();
  }

  @Test
  void shouldNotLoadWhatDoesNotFit() {
    chain(4);
    save();
    other.close();
    openOther(4 * MIB);
    assertThatExceptionOfType(StoreFullException.class).isThrownBy(this::load);
    checkNothingIn(other);
  }

  @Test
  void shouldRefuseWhatIsNotAcceptedBeforeAnythingIsLoaded() {
    chain(2);
    save();
    final Rules rules =
        new Rules() {
          @Override
          public MessageLite accept(final byte[] image, final byte[] reliance, final byte[] host) {
            throw new UnsupportedException("it needs a better world");
          }
        };
    assertThatExceptionOfType(UnsupportedException.class)
        .isThrownBy(
            () -> new SnapshotLoader(other, rules, archive, true, (d, t) -> {}).load(List.of()))
        .withMessage("snapshot first:latest: it needs a better world");
    checkNothingIn(other);
  }

  @Test
  void shouldLeaveNothingWhenItIsGivenUp() {
    chain(3);
    for (final int calls : List.of(0, 3, 20)) {
      final int[] left = {calls};
      assertThatExceptionOfType(VasException.class)
          .isThrownBy(
              () ->
                  new SnapshotSaver(store, new Rules(), archive, (done, total) -> giveUp(left))
                      .save(ids(saved)));
      assertThat(archive).doesNotExist();
    }
    save();
    for (final int calls : List.of(0, 3, 20)) {
      final int[] left = {calls};
      assertThatExceptionOfType(VasException.class)
          .isThrownBy(
              () ->
                  new SnapshotLoader(
                          other, new Rules(), archive, true, (done, total) -> giveUp(left))
                      .load(List.of()));
      checkNothingIn(other);
    }
  }

  private static void giveUp(final int[] left) {
    left[0]--;
    if (left[0] < 0) {
      throw new VasException("that is enough");
    }
  }

  @Test
  void shouldSaveToAnEmptyDirectoryOnly() throws IOException {
    chain(1);
    save();
    assertThatExceptionOfType(ConflictException.class)
        .isThrownBy(this::save)
        .withMessageContaining("holds saved snapshots already");
    Files.delete(archive.resolve("manifest"));
    assertThatExceptionOfType(ConflictException.class)
        .isThrownBy(this::save)
        .withMessageContaining("is not empty");
    assertThatExceptionOfType(NotFoundException.class).isThrownBy(this::load);
  }

  @Test
  void shouldNotSaveADamagedPage() {
    final String last = chain(2);
    assertThat(store.verify(Optional.empty(), (done, total) -> {}).damaged()).isEmpty();
    try (SnapshotUse use = store.use(last)) {
      final Extent extent = use.extents(1, 0, PageSpace.END).get(0);
      assertThat(extent.length()).isPositive();
      breakPage(use, extent);
    }
    assertThatExceptionOfType(DamagedException.class)
        .isThrownBy(this::save)
        .withMessageContaining("is not what was stored");
    assertThat(archive).doesNotExist();
  }

  /** As broken memory would. */
  private void breakPage(final SnapshotUse use, final Extent extent) {
    final long role = use.kind(extent.file()) == RegionKind.HUGE ? 0 : 2;
    try (Fd mount = held.get(((long) 'M' << 56) | role).dup();
        Fd file =
            Fd.openAt(
                mount, Integer.toString(PagePlace.number(extent.file())), OpenFlags.O_RDWR, 0)) {
      FileIo.pwrite(file, PageWriter.page(-1), extent.offset());
    }
  }

  private static List<String> ids(final List<Snapshot> snapshots) {
    return snapshots.stream().map(Snapshot::id).toList();
  }
}
