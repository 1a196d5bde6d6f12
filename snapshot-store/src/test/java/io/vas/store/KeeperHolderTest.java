package io.vas.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.google.protobuf.BytesValue;
import io.vas.core.NotFoundException;
import io.vas.core.VasException;
import io.vas.core.keeper.Keeper;
import io.vas.core.linux.Errno;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.OpenFlags;
import io.vas.core.memory.PageSpace;
import io.vas.core.memory.RegionKind;
import io.vas.core.testing.LeakCheck;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith({LeakCheck.class, Leaks.class})
class KeeperHolderTest {
  private static final long MIB = 1 << 20;
  private static final SnapshotFacts FACTS = new SnapshotFacts(1, 2, "map");

  @TempDir private Path state;

  private static long file(final SnapshotUse use, final RegionKind kind) {
    return use.extents(kind.number(), 0, PageSpace.END).get(0).file();
  }

  private static Snapshot publish(final SnapshotStore store) throws Exception {
    try (Draft draft =
        store.draft(
            new SnapshotRequest(
                "i", Optional.empty(), Optional.empty(), Optional.empty(), MIB, MIB))) {
      for (final RegionKind kind : RegionKind.values()) {
        FileIo.allocate(draft.region(kind), 0, MIB);
        draft.store(kind.number(), 0, MIB, kind, 0);
      }
      Files.writeString(Path.of("/proc/self/fd/" + draft.layer().value(), "file"), "text");
      return store.publish(draft, BytesValue.getDefaultInstance(), FACTS);
    }
  }

  @Test
  void shouldHaveTheKeeperHoldWhatForksAreGiven() throws Exception {
    final Keeper keeper = Keeper.start(state);
    try (SnapshotStore store =
        SnapshotStore.open(new StoreConfig(state, 32 * MIB), DescriptorHolder.of(keeper))) {
      publish(store);
      final SnapshotUse use = store.use(store.list().get(0).id());
      final List<Long> ids = new ArrayList<>(use.heldLayers());
      for (final RegionKind kind : RegionKind.values()) {
        final long file = file(use, kind);
        ids.add(use.held(file));
        try (Fd region = keeper.take(use.held(file))) {
          assertThat(FileStatus.of(region).inode())
              .isEqualTo(FileStatus.of(use.file(file)).inode());
          assertThatExceptionOfType(LinuxException.class)
              .isThrownBy(() -> Fd.open("/proc/self/fd/" + region.value(), OpenFlags.O_RDWR))
              .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EROFS));
        }
      }
      try (Fd layer = keeper.take(use.heldLayers().get(0));
          Fd file = Fd.openAt(layer, "file", OpenFlags.O_RDONLY, 0)) {
        assertThat(FileIo.readAll(file)).asString().isEqualTo("text");
      }

      store.remove(use.snapshot().id());
      keeper.take(use.held(file(use, RegionKind.HUGE))).close();
      use.close();
      assertThat(ids).hasSize(3);
      for (final long id : ids) {
        assertThatExceptionOfType(NotFoundException.class).isThrownBy(() -> keeper.take(id));
      }
      assertThat(store.status().usedBytes()).isZero();
    } finally {
      keeper.shutdown();
    }
  }

  @Test
  void shouldFreeEverythingThoughTheKeeperIsGone() throws Exception {
    final Keeper keeper = Keeper.start(state);
    try (SnapshotStore store =
        SnapshotStore.open(new StoreConfig(state, 32 * MIB), DescriptorHolder.of(keeper))) {
      final Snapshot snapshot = publish(store);
      final SnapshotUse use = store.use(snapshot.id());
      use.held(file(use, RegionKind.HUGE));
      keeper.shutdown();
      assertThatExceptionOfType(VasException.class)
          .isThrownBy(() -> use.held(file(use, RegionKind.SMALL)));
      assertThat(store.list()).containsExactly(snapshot);
      store.remove(snapshot.id());
      use.close();
      assertThat(store.status().usedBytes()).isZero();
    }
  }
}
