package io.vas.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import com.google.protobuf.ByteString;
import com.google.protobuf.BytesValue;
import io.vas.core.ConflictException;
import io.vas.core.InvalidRequestException;
import io.vas.core.NotFoundException;
import io.vas.core.StoreFullException;
import io.vas.core.VasException;
import io.vas.core.linux.Errno;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.MappedMemory;
import io.vas.core.linux.NumaNodes;
import io.vas.core.linux.OpenFlags;
import io.vas.core.memory.PageSpace;
import io.vas.core.memory.RegionKind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@ExtendWith(Leaks.class)
class SnapshotStoreTest {
  private static final long MIB = 1 << 20;
  private static final SnapshotFacts FACTS = new SnapshotFacts(1500, 2500, "map");

  @TempDir private Path directory;
  private final HeldDescriptors held = new HeldDescriptors();
  private SnapshotStore store;

  private enum Kind {
    MOUNTS,
    MEMFDS
  }

  private void open(final Kind kind, final long budget) {
    final StorePlaces places =
        kind == Kind.MOUNTS
            ? StorePlaces.open(directory, held)
            : StorePlaces.withoutMounts(directory, "mounts are not allowed");
    store = SnapshotStore.open(new StoreConfig(directory, budget), held, places);
  }

  @AfterEach
  void closeStore() {
    if (store != null) {
      store.close();
      store.close();
    }
    assertThat(held.all()).isEmpty();
  }

  private static SnapshotRequest request(final String name, final long memoryBytes) {
    return new SnapshotRequest(
        "instance1",
        Optional.ofNullable(name).map(SnapshotName::parse),
        Optional.empty(),
        Optional.empty(),
        memoryBytes,
        0);
  }

  private static SnapshotRequest fork(final SnapshotUse base) {
    return new SnapshotRequest(
        "fork", Optional.empty(), Optional.of(base.snapshot().id()), Optional.of(base), MIB, MIB);
  }

  private static BytesValue image(final String text) {
    return BytesValue.of(ByteString.copyFrom(text, UTF_8));
  }

  /** The pages of each kind are in a space of their own here. */
  private static void fill(
      final Draft draft, final RegionKind kind, final long bytes, final int value) {
    final Fd region = draft.region(kind);
    draft.store(kind.number(), 0, bytes, kind, 0);
    FileIo.truncate(region, bytes);
    FileIo.allocate(region, 0, bytes);
    try (MappedMemory memory = MappedMemory.mapShared(region, 0, bytes)) {
      memory.buffer().setMemory(0, (int) bytes, (byte) value);
    }
  }

  private Snapshot publish(final String name, final long bytes, final int value) {
    try (Draft draft = store.draft(request(name, bytes))) {
      fill(draft, RegionKind.SMALL, bytes, value);
      return store.publish(draft, image("image of " + name), FACTS);
    }
  }

  private static long file(final SnapshotUse use, final RegionKind kind) {
    return use.extents(kind.number(), 0, PageSpace.END).get(0).file();
  }

  private static Fd region(final SnapshotUse use, final RegionKind kind) {
    return use.file(file(use, kind));
  }

  private static long held(final SnapshotUse use, final RegionKind kind) {
    return use.held(file(use, kind));
  }

  private static Path path(final Fd fd) {
    return Path.of("/proc/self/fd/" + fd.value());
  }

  @ParameterizedTest
  @EnumSource
  void shouldKeepWhatIsPublished(final Kind kind) {
    open(kind, 64 * MIB);
    final Snapshot snapshot;
    try (Draft draft = store.draft(request("redis:warm", 8 * MIB))) {
      fill(draft, RegionKind.HUGE, 4 * MIB, 1);
      fill(draft, RegionKind.SMALL, 4096, 2);
      snapshot = store.publish(draft, image("the image"), FACTS);
      assertThat(snapshot.id()).isEqualTo(draft.id()).matches("[0-9a-f]{12}");
      assertThatIllegalStateException()
          .isThrownBy(() -> store.publish(draft, image("again"), FACTS));
    }
    assertThat(snapshot.label()).isEqualTo("redis:warm");
    assertThat(snapshot.instance()).isEqualTo("instance1");
    assertThat(snapshot.facts()).isEqualTo(new SnapshotFacts(1500, 2500, 1025, 1025, "map"));
    assertThat(snapshot.space())
        .isEqualTo(new SnapshotSpace(4 * MIB, 4096, 0, snapshot.space().imageBytes()));
    assertThat(snapshot.space().imageBytes()).isBetween(1L, 32L);
    assertThat(snapshot.space().bytes()).isEqualTo(4 * MIB + 4096 + snapshot.space().imageBytes());
    assertThat(store.list()).containsExactly(snapshot);
    assertThat(held.count()).isZero();

    try (SnapshotUse use = store.use("redis:warm")) {
      assertThat(use.snapshot()).isEqualTo(snapshot);
      assertThat(use.image()).isEqualTo(image("the image").toByteArray());
      for (final RegionKind region : RegionKind.values()) {
        try (MappedMemory memory = MappedMemory.mapReadOnly(region(use, region), 0, 4096)) {
          assertThat(memory.buffer().getByte(4095)).isEqualTo((byte) (region.number() + 1));
        }
        assertThat(FileStatus.of(held.get(held(use, region))).inode())
            .isEqualTo(FileStatus.of(region(use, region)).inode());
        assertThat(held.get(held(use, region)).flags() & OpenFlags.O_ACCMODE)
            .isEqualTo(OpenFlags.O_RDONLY);
      }
      assertThat(use.layers()).isEmpty();
      assertThat(use.heldLayers()).isEmpty();
      assertThat(held.count()).isEqualTo(2);
    }
    assertThat(held.count()).isZero();
    assertThat(store.status())
        .returns(64 * MIB, StoreStatus::budgetBytes)
        .returns(4 * MIB + 4096, StoreStatus::usedBytes)
        .returns(60 * MIB - 4096, StoreStatus::freeBytes)
        .returns(0L, StoreStatus::reservedBytes)
        .returns(0L, StoreStatus::removedBytes)
        .returns(kind == Kind.MOUNTS, StoreStatus::limitedByKernel)
        .returns(kind == Kind.MOUNTS, StoreStatus::hugePages)
        .satisfies(s -> assertThat(s.limitations().isEmpty()).isEqualTo(kind == Kind.MOUNTS))
        .satisfies(
            s ->
                assertThat(s.entries())
                    .containsExactly(
                        new StoreStatus.Entry(
                            snapshot.id(), snapshot.name(), snapshot.space(), 0, false)));
  }

  @Test
  void shouldKeepPagesOnTheNodesThatWereAskedForWhoeverOpensItAgain() throws IOException {
    final String policy = "interleave:" + NumaNodes.withMemory().list();
    store =
        SnapshotStore.open(
            new StoreConfig(directory, 64 * MIB),
            held,
            StorePlaces.open(directory, held, Optional.of(policy)));
    publish("before", MIB, 1);
    store.leave();
    open(Kind.MOUNTS, 64 * MIB);
    publish("after", MIB, 2);
    assertThat(store.status().numaPolicy()).isEqualTo(policy);
    for (final String name : List.of("before", "after")) {
      try (SnapshotUse use = store.use(name);
          MappedMemory memory = MappedMemory.mapReadOnly(region(use, RegionKind.SMALL), 0, MIB)) {
        final String begin = Long.toHexString(memory.address()) + " ";
        assertThat(Files.readAllLines(Path.of("/proc/self/numa_maps")))
            .anyMatch(line -> line.startsWith(begin + policy + " file="));
      }
    }
    store.close();
    open(Kind.MEMFDS, 64 * MIB);
    assertThat(store.status().numaPolicy()).isEqualTo("default");
  }

  @Test
  void shouldBackRegionsWithHugePages() throws IOException {
    open(Kind.MOUNTS, 64 * MIB);
    try (Draft draft = store.draft(request("huge", 8 * MIB))) {
      fill(draft, RegionKind.HUGE, 8 * MIB, 1);
      store.publish(draft, image(""), FACTS);
    }
    try (SnapshotUse use = store.use("huge");
        MappedMemory memory =
            MappedMemory.map(
                region(use, RegionKind.HUGE),
                0,
                8 * MIB,
                MappedMemory.PROT_READ | MappedMemory.PROT_WRITE | MappedMemory.PROT_EXEC,
                MappedMemory.MAP_PRIVATE)) {
      memory.advise(0, 8 * MIB, MappedMemory.MADV_POPULATE_READ);
      assertThat(mappedHuge(memory.address())).isPositive();
    }
  }

  private static long mappedHuge(final long address) throws IOException {
    final List<String> lines = Files.readAllLines(Path.of("/proc/self/smaps"));
    final int start = indexOf(lines, Long.toHexString(address) + "-", 0);
    final String line = lines.get(indexOf(lines, "ShmemPmdMapped:", start));
    return Long.parseLong(line.replaceAll("[^0-9]", ""));
  }

  private static int indexOf(final List<String> lines, final String prefix, final int from) {
    int index = from;
    while (!lines.get(index).startsWith(prefix)) {
      index++;
    }
    return index;
  }

  @ParameterizedTest
  @EnumSource
  void shouldNotLetAnybodyChangeASnapshot(final Kind kind)
      throws IOException, InterruptedException {
    open(kind, 64 * MIB);
    publish("fixed", 4096, 7);
    try (SnapshotUse use = store.use("fixed");
        MappedMemory memory =
            MappedMemory.map(
                region(use, RegionKind.SMALL),
                0,
                4096,
                MappedMemory.PROT_READ | MappedMemory.PROT_WRITE,
                MappedMemory.MAP_PRIVATE)) {
      final String mapping =
          "map_files/"
              + Long.toHexString(memory.address())
              + "-"
              + Long.toHexString(memory.address() + 4096);
      final String descriptor = "fd/" + region(use, RegionKind.SMALL).value();
      memory.buffer().putByte(0, (byte) 9);
      for (final String link : List.of(descriptor, mapping)) {
        assertThatExceptionOfType(LinuxException.class)
            .isThrownBy(() -> openAndChange("/proc/self/" + link))
            .satisfies(
                e ->
                    assertThat(e.errno())
                        .isEqualTo(kind == Kind.MOUNTS ? Errno.EROFS : Errno.EPERM));
        // Root in namespaces of its own.
        final Process root =
            new ProcessBuilder(
                    "unshare",
                    "-m",
                    "sh",
                    "-c",
                    "printf x 1<>/proc/" + ProcessHandle.current().pid() + "/" + link)
                .redirectErrorStream(true)
                .start();
        final String output = new String(root.getInputStream().readAllBytes(), UTF_8);
        assertThat(root.waitFor()).as(output).isNotZero();
        assertThat(output).contains(kind == Kind.MOUNTS ? "Read-only file system" : "I/O error");
      }
      final ByteBuffer first = ByteBuffer.allocateDirect(1);
      FileIo.pread(region(use, RegionKind.SMALL), first, 0);
      assertThat(first.get(0)).isEqualTo((byte) 7);
    }
  }

  private static void openAndChange(final String link) {
    try (Fd fd = Fd.open(link, OpenFlags.O_RDWR)) {
      FileIo.pwrite(fd, ByteBuffer.allocateDirect(1), 0);
    }
  }

  @ParameterizedTest
  @EnumSource
  void shouldRefuseBeforeTheFreezeWhatDoesNotFit(final Kind kind) {
    open(kind, 16 * MIB);
    publish("first", 8 * MIB, 1);
    assertThatExceptionOfType(StoreFullException.class)
        .isThrownBy(() -> store.draft(request("second", 12 * MIB)))
        .withMessageMatching(
            "the store is full: the snapshot of instance1 needs 12.* MiB, [78].* MiB of 16.0 MiB"
                + " are free, 4.* MiB are missing");
    assertThat(store.status().usedBytes()).isEqualTo(8 * MIB);
    assertThat(store.list()).hasSize(1);
    // Neither name nor room is lost.
    publish("second", 4 * MIB, 2);
  }

  @Test
  void shouldCountRoomThatOthersWillNeed() {
    open(Kind.MOUNTS, 16 * MIB);
    try (Draft first = store.draft(request("first", 10 * MIB))) {
      assertThat(store.status().freeBytes()).isBetween(5 * MIB, 6 * MIB);
      assertThatExceptionOfType(StoreFullException.class)
          .isThrownBy(() -> store.draft(request("second", 10 * MIB)));
      fill(first, RegionKind.SMALL, 8 * MIB, 1);
      assertThat(store.status().freeBytes()).isBetween(5 * MIB, 6 * MIB);
    }
    assertThat(store.status().freeBytes()).isEqualTo(16 * MIB);
  }

  @Test
  void shouldHaveTheKernelRefuseMoreThanTheBudget() {
    open(Kind.MOUNTS, 16 * MIB);
    publish("first", 8 * MIB, 1);
    try (Draft draft = store.draft(request("second", 4 * MIB))) {
      for (final RegionKind kind : RegionKind.values()) {
        final Fd region = draft.region(kind);
        assertThatExceptionOfType(LinuxException.class)
            .isThrownBy(() -> FileIo.allocate(region, 0, 10 * MIB))
            .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.ENOSPC))
            .satisfies(
                e ->
                    assertThat(draft.full(e))
                        .hasMessageContaining("the snapshot of instance1 needs more than"));
        FileIo.truncate(region, 64 * MIB);
        // As a copy into a mapping does it: an error, not a signal.
        try (MappedMemory memory = MappedMemory.mapShared(region, 0, 64 * MIB)) {
          assertThatExceptionOfType(LinuxException.class)
              .isThrownBy(() -> memory.advise(0, 64 * MIB, MappedMemory.MADV_POPULATE_WRITE))
              .satisfies(e -> assertThat(e.errno()).isIn(Errno.EFAULT, Errno.ENOSPC));
        }
        FileIo.truncate(region, 0);
      }
      final Path file = path(draft.layer()).resolve("file");
      assertThatExceptionOfType(IOException.class)
          .isThrownBy(() -> Files.write(file, new byte[(int) (10 * MIB)]))
          .withMessageContaining("No space left");
    }
    assertThat(store.status().usedBytes()).isEqualTo(8 * MIB);
  }

  @ParameterizedTest
  @EnumSource
  void shouldRefuseToPublishMoreThanTheBudget(final Kind kind) {
    open(kind, 16 * MIB);
    try (Draft draft = store.draft(request("big", 4 * MIB))) {
      // Each pool has its limit, but together they hold too much.
      fill(draft, RegionKind.SMALL, 10 * MIB, 1);
      fill(draft, RegionKind.HUGE, 10 * MIB, 1);
      assertThatExceptionOfType(StoreFullException.class)
          .isThrownBy(() -> store.publish(draft, image("x"), FACTS))
          .withMessage(
              "the store is full: with the snapshot of instance1 it would hold 20.0 MiB, its limit"
                  + " is 16.0 MiB, 4.0 MiB are missing");
      assertThatIllegalStateException().isThrownBy(() -> store.publish(draft, image("x"), FACTS));
    }
    assertThat(store.list()).isEmpty();
    assertThat(store.status()).returns(0L, StoreStatus::usedBytes);
    publish("big", MIB, 1);
  }

  @ParameterizedTest
  @EnumSource
  void shouldLeaveNothingOfADraftThatIsClosed(final Kind kind) throws IOException {
    open(kind, 16 * MIB);
    final Draft draft = store.draft(request("name", 4 * MIB));
    fill(draft, RegionKind.HUGE, 4 * MIB, 1);
    Files.writeString(path(draft.layer()).resolve("file"), "text");
    assertThatExceptionOfType(ConflictException.class)
        .isThrownBy(() -> store.draft(request("name", 0)))
        .withMessage("a snapshot named name:latest is being taken");
    draft.close();
    draft.close();
    assertThatIllegalStateException().isThrownBy(() -> store.publish(draft, image(""), FACTS));
    assertThat(store.status())
        .returns(0L, StoreStatus::usedBytes)
        .returns(0L, StoreStatus::reservedBytes);
    assertThat(held.count()).isZero();
    publish("name", 4096, 1);
  }

  @Test
  void shouldLeaveNothingWhenTheKeeperDiesWhileItIsOpened() {
    for (int holds = 0; holds < 8; holds++) {
      held.failAfter(holds);
      assertThatExceptionOfType(VasException.class)
          .isThrownBy(() -> open(Kind.MOUNTS, 16 * MIB))
          .withMessage("the keeper is gone");
    }
    held.failAfter(Integer.MAX_VALUE);
    open(Kind.MOUNTS, 16 * MIB);
    publish("name", 4096, 1);
  }

  @Test
  void shouldRefuseAnImageForWhichTheJournalHasNoRoom() {
    open(Kind.MOUNTS, 16 * MIB);
    try (Draft draft = store.draft(request("big", MIB))) {
      fill(draft, RegionKind.SMALL, MIB, 1);
      assertThatExceptionOfType(StoreFullException.class)
          .isThrownBy(
              () -> store.publish(draft, BytesValue.of(ByteString.copyFrom(noise())), FACTS))
          .withMessage("the store is full: no room in the journal of snapshots");
    }
    assertThat(store.list()).isEmpty();
    assertThat(store.status().usedBytes()).isZero();
    publish("big", MIB, 1);
    store.remove("big");
  }

  @Test
  void shouldFindSnapshotsByIdNameAndBeginning() {
    open(Kind.MOUNTS, 64 * MIB);
    final List<Snapshot> snapshots = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      snapshots.add(publish(i % 2 == 0 ? "n" + i : null, 4096, i));
    }
    assertThat(store.list()).containsExactlyElementsOf(snapshots);
    for (final Snapshot snapshot : snapshots) {
      assertThat(store.get(snapshot.id())).isEqualTo(snapshot);
      assertThat(store.get(snapshot.id().substring(0, 11))).isEqualTo(snapshot);
      snapshot
          .name()
          .ifPresent(
              name -> {
                assertThat(store.get(name.toString())).isEqualTo(snapshot);
                assertThat(store.get(name.name())).isEqualTo(snapshot);
              });
    }
    // 40 snapshots, 16 first digits.
    final String digit =
        "0123456789abcdef"
            .chars()
            .mapToObj(Character::toString)
            .filter(d -> snapshots.stream().filter(s -> s.id().startsWith(d)).count() > 1)
            .findFirst()
            .orElseThrow();
    assertThatExceptionOfType(ConflictException.class)
        .isThrownBy(() -> store.get(digit))
        .withMessageContaining("several snapshots");
    // A name wins over the beginning of an id.
    final Snapshot named = publish(digit, 4096, 0);
    assertThat(store.get(digit)).isEqualTo(named);
    for (final String missing : List.of("", "zzz", "n0:other", "n1", "N0", "000000000000")) {
      assertThatExceptionOfType(NotFoundException.class)
          .isThrownBy(() -> store.get(missing))
          .withMessage("there is no snapshot '" + missing + "'");
    }
    assertThatExceptionOfType(ConflictException.class)
        .isThrownBy(() -> store.draft(request("n0", 0)))
        .withMessage("the name n0:latest is taken by snapshot " + snapshots.get(0).id());
    assertThatExceptionOfType(InvalidRequestException.class).isThrownBy(() -> request("N0", 0));
  }

  @ParameterizedTest
  @EnumSource
  void shouldRemoveAtOnceWhatNobodyUses(final Kind kind) {
    open(kind, 16 * MIB);
    for (int i = 0; i < 20; i++) {
      final Snapshot snapshot = publish("name", 8 * MIB, i);
      assertThat(store.remove("name")).isEqualTo(snapshot);
      assertThat(store.status().usedBytes()).isZero();
      assertThat(held.count()).isZero();
      assertThatExceptionOfType(NotFoundException.class)
          .isThrownBy(() -> store.remove(snapshot.id()));
    }
  }

  @Test
  void shouldKeepWhatIsUsedUntilTheLastUseEnds() {
    open(Kind.MOUNTS, 64 * MIB);
    publish("name", 8 * MIB, 5);
    final SnapshotUse first = store.use("name");
    final SnapshotUse second = store.use("name");
    assertThat(store.status().entries().get(0).uses()).isEqualTo(2);
    store.remove("name");
    publish("name", 4096, 6);

    assertThat(store.status())
        .returns(8 * MIB + 4096, StoreStatus::usedBytes)
        .returns(8 * MIB, StoreStatus::removedBytes);
    first.close();
    first.close();
    assertThatIllegalStateException().isThrownBy(first::image);
    assertThatIllegalStateException().isThrownBy(() -> region(first, RegionKind.SMALL));
    assertThat(held.get(held(second, RegionKind.SMALL)).isOpen()).isTrue();
    assertThat(second.image()).isEqualTo(image("image of name").toByteArray());

    try (MappedMemory mapping =
        MappedMemory.mapReadOnly(region(second, RegionKind.SMALL), 0, 8 * MIB)) {
      second.close();
      // Mapped pages stay, and are counted.
      assertThat(mapping.buffer().getByte(0)).isEqualTo((byte) 5);
      assertThat(store.status().removedBytes()).isEqualTo(8 * MIB);
    }
    assertThat(store.status().removedBytes()).isZero();
    assertThat(held.count()).isZero();
  }

  @Test
  void shouldStackTheLayersOfForks() throws IOException {
    open(Kind.MOUNTS, 64 * MIB);
    final Snapshot parent;
    try (Draft draft = store.draft(request("parent", MIB))) {
      Files.writeString(path(draft.layer()).resolve("a"), "of the parent");
      parent = store.publish(draft, image(""), FACTS);
    }
    assertThat(parent.space().layerBytes()).isEqualTo(4096);
    final SnapshotUse running = store.use("parent");
    final Snapshot empty;
    final Snapshot child;
    try (Draft draft = store.draft(fork(running))) {
      empty = store.publish(draft, image(""), FACTS);
    }
    try (Draft draft = store.draft(fork(running))) {
      Files.writeString(path(draft.layer()).resolve("b"), "of the child");
      child = store.publish(draft, image(""), FACTS);
    }
    assertThat(child.parent()).contains(parent.id());
    try (Draft draft = store.draft(fork(running))) {
      running.close();
      store.remove("parent");
      // The draft that is being taken keeps its base's layers.
      assertThat(path(draft.layer()).resolve("../" + parent.id() + "/a")).exists();
    }
    assertThatIllegalStateException().isThrownBy(() -> store.draft(fork(running)));

    try (SnapshotUse use = store.use(empty.id())) {
      assertThat(use.layers()).hasSize(1);
      assertThat(path(use.layers().get(0)).resolve("a")).hasContent("of the parent");
    }
    try (SnapshotUse use = store.use(child.id())) {
      assertThat(use.layers()).hasSize(2);
      assertThat(path(use.layers().get(0)).resolve("b")).hasContent("of the child");
      assertThat(path(use.layers().get(1)).resolve("a")).hasContent("of the parent");
      for (int i = 0; i < 2; i++) {
        assertThat(FileStatus.of(held.get(use.heldLayers().get(i))).inode())
            .isEqualTo(FileStatus.of(use.layers().get(i)).inode());
      }
      store.remove(empty.id());
      store.remove(child.id());
      assertThat(path(use.layers().get(1)).resolve("a")).hasContent("of the parent");
    }
    assertThat(store.status().usedBytes()).isZero();
    assertThat(held.count()).isZero();
  }

  @Test
  void shouldServeAsTheLowerDirectoriesOfAnOverlayInAnotherMountNamespace()
      throws IOException, InterruptedException {
    open(Kind.MOUNTS, 64 * MIB);
    try (Draft draft = store.draft(request("parent", MIB))) {
      Files.writeString(path(draft.layer()).resolve("hello"), "from the layer");
      store.publish(draft, image(""), FACTS);
    }
    try (SnapshotUse use = store.use("parent")) {
      final Process process =
          new ProcessBuilder(
                  "unshare",
                  "-m",
                  "sh",
                  "-ec",
                  """
                  mount -t tmpfs tmpfs %1$s; mkdir %1$s/up %1$s/work %1$s/root
                  mount -t overlay overlay -o \
                  lowerdir=/proc/%2$d/fd/%3$d:/,upperdir=%1$s/up,workdir=%1$s/work %1$s/root
                  test -e %1$s/root/etc/passwd; cat %1$s/root/hello; echo x > %1$s/root/hello
                  """
                      .formatted(
                          directory, ProcessHandle.current().pid(), use.layers().get(0).value()))
              .redirectErrorStream(true)
              .start();
      assertThat(new String(process.getInputStream().readAllBytes(), UTF_8))
          .isEqualTo("from the layer");
      assertThat(process.waitFor()).isZero();
      assertThat(path(use.layers().get(0)).resolve("hello")).hasContent("from the layer");
    }
  }

  @Test
  void shouldEndWithWhateverIsInUse() {
    open(Kind.MOUNTS, 64 * MIB);
    publish("used", 4096, 1);
    publish("unused", 4096, 1);
    final SnapshotUse use = store.use("used");
    final Draft draft = store.draft(request("draft", 4096));
    store.close();
    assertThat(held.count()).isZero();
    use.close();
    draft.close();
    assertThatIllegalStateException().isThrownBy(() -> store.draft(request("late", 4096)));
  }

  @ParameterizedTest
  @EnumSource
  void shouldServeManyThreads(final Kind kind) throws InterruptedException, ExecutionException {
    open(kind, 64 * MIB);
    final ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      final List<Callable<Integer>> tasks = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        final int thread = i;
        tasks.add(() -> workAtRandom(thread));
      }
      int published = 0;
      for (final Future<Integer> result : threads.invokeAll(tasks)) {
        published += result.get();
      }
      assertThat(published).isPositive();
    } finally {
      threads.shutdownNow();
    }
    store.list().forEach(snapshot -> store.remove(snapshot.id()));
    assertThat(store.status())
        .returns(0L, StoreStatus::usedBytes)
        .returns(0L, StoreStatus::reservedBytes);
  }

  /** All threads want the same few names and more room than there is. */
  private int workAtRandom(final int seed) {
    final Random random = new Random(seed);
    int published = 0;
    for (int i = 0; i < 100; i++) {
      final String name = "n" + random.nextInt(4);
      final long bytes = (1 + random.nextInt(20)) * MIB;
      try {
        switch (random.nextInt(4)) {
          case 0 -> store.remove(name);
          case 1 -> {
            try (SnapshotUse use = store.use(name);
                Draft draft = store.draft(fork(use));
                MappedMemory memory =
                    MappedMemory.mapReadOnly(region(use, RegionKind.SMALL), 0, 4096)) {
              assertThat(memory.buffer().getByte(0)).isEqualTo((byte) 1);
              assertThat(draft.region(RegionKind.HUGE).isOpen()).isTrue();
            }
          }
          default -> {
            publish(name, bytes, 1);
            published++;
          }
        }
      } catch (final NotFoundException | ConflictException | StoreFullException e) {
        assertThat(e).hasMessageNotContaining("\n");
      } catch (final LinuxException e) {
        // Memory that others took meanwhile: what a snapshot's copy would meet.
        assertThat(e.errno()).isEqualTo(Errno.ENOSPC);
      }
    }
    return published;
  }

  private static SnapshotOwner owner(final Set<String> needed, final List<String> evicted) {
    return new SnapshotOwner() {
      @Override
      public boolean letGo(final Snapshot snapshot) {
        return !needed.contains(snapshot.id());
      }

      @Override
      public void evicted(final Snapshot snapshot) {
        evicted.add(snapshot.id());
      }
    };
  }

  @ParameterizedTest
  @EnumSource
  void shouldEvictWhatWasUsedTheLongestTimeAgo(final Kind kind) {
    final StorePlaces places =
        kind == Kind.MOUNTS
            ? StorePlaces.open(directory, held)
            : StorePlaces.withoutMounts(directory, "mounts are not allowed");
    store =
        SnapshotStore.open(
            new StoreConfig(directory, 10 * MIB).whenFull(FullPolicy.EVICT), held, places);
    final Snapshot tagged = publish("a:tag", MIB, 1);
    final Snapshot used = publish(null, MIB, 2);
    final Snapshot needed = publish(null, MIB, 3);
    final Snapshot first = publish(null, 2 * MIB, 4);
    final Snapshot second = publish(null, 2 * MIB, 5);
    final Snapshot third = publish(null, 2 * MIB, 6);
    final List<String> evicted = new ArrayList<>();
    store.setOwner(owner(Set.of(needed.id()), evicted));
    store.use(first.id()).close();
    try (SnapshotUse use = store.use(used.id())) {
      final Snapshot large = publish(null, 3 * MIB, 7);
      assertThat(evicted).containsExactly(second.id());
      assertThat(store.list()).containsExactly(tagged, used, needed, first, third, large);
      // All that may go is not enough: nothing goes.
      assertThatExceptionOfType(StoreFullException.class)
          .isThrownBy(() -> store.draft(request(null, 8 * MIB)))
          .withMessageContaining("are missing; what may be evicted is not as much");
      assertThat(store.size()).isEqualTo(6);
      final Snapshot larger = publish(null, 7 * MIB, 8);
      assertThat(store.list()).containsExactly(tagged, used, needed, larger);
      assertThat(evicted).containsExactly(second.id(), third.id(), first.id(), large.id());
      assertThat(use.image()).isNotEmpty();
    }
    assertThat(store.status().whenFull()).isEqualTo(FullPolicy.EVICT);
  }

  @Test
  void shouldThinTimelines() {
    store =
        SnapshotStore.open(new StoreConfig(directory, 10 * MIB).whenFull(FullPolicy.THIN), held);
    final Snapshot first = publish(null, 2 * MIB, 1);
    final Snapshot second = publish(null, 2 * MIB, 2);
    final Snapshot third = publish(null, 2 * MIB, 3);
    final Snapshot last = publish(null, 2 * MIB, 4);
    store.use(second.id()).close();
    final List<String> evicted = new ArrayList<>();
    store.setOwner(owner(Set.of(last.id()), evicted));

    publish(null, 3 * MIB, 5);
    assertThat(evicted).hasSize(1).isSubsetOf(second.id(), third.id());

    // What is between is not enough: then the first goes, too.
    publish(null, 4 * MIB, 6);
    assertThat(evicted).contains(second.id(), third.id(), first.id()).doesNotContain(last.id());
    assertThat(store.status().whenFull()).isEqualTo(FullPolicy.THIN);
  }

  @Test
  void shouldEvictForPageTables() {
    evictForMetadata(SnapshotStoreTest::scatter, "no room for tables of pages");
  }

  @Test
  void shouldEvictForTheJournal() {
    evictForMetadata(
        (draft, base) -> draft.share(0, 0, PageSpace.END, base, 0, 0),
        "no room in the journal of snapshots");
  }

  /** Pages of another snapshot, each so far from the others that it has nodes of its own. */
  private static void scatter(final Draft draft, final SnapshotUse base) {
    for (int i = 0; i < 150; i++) {
      draft.share(0, (long) i << 33, 4096, base, RegionKind.SMALL.number(), 0);
    }
  }

  private void evictForMetadata(
      final BiConsumer<Draft, SnapshotUse> content, final String message) {
    final boolean isTables = message.contains("tables");
    store =
        SnapshotStore.open(new StoreConfig(directory, 16 * MIB).whenFull(FullPolicy.EVICT), held);
    final Snapshot first = publish("base:tag", 4096, 1);
    final List<String> evicted = new ArrayList<>();
    store.setOwner(owner(Set.of(), evicted));
    final Random random = new Random(1);
    final byte[] image = new byte[isTables ? 1 : 200_000];
    final List<String> made = new ArrayList<>();
    try (SnapshotUse base = store.use("base:tag")) {
      while (evicted.size() < 20) {
        random.nextBytes(image);
        made.add(publish(null, base, content, image).id());
        assertThat(made).hasSizeLessThan(1000);
      }
      // The oldest ones, and no more than that.
      assertThat(evicted).isEqualTo(made.subList(0, evicted.size()));
      assertThat(store.size()).isEqualTo(1 + made.size() - evicted.size()).isGreaterThan(10);
      assertThat(store.verify(Optional.empty(), (done, total) -> {}).damaged()).isEmpty();
      // Those with a name do not go.
      assertThatExceptionOfType(StoreFullException.class)
          .isThrownBy(
              () -> {
                for (int i = 0; i < 1000; i++) {
                  random.nextBytes(image);
                  publish("n" + i, base, content, image);
                }
              })
          .withMessage("the store is full: " + message + "; what may be evicted is not enough");
      assertThat(evicted).containsExactlyInAnyOrderElementsOf(made);
      // What can not fit whatever goes makes nothing go.
      store.remove("n0");
      publish(null, base, content, image);
      assertThatExceptionOfType(StoreFullException.class)
          .isThrownBy(() -> publish(null, base, content, noise()))
          .withMessageContaining("the store is full: no room")
          .withMessageNotContaining("evicted");
      assertThat(evicted).hasSameSizeAs(made);
    }
    assertThat(store.get("base:tag")).isEqualTo(first);
  }

  private static byte[] noise() {
    final byte[] noise = new byte[(int) (8 * MIB)];
    new Random(1).nextBytes(noise);
    return noise;
  }

  private Snapshot publish(
      final String name,
      final SnapshotUse base,
      final BiConsumer<Draft, SnapshotUse> content,
      final byte[] image) {
    final SnapshotRequest request =
        new SnapshotRequest(
            "fork",
            Optional.ofNullable(name).map(SnapshotName::parse),
            Optional.empty(),
            Optional.of(base),
            0,
            0);
    try (Draft draft = store.draft(request)) {
      content.accept(draft, base);
      return store.publish(draft, BytesValue.of(ByteString.copyFrom(image)), FACTS);
    }
  }

  @Test
  void shouldRememberWhatToDoWhenItIsFull() {
    store = SnapshotStore.open(new StoreConfig(directory, 8 * MIB).whenFull(FullPolicy.THIN), held);
    store.leave();
    open(Kind.MOUNTS, 8 * MIB);
    assertThat(store.status().whenFull()).isEqualTo(FullPolicy.THIN);
    store.leave();
    store =
        SnapshotStore.open(new StoreConfig(directory, 8 * MIB).whenFull(FullPolicy.REFUSE), held);
    publish(null, 6 * MIB, 1);
    assertThatExceptionOfType(StoreFullException.class)
        .isThrownBy(() -> store.draft(request(null, 6 * MIB)));
  }

  @Test
  void shouldLetADraftTakeWhatIsFreeBeyondWhatIsSetAside() {
    open(Kind.MOUNTS, 400 * MIB);
    final SnapshotRequest request =
        new SnapshotRequest(
            0, "i", Optional.empty(), Optional.empty(), Optional.empty(), MIB, 300 * MIB, 0);
    try (Draft draft = store.draft(request)) {
      assertThat(store.status().reservedBytes()).isEqualTo(MIB);
      FileIo.allocate(draft.region(RegionKind.SMALL), 0, 200 * MIB);
      store.publish(draft, image(""), FACTS);
    }
    try (Draft draft = store.draft(request)) {
      // Less is free than it may be at most: the kernel says where the end is.
      assertThatExceptionOfType(LinuxException.class)
          .isThrownBy(() -> FileIo.allocate(draft.region(RegionKind.SMALL), 0, 401 * MIB))
          .matches(e -> e.errno() == Errno.ENOSPC);
      assertThat(draft.full(null)).hasMessageContaining("the store is full: the snapshot of i");
    }
  }
}
