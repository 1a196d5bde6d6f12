package io.vas.core.keeper;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.linux.FileStatus;
import io.vas.core.linux.RawText;
import java.util.Optional;
import org.agrona.BitUtil;
import org.agrona.DirectBuffer;
import org.agrona.ExpandableArrayBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * What an instance is known to be, as the keeper is told it: entry by entry what its record says,
 * piece by piece, and then what is looked up besides. See {@link KnownDescriptor}.
 */
public final class KnownState {
  private static final int NONE = -1;
  private static final long NANOS = 1_000_000_000;

  private final ExpandableArrayBuffer buffer = new ExpandableArrayBuffer(1 << 16);
  private int length = KnownDescriptor.LENGTH;
  private int entryCount;
  private int factCount;
  private int entry;
  private int pieceCount;

  /** The piece that lines are added to, or {@link #NONE}. */
  private int lines = NONE;

  /** Nothing. */
  public KnownState() {}

  /**
   * The next entry of the record; what its payload is, follows.
   *
   * @param type as the record has it, as the others.
   * @param pid of the process.
   * @param tid of the task.
   * @param index of the name, or the descriptor.
   */
  public void entry(final int type, final int pid, final int tid, final int index) {
    entry = length;
    entryCount++;
    pieceCount = 0;
    lines = NONE;
    buffer.putInt(entry + KnownDescriptor.ENTRY_TYPE_OFFSET, type, LITTLE_ENDIAN);
    buffer.putInt(entry + KnownDescriptor.ENTRY_PID_OFFSET, pid, LITTLE_ENDIAN);
    buffer.putInt(entry + KnownDescriptor.ENTRY_TID_OFFSET, tid, LITTLE_ENDIAN);
    buffer.putInt(entry + KnownDescriptor.ENTRY_INDEX_OFFSET, index, LITTLE_ENDIAN);
    buffer.putInt(entry + KnownDescriptor.ENTRY_PIECE_COUNT_OFFSET, 0, LITTLE_ENDIAN);
    buffer.putInt(entry + KnownDescriptor.ENTRY_RESERVED_OFFSET, 0, LITTLE_ENDIAN);
    length += KnownDescriptor.ENTRY_LENGTH;
  }

  /**
   * The payload goes on with these bytes.
   *
   * @param bytes where they are.
   * @param from the first.
   * @param to the one behind the last; if that is the first, nothing is said.
   */
  public void bytes(final DirectBuffer bytes, final int from, final int to) {
    if (to > from) {
      piece(KnownDescriptor.BYTES, to - from);
      buffer.putBytes(length, bytes, from, to - from);
      length += to - from;
      pad();
    }
  }

  /**
   * Then come some that may be whatever they are.
   *
   * @param count how many; of 0 nothing is said.
   */
  public void any(final int count) {
    if (count > 0) {
      piece(KnownDescriptor.ANY, count);
    }
  }

  /** Then comes a word, or what is left of one. */
  public void word() {
    piece(KnownDescriptor.WORD, 0);
  }

  /** Then comes a line, or what is left of one. */
  public void line() {
    if (lines == NONE) {
      piece(KnownDescriptor.LINES, 1);
      lines = length - KnownDescriptor.PIECE_LENGTH;
    } else {
      final int count = lines + KnownDescriptor.PIECE_LENGTH_OFFSET;
      buffer.putInt(count, buffer.getInt(count, LITTLE_ENDIAN) + 1, LITTLE_ENDIAN);
    }
  }

  /**
   * Then come 64 bits of which some are not set.
   *
   * @param bits those.
   */
  public void clear(final long bits) {
    piece(KnownDescriptor.CLEAR, Long.BYTES);
    buffer.putLong(length, bits, LITTLE_ENDIAN);
    length += Long.BYTES;
  }

  private void piece(final int kind, final int bytes) {
    lines = NONE;
    pieceCount++;
    buffer.putInt(entry + KnownDescriptor.ENTRY_PIECE_COUNT_OFFSET, pieceCount, LITTLE_ENDIAN);
    buffer.putInt(length + KnownDescriptor.PIECE_KIND_OFFSET, kind, LITTLE_ENDIAN);
    buffer.putInt(length + KnownDescriptor.PIECE_LENGTH_OFFSET, bytes, LITTLE_ENDIAN);
    length += KnownDescriptor.PIECE_LENGTH;
  }

  /**
   * What a file of the host is; symbolic links are not followed at its end. To follow all entries.
   *
   * @param path as any process of the host may say it.
   * @param status empty if it can't be had.
   */
  public void file(final String path, final Optional<FileStatus> status) {
    final int fact = fact(KnownDescriptor.FILE, path, "", status.isPresent());
    status.ifPresent(
        file -> {
          buffer.putLong(
              fact + KnownDescriptor.FACT_DEVICE_OFFSET, file.device().encoded(), LITTLE_ENDIAN);
          buffer.putLong(fact + KnownDescriptor.FACT_INODE_OFFSET, file.inode(), LITTLE_ENDIAN);
          buffer.putLong(fact + KnownDescriptor.FACT_SIZE_OFFSET, file.size(), LITTLE_ENDIAN);
          buffer.putLong(
              fact + KnownDescriptor.FACT_CTIME_SECONDS_OFFSET,
              Math.floorDiv(file.changedNanos(), NANOS),
              LITTLE_ENDIAN);
          buffer.putInt(
              fact + KnownDescriptor.FACT_CTIME_NANOS_OFFSET,
              (int) Math.floorMod(file.changedNanos(), NANOS),
              LITTLE_ENDIAN);
        });
  }

  /**
   * What a symbolic link of the host says. To follow all entries.
   *
   * @param path as any process of the host may say it.
   * @param text empty if it can't be had.
   */
  public void link(final String path, final Optional<String> text) {
    fact(KnownDescriptor.LINK, path, text.map(says -> says + '\0').orElse(""), text.isPresent());
  }

  private int fact(final int kind, final String path, final String text, final boolean isThere) {
    final int fact = length;
    final byte[] bytes = RawText.encode(path + '\0' + text);
    factCount++;
    buffer.setMemory(fact, KnownDescriptor.FACT_LENGTH, (byte) 0);
    buffer.putInt(fact + KnownDescriptor.FACT_KIND_OFFSET, kind, LITTLE_ENDIAN);
    buffer.putInt(fact + KnownDescriptor.FACT_IS_THERE_OFFSET, isThere ? 1 : 0, LITTLE_ENDIAN);
    length += KnownDescriptor.FACT_LENGTH;
    buffer.putBytes(length, bytes);
    length += bytes.length;
    pad();
    buffer.putInt(
        fact + KnownDescriptor.FACT_LENGTH_OFFSET,
        length - fact - KnownDescriptor.FACT_LENGTH,
        LITTLE_ENDIAN);
    return fact;
  }

  private void pad() {
    final int aligned = BitUtil.align(length, Long.BYTES);
    buffer.setMemory(length, aligned - length, (byte) 0);
    length = aligned;
  }

  /**
   * All of it.
   *
   * @return a struct vas_known and what is behind it, as a view.
   */
  public DirectBuffer encoded() {
    buffer.putInt(KnownDescriptor.LENGTH_OFFSET, length, LITTLE_ENDIAN);
    buffer.putInt(KnownDescriptor.ENTRY_COUNT_OFFSET, entryCount, LITTLE_ENDIAN);
    buffer.putInt(KnownDescriptor.FACT_COUNT_OFFSET, factCount, LITTLE_ENDIAN);
    buffer.putInt(KnownDescriptor.RESERVED_OFFSET, 0, LITTLE_ENDIAN);
    return new UnsafeBuffer(buffer, 0, length);
  }
}
