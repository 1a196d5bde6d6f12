package io.vas.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.google.protobuf.ByteString;
import io.vas.core.StoreFullException;
import io.vas.core.VasException;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.OpenFlags;
import io.vas.core.linux.TmpfsMount;
import io.vas.store.journal.ImageRecord;
import io.vas.store.journal.JournalRecord;
import io.vas.store.journal.SnapshotRecord;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(Leaks.class)
class JournalTest {
  private static final long MIB = 1 << 20;

  private TmpfsMount mount;
  private Path directory;
  private final List<JournalRecord> found = new ArrayList<>();

  @BeforeEach
  void mount() {
    mount = TmpfsMount.create(4 * MIB, TmpfsMount.HugePages.NEVER);
    directory = Path.of("/proc/self/fd/" + mount.readWriteMount().value());
  }

  @AfterEach
  void unmount() {
    mount.close();
  }

  private Journal open() {
    return open(directory);
  }

  private Journal open(final Path where) {
    found.clear();
    return Journal.open(where, 16 * MIB, (position, record) -> found.add(record));
  }

  private static JournalRecord record(final long id, final int bytes) {
    return JournalRecord.newBuilder()
        .setSnapshot(
            SnapshotRecord.newBuilder()
                .setId(id)
                .setImage(
                    ImageRecord.newBuilder().setDeflated(ByteString.copyFrom(new byte[bytes]))))
        .build();
  }

  @Test
  void shouldFindAgainWhatWasAppended() {
    final List<JournalRecord> appended = new ArrayList<>();
    for (int round = 0; round < 4; round++) {
      try (Journal journal = open()) {
        assertThat(found).isEqualTo(appended);
        for (int i = 1; i < 50; i++) {
          final JournalRecord record = record(round * 100L + i, i * 37);
          appended.add(record);
          assertThat(journal.read(journal.append(record))).isEqualTo(record);
        }
      }
    }
  }

  @Test
  void shouldFindWholeRecordsOnlyWhereverItIsCut() throws IOException {
    final List<JournalRecord> appended = new ArrayList<>();
    final List<Long> ends = new ArrayList<>();
    final byte[] bytes;
    try (Journal journal = open()) {
      for (int i = 0; i < 5; i++) {
        appended.add(record(i + 1L, 40 + i));
        journal.append(appended.get(i));
        ends.add(journal.length());
      }
      bytes = read(journal.length());
    }
    for (int cut = 0; cut <= bytes.length; cut++) {
      final int end = cut;
      final Path copy = Files.createDirectories(directory.resolve("cut"));
      final Path file = copy.resolve("journal");
      Files.write(file, Arrays.copyOf(bytes, cut));
      final int whole = (int) ends.stream().filter(e -> e <= end).count();
      // The last bytes of a record are padding, without which it is whole, too.
      final List<JournalRecord> expected;
      try (Journal journal = open(copy)) {
        assertThat(found.size()).as("cut at %d", cut).isBetween(whole, whole + 1);
        expected = new ArrayList<>(found);
        assertThat(found).isEqualTo(appended.subList(0, found.size()));
        expected.add(record(99, 10));
        journal.append(record(99, 10));
      }
      open(copy).close();
      assertThat(found).as("cut at %d, and appended to", cut).isEqualTo(expected);
      Files.delete(file);
    }
  }

  private byte[] read(final long length) throws IOException {
    final byte[] bytes = new byte[(int) length];
    try (RandomAccessFile file = new RandomAccessFile(journalFile(), "r")) {
      file.readFully(bytes);
    }
    return bytes;
  }

  private java.io.File journalFile() {
    return directory.resolve("journal").toFile();
  }

  @Test
  void shouldLeaveOutABrokenRecordButNoOther() throws IOException {
    final long seed = System.nanoTime();
    final Random random = new Random(seed);
    final List<Long> positions = new ArrayList<>();
    try (Journal journal = open()) {
      for (int i = 0; i < 20; i++) {
        positions.add(journal.append(record(i + 1L, 100)));
      }
    }
    final int broken = random.nextInt(20);
    final long at = positions.get(broken) + JournalDescriptor.PAYLOAD_OFFSET + random.nextInt(100);
    try (RandomAccessFile file = new RandomAccessFile(journalFile(), "rw")) {
      file.seek(at);
      final int before = file.read();
      file.seek(at);
      file.write(before ^ (1 << random.nextInt(8)));
    }
    try (Journal journal = open()) {
      assertThat(journal.length()).isPositive();
      assertThat(found.stream().map(r -> r.getSnapshot().getId()))
          .as("seed %d", seed)
          .hasSize(19)
          .doesNotContain(broken + 1L);
    }
  }

  @Test
  void shouldIgnoreWhatWasNotPublished() throws IOException {
    final long end;
    try (Journal journal = open()) {
      journal.append(record(1, 50));
      end = journal.length();
    }
    // A daemon that died within append(): all is there but the length.
    try (RandomAccessFile file = new RandomAccessFile(journalFile(), "rw")) {
      file.seek(end + Integer.BYTES);
      file.write(new byte[300]);
      for (int i = 0; i < 75; i++) {
        file.seek(end + Integer.BYTES + i * 4L);
        file.writeInt(0x10000000);
      }
    }
    try (Journal journal = open()) {
      assertThat(found).containsExactly(record(1, 50));
      journal.append(record(2, 20));
    }
    open().close();
    assertThat(found).containsExactly(record(1, 50), record(2, 20));
  }

  @Test
  void shouldRefuseAnotherVersionAndChangeNothing() throws IOException {
    try (Journal journal = open()) {
      journal.append(record(1, 50));
    }
    try (RandomAccessFile file = new RandomAccessFile(journalFile(), "rw")) {
      file.seek(JournalDescriptor.VERSION_OFFSET);
      file.write(JournalDescriptor.VERSION + 1);
    }
    final byte[] before = read(4096);
    assertThatExceptionOfType(VasException.class)
        .isThrownBy(this::open)
        .withMessageContaining(
            "the journal of snapshots has version "
                + (JournalDescriptor.VERSION + 1)
                + ", this is "
                + JournalDescriptor.VERSION);
    assertThat(read(4096)).isEqualTo(before);
    try (RandomAccessFile file = new RandomAccessFile(journalFile(), "rw")) {
      file.write("something else".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
    }
    assertThatExceptionOfType(VasException.class)
        .isThrownBy(this::open)
        .withMessageContaining("what should be the journal of snapshots begins with 0x");
  }

  @Test
  void shouldKeepRoomForRecordsThatMakeRoom() {
    try (Journal journal = open()) {
      assertThatExceptionOfType(StoreFullException.class)
          .isThrownBy(
              () -> {
                while (true) {
                  journal.append(record(1, 100_000));
                }
              });
      for (int i = 0; i < 1000; i++) {
        journal.appendLast(SnapshotRecords.removed(new SnapshotId(1)));
      }
      assertThat(journal.length()).isLessThanOrEqualTo(4 * MIB);
    }
    final int before = found.size();
    open().close();
    assertThat(found.size()).isGreaterThan(before + 1000);
  }

  @Test
  void shouldTakeItsOwnPlaceWhenCompacted() throws IOException {
    final Journal journal = open();
    for (int i = 0; i < 100; i++) {
      final long position = journal.append(record(i, 20_000));
      if (i % 10 != 0) {
        journal.forget(position);
      }
    }
    assertThat(journal.isWorthCompacting()).isTrue();
    // Left by who died while he compacted.
    final Journal compacted =
        journal.compacted(
            fresh -> {
              for (int i = 0; i < 100; i += 10) {
                fresh.append(record(i, 20_000));
              }
            });
    assertThat(compacted.isWorthCompacting()).isFalse();
    compacted.append(record(100, 1));
    compacted.close();
    Files.writeString(directory.resolve("journal.next"), "half of it");
    open().close();
    assertThat(found.stream().map(r -> r.getSnapshot().getId()))
        .containsExactly(0L, 10L, 20L, 30L, 40L, 50L, 60L, 70L, 80L, 90L, 100L);
    assertThat(directory.resolve("journal.next")).doesNotExist();
    assertThat(mount.status().usedBytes()).isLessThan(MIB);
  }

  @Test
  void shouldKeepTheOldOneWhenThereIsNoRoomToCompact() {
    try (Journal journal = open()) {
      journal.append(record(1, 2_000_000));
      assertThatExceptionOfType(StoreFullException.class)
          .isThrownBy(() -> journal.compacted(fresh -> fresh.append(record(1, 3_000_000))));
      assertThat(journal.read(journal.append(record(2, 10)))).isEqualTo(record(2, 10));
    }
    open().close();
    assertThat(found).containsExactly(record(1, 2_000_000), record(2, 10));
  }

  @Test
  void shouldTakeMemoryOnlyForWhatItHolds() {
    try (Journal journal = open();
        Fd file = Fd.open(journalFile().toString(), OpenFlags.O_RDONLY)) {
      assertThat(journal.length()).isPositive();
      assertThat(FileIo.nextHole(file, 0)).isLessThanOrEqualTo(MIB);
      assertThat(mount.status().usedBytes()).isLessThanOrEqualTo(MIB);
    }
  }
}
