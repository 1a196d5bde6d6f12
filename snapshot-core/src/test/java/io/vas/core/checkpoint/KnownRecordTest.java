package io.vas.core.checkpoint;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.vas.core.keeper.RecordDescriptor;
import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.FileStatus;
import io.vas.core.resource.GeneralRegisters;
import io.vas.core.resource.HostFacts;
import io.vas.core.resource.PlanBuilder;
import io.vas.core.resource.Registers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.agrona.BitUtil;
import org.agrona.DirectBuffer;
import org.agrona.ExpandableArrayBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Asks the keeper's own code, by a small program around it. */
class KnownRecordTest {
  private static final String STAT =
      "7 (a) b) t 1 7 7 0 -1 4194624 340 0 0 0 1 2 0 0 20 0 1 0 3648102 3723264 2 99 1 2 3 4 5 6"
          + " 7 8 9 10 11 12 17 0 0 0 0 0 0 20 21 22 23 24 25 26 0\n";
  private static final String STATUS =
      "Name:\tSigQ\nUmask:\t0022\nVmRSS:\t 9 kB\nSigQ:\t1/9\nSeccomp:\t0\n";
  private static final String SMAPS =
      "7f00-7f10 rw-p 00000000 00:00 0 [anon:Size: 1]\nSize: 4 kB\nRss: 4 kB\nVmFlags: rd wr\n";
  private static final String INFO = "pos:\t12\nflags:\t02\n";
  private static final int XSTATE_LENGTH = 1088;

  @TempDir Path directory;
  private Plan plan;
  private FileStatus log;

  @BeforeEach
  void start() throws IOException {
    plan =
        Plan.ofAllResources(new PlanBuilder(), devices(), more -> Interpretation.plan(more, true));
    log = FileStatus.of(Files.createFile(directory.resolve("log")).toString());
  }

  @AfterEach
  void stop() {
    plan.close();
  }

  private static Plan.Devices devices() {
    final DeviceNumber none = new DeviceNumber(0, 0);
    return new Plan.Devices(none, none, none);
  }

  /** A record as the keeper would write it. */
  private final class Written {
    private final ExpandableArrayBuffer buffer = new ExpandableArrayBuffer();
    private int length;

    Written entry(final int type, final int tid, final int index, final DirectBuffer payload) {
      buffer.putInt(length + RecordDescriptor.ENTRY_TYPE_OFFSET, type, LITTLE_ENDIAN);
      buffer.putInt(
          length + RecordDescriptor.ENTRY_LENGTH_OFFSET, payload.capacity(), LITTLE_ENDIAN);
      buffer.putInt(length + RecordDescriptor.ENTRY_PID_OFFSET, 7, LITTLE_ENDIAN);
      buffer.putInt(length + RecordDescriptor.ENTRY_TID_OFFSET, tid, LITTLE_ENDIAN);
      buffer.putInt(length + RecordDescriptor.ENTRY_INDEX_OFFSET, index, LITTLE_ENDIAN);
      length += RecordDescriptor.ENTRY_LENGTH;
      buffer.putBytes(length, payload, 0, payload.capacity());
      length += BitUtil.align(payload.capacity(), Long.BYTES);
      buffer.checkLimit(length);
      return this;
    }

    Written file(final String name, final String text) {
      final int ofProcess = plan.processFiles().indexOf(name);
      return ofProcess >= 0
          ? entry(RecordDescriptor.ENTRY_PROCESS_FILE, 7, ofProcess, bytes(text))
          : entry(RecordDescriptor.ENTRY_TASK_FILE, 7, plan.taskFiles().indexOf(name), bytes(text));
    }

    Written descriptor(final int number, final boolean isLog, final long size, final long at) {
      final UnsafeBuffer payload =
          new UnsafeBuffer(new byte[RecordDescriptor.DESCRIPTOR_LENGTH + 4]);
      final int status = RecordDescriptor.DESCRIPTOR_STATUS_OFFSET;
      payload.putLong(
          status + RecordDescriptor.FILE_STATUS_INODE_OFFSET,
          isLog ? log.inode() : 1,
          LITTLE_ENDIAN);
      payload.putLong(
          status + RecordDescriptor.FILE_STATUS_DEVICE_OFFSET,
          log.device().encoded(),
          LITTLE_ENDIAN);
      payload.putLong(status + RecordDescriptor.FILE_STATUS_SIZE_OFFSET, size, LITTLE_ENDIAN);
      payload.putLong(
          status + RecordDescriptor.FILE_STATUS_CTIME_SECONDS_OFFSET, size, LITTLE_ENDIAN);
      payload.putInt(
          status + RecordDescriptor.FILE_STATUS_CTIME_NANOS_OFFSET, (int) size, LITTLE_ENDIAN);
      payload.putLong(RecordDescriptor.DESCRIPTOR_POSITION_OFFSET, at, LITTLE_ENDIAN);
      payload.putBytes(RecordDescriptor.DESCRIPTOR_LENGTH, "/tmp".getBytes(US_ASCII));
      return entry(RecordDescriptor.ENTRY_DESCRIPTOR, 0, number, payload)
          .entry(
              RecordDescriptor.ENTRY_DESCRIPTOR_INFO,
              0,
              number,
              bytes(INFO.replace("\t12", at < 0 ? "XX" : "\t" + at)));
    }

    Written link(final String name, final long size) {
      final UnsafeBuffer payload =
          new UnsafeBuffer(new byte[RecordDescriptor.FILE_STATUS_LENGTH + 4]);
      payload.putLong(RecordDescriptor.FILE_STATUS_INODE_OFFSET, 1, LITTLE_ENDIAN);
      payload.putLong(RecordDescriptor.FILE_STATUS_SIZE_OFFSET, size, LITTLE_ENDIAN);
      payload.putLong(RecordDescriptor.FILE_STATUS_CTIME_SECONDS_OFFSET, size, LITTLE_ENDIAN);
      payload.putInt(RecordDescriptor.FILE_STATUS_CTIME_NANOS_OFFSET, (int) size, LITTLE_ENDIAN);
      payload.putBytes(RecordDescriptor.FILE_STATUS_LENGTH, "/tmp".getBytes(US_ASCII));
      return entry(
          RecordDescriptor.ENTRY_PROCESS_LINK, 0, plan.processLinks().indexOf(name), payload);
    }

    Written registers(final long instruction, final long code) {
      final UnsafeBuffer payload = new UnsafeBuffer(new byte[GeneralRegisters.LENGTH]);
      for (int at = 0; at < payload.capacity(); at += Long.BYTES) {
        payload.putLong(at, instruction, LITTLE_ENDIAN);
      }
      payload.putLong(GeneralRegisters.CS_OFFSET, code, LITTLE_ENDIAN);
      return entry(RecordDescriptor.ENTRY_REGISTERS, 7, 0, payload);
    }

    Written state(final long components) {
      final UnsafeBuffer payload = new UnsafeBuffer(new byte[XSTATE_LENGTH]);
      payload.putLong(Registers.COMPONENTS_OFFSET, components, LITTLE_ENDIAN);
      payload.putLong(XSTATE_LENGTH - Long.BYTES, components * 31, LITTLE_ENDIAN);
      return entry(RecordDescriptor.ENTRY_XSTATE, 7, 0, payload);
    }

    /** Whether a byte is in no payload, and in a header means nothing. */
    boolean isPadding(final int index) {
      int at = 0;
      while (true) {
        final int payload = at + RecordDescriptor.ENTRY_LENGTH;
        final int end =
            payload + buffer.getInt(at + RecordDescriptor.ENTRY_LENGTH_OFFSET, LITTLE_ENDIAN);
        final int next = BitUtil.align(end, Long.BYTES);
        if (index < next) {
          final boolean isReserved = index >= at + RecordDescriptor.ENTRY_RESERVED_OFFSET;
          return index >= end || (isReserved && index < payload);
        }
        at = next;
      }
    }

    DirectBuffer all() {
      return new UnsafeBuffer(buffer, 0, length);
    }
  }

  private static DirectBuffer bytes(final String text) {
    return new UnsafeBuffer(text.getBytes(US_ASCII));
  }

  private boolean isAsKnown(final DirectBuffer known, final DirectBuffer record) {
    try {
      final int code =
          new ProcessBuilder(
                  Path.of(System.getProperty("vas.victims.dir"))
                      .resolveSibling("checks/is_as_known")
                      .toString(),
                  file("known", known),
                  file("record", record))
              .inheritIO()
              .start()
              .waitFor();
      assertThat(code).isBetween(0, 1);
      return code == 0;
    } catch (final IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private String file(final String name, final DirectBuffer contents) throws IOException {
    final byte[] copy = new byte[contents.capacity()];
    contents.getBytes(0, copy);
    return Files.write(directory.resolve(name), copy).toString();
  }

  private DirectBuffer known(final Written record, final HostFacts facts) {
    return KnownRecord.of(plan, log, record.all(), facts);
  }

  private Written record() {
    return new Written()
        .file("stat", STAT)
        .file("smaps", SMAPS)
        .file("status", STATUS)
        .registers(1000, 0x33)
        .state(7)
        .link("cwd", 100)
        .link("exe", 100)
        .descriptor(1, true, 100, 100)
        .descriptor(5, false, 100, 12);
  }

  @Test
  void shouldKnowARecordAgain() {
    final DirectBuffer known = known(record(), new HostFacts());
    assertThat(isAsKnown(known, record().all())).isTrue();
    final Written later =
        new Written()
            .file("stat", STAT.replace(" 340 ", " 12345 ").replace(" 1 2 0 0 20", " 99 200 0 0 20"))
            .file("smaps", SMAPS.replace("Rss: 4", "Rss: 123456789"))
            .file("status", STATUS.replace(" 9 kB", " 1000 kB").replace("1/9", "22/9"))
            .registers(2000, 0x33)
            .state(3)
            .link("cwd", 5000)
            .link("exe", 100)
            .descriptor(1, true, 5000, 5000)
            .descriptor(5, false, 5000, 12);
    assertThat(isAsKnown(known, later.all())).isTrue();
  }

  /** The other one differs in all that counts. */
  @Test
  void shouldSeeEveryByteThatDoesNotCount() {
    final Written one =
        new Written()
            .file("stat", "7 (a) t 1 7 7 0 -1 4 3 0 0 0 1 2 0 0 20 0 1 0 36 37 2" + " 9".repeat(28))
            .file("smaps", SMAPS)
            .file("status", STATUS)
            .registers(0, 0x33)
            .link("cwd", 0)
            .link("exe", 0)
            .descriptor(1, true, 0, 0)
            .descriptor(5, false, 0, 12);
    final Written other =
        new Written()
            .file("stat", "7 (a) t 1 7 7 0 -1 4 4 9 9 9 8 8 8 8 20 0 1 0 36 37 3" + " 8".repeat(28))
            .file(
                "smaps",
                SMAPS.replace("Size: 4 kB", "LLLLLLLLLL").replace("Rss: 4 kB", "KKKKKKKKK"))
            .file("status", STATUS.replace("\t 9 kB", "JJJJJJ").replace("\t1/9", "IIII"))
            .registers(-1, 0x33)
            .link("cwd", -1)
            .link("exe", 0)
            .descriptor(1, true, -1, -1)
            .descriptor(5, false, -1, 12);
    final DirectBuffer known = known(one, new HostFacts());
    final byte[] bytes = new byte[one.all().capacity()];
    one.all().getBytes(0, bytes);
    for (int i = 0; i < bytes.length; i += 3) {
      final byte[] changed = bytes.clone();
      changed[i] ^= 0x40;
      if (isAsKnown(known, new UnsafeBuffer(changed))) {
        assertThat(one.isPadding(i) || bytes[i] != other.all().getByte(i)).as("byte " + i).isTrue();
      }
    }
    assertThat(isAsKnown(known, new UnsafeBuffer(bytes, 0, bytes.length - 24))).isFalse();
    assertThat(isAsKnown(known, one.descriptor(6, false, 0, 0).all())).isFalse();
  }

  @Test
  void shouldSeeWhatCanNotBeRestored() {
    final DirectBuffer known = known(new Written().registers(1, 0x33).state(7), new HostFacts());
    assertThat(isAsKnown(known, new Written().registers(2, 0x33).state(7).all())).isTrue();
    assertThat(isAsKnown(known, new Written().registers(1, 0x23).state(7).all())).isFalse();
    assertThat(isAsKnown(known, new Written().registers(1, 0x33).state(7 | 1 << 18).all()))
        .isFalse();
  }

  @Test
  void shouldSeeLinesThatComeAndGo() {
    final DirectBuffer known =
        known(new Written().file("smaps", SMAPS).file("status", STATUS), new HostFacts());
    for (final String smaps :
        List.of(
            SMAPS + SMAPS,
            "",
            SMAPS.replace(" wr", " wr mg"),
            SMAPS.replace("Size: 1]", "Size: 2]"),
            SMAPS.substring(0, SMAPS.length() - 1))) {
      assertThat(isAsKnown(known, new Written().file("smaps", smaps).file("status", STATUS).all()))
          .isFalse();
    }
    for (final String status :
        List.of(
            STATUS + "THP:\t1\n",
            STATUS.replace("\tSigQ", "\tSigR"),
            STATUS.replace("p:\t0", "p:\t2"),
            STATUS.replace("SigQ:\t1/9\n", ""))) {
      assertThat(isAsKnown(known, new Written().file("smaps", SMAPS).file("status", status).all()))
          .isFalse();
    }
  }

  @Test
  void shouldLookAgainAtTheHost() throws IOException {
    final Path file = Files.writeString(directory.resolve("file"), "text");
    final Path link = Files.createSymbolicLink(directory.resolve("link"), Path.of("target"));
    final Path missing = directory.resolve("missing");
    final HostFacts facts = new HostFacts();
    facts.file(file.toString());
    facts.file(missing.toString());
    facts.link(link.toString());
    facts.link(missing.toString());
    facts.file("/proc/self/stat");
    final DirectBuffer known = known(record(), facts);
    final DirectBuffer record = record().all();
    assertThat(isAsKnown(known, record)).isTrue();
    Files.readString(file);
    assertThat(isAsKnown(known, record)).isTrue();

    Files.setLastModifiedTime(file, FileTime.from(1, TimeUnit.SECONDS));
    assertThat(isAsKnown(known, record)).isFalse();
    final HostFacts changed = new HostFacts();
    changed.file(file.toString());
    assertThat(isAsKnown(known(record(), changed), record)).isTrue();
    Files.delete(file);
    assertThat(isAsKnown(known(record(), changed), record)).isFalse();

    final HostFacts missed = new HostFacts();
    missed.file(missing.toString());
    Files.createFile(missing);
    assertThat(isAsKnown(known(record(), missed), record)).isFalse();

    final HostFacts linked = new HostFacts();
    linked.link(link.toString());
    assertThat(isAsKnown(known(record(), linked), record)).isTrue();
    Files.delete(link);
    assertThat(isAsKnown(known(record(), linked), record)).isFalse();
    Files.createSymbolicLink(link, Path.of("targets"));
    assertThat(isAsKnown(known(record(), linked), record)).isFalse();
  }

  /** It comes from another process. */
  @Test
  void shouldRefuseWhatIsCutOff() {
    final HostFacts facts = new HostFacts();
    facts.file(directory.resolve("log").toString());
    final DirectBuffer known = known(record(), facts);
    final DirectBuffer record = record().all();
    assertThat(isAsKnown(known, record)).isTrue();
    for (int length = 0; length < known.capacity(); length += 8) {
      assertThat(isAsKnown(new UnsafeBuffer(known, 0, length), record)).isFalse();
    }
  }
}
