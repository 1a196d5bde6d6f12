package io.vas.store;

import static io.vas.store.JournalDescriptor.CHECKSUM_OFFSET;
import static io.vas.store.JournalDescriptor.HEADER_LENGTH;
import static io.vas.store.JournalDescriptor.LENGTH_OFFSET;
import static io.vas.store.JournalDescriptor.MAGIC;
import static io.vas.store.JournalDescriptor.MAGIC_OFFSET;
import static io.vas.store.JournalDescriptor.PAYLOAD_OFFSET;
import static io.vas.store.JournalDescriptor.VERSION;
import static io.vas.store.JournalDescriptor.VERSION_OFFSET;
import static io.vas.store.JournalDescriptor.recordLength;

import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.StoreFullException;
import io.vas.core.VasException;
import io.vas.core.linux.Errno;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.OpenFlags;
import io.vas.store.journal.JournalRecord;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import net.openhft.chronicle.bytes.BytesStore;
import net.openhft.chronicle.bytes.MappedBytes;
import net.openhft.chronicle.core.io.BackgroundResourceReleaser;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Records in a file in shared memory, which outlives this process: what was appended is there for
 * the next one, whenever this one ends. Not for many threads at once.
 */
final class Journal implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Journal.class);
  private static final String NAME = "journal";

  /** Of the mapping and the file, both of which take memory only where something was written. */
  private static final long CAPACITY = 1L << 36;

  /** Memory is taken in such steps. */
  private static final long STEP = 256 * ByteCount.KIB;

  private static final long PAGE = 4096;

  /** Kept for records that make room, which must not fail for want of it. */
  private static final long RESERVE = 64 * ByteCount.KIB;

  /** A journal that is smaller is not worth writing anew. */
  private static final long SMALLEST_COMPACTED = ByteCount.MIB;

  private final Path path;
  private final Fd file;
  private final MappedBytes bytes;
  private final long limit;
  private final CRC32C checksum = new CRC32C();
  private long end = HEADER_LENGTH;
  private long allocated;
  private long dead;
  private long broken;

  /**
   * A file that is there, or an empty one.
   *
   * @param now its name.
   * @param path the name that it will have.
   * @param limit bytes that it may have.
   */
  private Journal(final Path now, final Path path, final long limit) throws IOException {
    this.path = path;
    this.limit = limit;
    this.file = Fd.open(now.toString(), OpenFlags.O_RDWR | OpenFlags.O_CREAT, 0600);
    try {
      this.bytes = MappedBytes.singleMappedBytes(now.toFile(), CAPACITY);
      // The store calls this from any thread, one at a time.
      this.bytes.singleThreadedCheckDisabled(true);
    } catch (final IOException | RuntimeException e) {
      file.close();
      throw e;
    }
  }

  /** Who is told what is in a journal. */
  @FunctionalInterface
  interface Reader {
    /** A record and where it begins. */
    void read(long position, JournalRecord record);
  }

  /**
   * The journal of a directory: the one that is there, or a new one.
   *
   * @param directory on a file system in memory.
   * @param limit bytes that it may have. While it is compacted there are two.
   * @param reader is told all records, in their order.
   * @return the journal, to be closed.
   * @throws VasException if it is of another version; nothing is changed then.
   */
  static Journal open(final Path directory, final long limit, final Reader reader) {
    final Path path = directory.resolve(NAME);
    try {
      // Left by who died while he compacted: the old one counts.
      Files.deleteIfExists(next(path));
      if (Files.exists(path) && Files.size(path) >= HEADER_LENGTH) {
        checkHeader(path);
      }
      final Journal journal = new Journal(path, path, limit);
      try {
        journal.start();
        journal.replay(reader);
        return journal;
      } catch (final RuntimeException e) {
        journal.close();
        throw e;
      }
    } catch (final IOException e) {
      throw new VasException("the journal of snapshots can not be opened: " + e, e);
    }
  }

  /** Remove the journal of a directory, if there is one. */
  static void delete(final Path directory) throws IOException {
    Files.deleteIfExists(directory.resolve(NAME));
    Files.deleteIfExists(next(directory.resolve(NAME)));
  }

  private static Path next(final Path path) {
    return path.resolveSibling(NAME + ".next");
  }

  /** Before the file is mapped, which would make it longer. */
  private static void checkHeader(final Path path) {
    final ByteBuffer header = ByteBuffer.allocateDirect(HEADER_LENGTH);
    try (Fd file = Fd.open(path.toString(), OpenFlags.O_RDONLY)) {
      FileIo.pread(file, header, 0);
    }
    header.order(ByteOrder.LITTLE_ENDIAN);
    final long magic = header.getLong(MAGIC_OFFSET);
    final int version = header.getInt(VERSION_OFFSET);
    if (magic == 0) {
      // Who made it died before it was one.
      return;
    }
    if (magic != MAGIC) {
      throw new VasException(
          "what should be the journal of snapshots begins with 0x" + Long.toHexString(magic));
    }
    if (version != VERSION) {
      throw new VasException(
          "the journal of snapshots has version "
              + version
              + ", this is "
              + VERSION
              + ": use the vas that wrote it, or end its keeper, and with it all instances and"
              + " snapshots");
    }
  }

  private void start() {
    allocate(HEADER_LENGTH + RESERVE);
    bytes.writeInt(VERSION_OFFSET, VERSION);
    bytes.writeOrderedLong(MAGIC_OFFSET, MAGIC);
  }

  private void allocate(final long needed) {
    final long until = Math.min(CAPACITY, (needed + STEP - 1) / STEP * STEP);
    if (until <= allocated) {
      return;
    }
    try {
      // A write to a hole of a full file system would be SIGBUS.
      FileIo.allocate(file, allocated, until - allocated);
    } catch (final LinuxException e) {
      throw e.errno() == Errno.ENOSPC ? full(e) : e;
    }
    allocated = until;
  }

  private static StoreFullException full(final Throwable cause) {
    return new StoreFullException("the store is full: no room in the journal of snapshots", cause);
  }

  /**
   * Finds the end. What was not published is not there; a record that is not whole was cut off, or
   * its memory is broken, and is left out.
   */
  private void replay(final Reader reader) {
    // Beyond it nothing was ever written, and reading a hole would take memory.
    final long written = FileIo.nextHole(file, 0);
    while (end + PAYLOAD_OFFSET <= written) {
      final int length = bytes.readVolatileInt(end + LENGTH_OFFSET);
      if (length <= 0 || recordLength(length) > CAPACITY - end) {
        break;
      }
      final byte[] payload = payload(end, length);
      if (bytes.readInt(end + CHECKSUM_OFFSET) == checksum(payload)) {
        reader.read(end, parse(payload));
      } else {
        LOG.error("the journal of snapshots has a broken record at {}, {} bytes", end, length);
        dead += recordLength(length);
        broken++;
      }
      end += recordLength(length);
    }
    allocateAtMost(end + RESERVE);
    // What a record that was not published has left must not be taken for the one behind the next.
    bytes.zeroOut(end, Math.max(allocated, written));
  }

  /** What is left of the room for records that make room, if the file system is full. */
  private void allocateAtMost(final long wanted) {
    try {
      allocate(wanted);
    } catch (final StoreFullException e) {
      LOG.debug("{} at {}", e.getMessage(), end);
      try {
        while (allocated < wanted) {
          FileIo.allocate(file, allocated, PAGE);
          allocated += PAGE;
        }
      } catch (final LinuxException full) {
        LOG.debug("{} are left", allocated - end);
      }
    }
  }

  private byte[] payload(final long position, final int length) {
    final byte[] payload = new byte[length];
    bytes.readPositionRemaining(position + PAYLOAD_OFFSET, length);
    bytes.read(payload);
    return payload;
  }

  private int checksum(final byte[] payload) {
    checksum.reset();
    for (int shift = 0; shift < Integer.SIZE; shift += Byte.SIZE) {
      checksum.update(payload.length >>> shift);
    }
    checksum.update(payload, 0, payload.length);
    return (int) checksum.getValue();
  }

  private static JournalRecord parse(final byte[] payload) {
    try {
      return JournalRecord.parseFrom(payload);
    } catch (final InvalidProtocolBufferException e) {
      throw new VasException("the journal of snapshots has a record of an unknown form", e);
    }
  }

  /**
   * Append a record that takes room.
   *
   * @return where it is.
   * @throws StoreFullException if there is no room; nothing is changed then.
   */
  long append(final JournalRecord record) {
    return append(record.toByteArray(), RESERVE);
  }

  /**
   * Take memory for a record that takes room.
   *
   * @param payloadLength bytes of it at most.
   * @throws StoreFullException if there is no room.
   */
  void reserve(final int payloadLength) {
    final long next = end + recordLength(payloadLength);
    if (next + RESERVE > limit) {
      throw full(null);
    }
    allocate(next + PAYLOAD_OFFSET + RESERVE);
  }

  /** Append a record that makes room, for which some is always kept. */
  void appendLast(final JournalRecord record) {
    append(record.toByteArray(), 0);
  }

  private long append(final byte[] payload, final long reserve) {
    final long position = end;
    final long next = position + recordLength(payload.length);
    if (reserve > 0 && next + reserve > limit) {
      throw full(null);
    }
    try {
      allocate(next + PAYLOAD_OFFSET + reserve);
    } catch (final StoreFullException e) {
      if (reserve > 0 || next + PAYLOAD_OFFSET > allocated) {
        throw e;
      }
    }
    bytes.write(position + PAYLOAD_OFFSET, payload);
    bytes.writeInt(position + CHECKSUM_OFFSET, checksum(payload));
    bytes.writeInt(next + LENGTH_OFFSET, 0);
    bytes.writeOrderedInt(position + LENGTH_OFFSET, payload.length);
    end = next;
    return position;
  }

  /** The record at a position. */
  JournalRecord read(final long position) {
    if (!isIntact(position)) {
      throw new VasException(
          "the record at " + position + " in the journal of snapshots is damaged");
    }
    return parse(payload(position, bytes.readVolatileInt(position + LENGTH_OFFSET)));
  }

  /** A record is of no use any more. */
  void forget(final long position) {
    dead += recordLength(bytes.readVolatileInt(position + LENGTH_OFFSET));
  }

  /** Records that were left out when it was opened, since they are damaged. */
  long broken() {
    return broken;
  }

  /** Whether the record at a position is what was appended. */
  boolean isIntact(final long position) {
    final int length = bytes.readVolatileInt(position + LENGTH_OFFSET);
    return length > 0
        && recordLength(length) <= end - position
        && bytes.readInt(position + CHECKSUM_OFFSET) == checksum(payload(position, length));
  }

  /** Bytes up to its end. */
  long length() {
    return end;
  }

  /** Whether most of it is of no use any more. */
  boolean isWorthCompacting() {
    return end > SMALLEST_COMPACTED && dead > end / 2;
  }

  /** Bytes of it that are of no use any more. */
  long dead() {
    return dead;
  }

  /**
   * Write the journal anew; it takes this one's place all at once.
   *
   * @param writer appends what is still of use.
   * @return the new journal, in place of this one, which is closed.
   * @throws StoreFullException if there is no room; this one stays as it is then.
   */
  Journal compacted(final Consumer<Journal> writer) {
    final Path next = next(path);
    try {
      Files.deleteIfExists(next);
      final Journal journal = new Journal(next, path, limit);
      try {
        journal.start();
        writer.accept(journal);
        Files.move(next, path, StandardCopyOption.ATOMIC_MOVE);
      } catch (final IOException | RuntimeException e) {
        journal.close();
        Files.deleteIfExists(next);
        throw e;
      }
      close();
      return journal;
    } catch (final IOException e) {
      throw new VasException("the journal of snapshots can not be compacted: " + e, e);
    }
  }

  /** Let go of the file, which stays. */
  @Override
  public void close() {
    final BytesStore<?, ?> mapping = bytes.bytesStore();
    bytes.releaseLast();
    // It keeps a reference of its own, and unmaps when it gets to it.
    if (mapping.refCount() > 0) {
      mapping.releaseLast();
    }
    BackgroundResourceReleaser.releasePendingResources();
    file.close();
  }
}
