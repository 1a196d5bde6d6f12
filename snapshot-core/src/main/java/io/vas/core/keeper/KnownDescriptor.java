package io.vas.core.keeper;

/**
 * What is known of an instance, twin of the part of {@code vas/protocol.h} between the rollback and
 * the plan: a pattern of its record, and facts of the host. Little endian.
 *
 * <pre>
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *
 *  vas_known
 *  +---------------------------------------------------------------+
 *  |                             length                            |
 *  +---------------------------------------------------------------+
 *  |                          entry_count                          |
 *  +---------------------------------------------------------------+
 *  |                           fact_count                          |
 *  +---------------------------------------------------------------+
 *  |                            reserved                           |
 *  +---------------------------------------------------------------+
 *
 *  vas_known_entry, entry_count times, each with its pieces
 *  +---------------------------------------------------------------+
 *  |                              type                             |
 *  +---------------------------------------------------------------+
 *  |                              pid                              |
 *  +---------------------------------------------------------------+
 *  |                              tid                              |
 *  +---------------------------------------------------------------+
 *  |                             index                             |
 *  +---------------------------------------------------------------+
 *  |                          piece_count                          |
 *  +---------------------------------------------------------------+
 *  |                            reserved                           |
 *  +---------------------------------------------------------------+
 *
 *  vas_known_piece, some with bytes behind them
 *  +---------------------------------------------------------------+
 *  |                              kind                             |
 *  +---------------------------------------------------------------+
 *  |                             length                            |
 *  +---------------------------------------------------------------+
 *
 *  vas_known_fact, fact_count times, each with its path and text
 *  +---------------------------------------------------------------+
 *  |                              kind                             |
 *  +---------------------------------------------------------------+
 *  |                             length                            |
 *  +---------------------------------------------------------------+
 *  |                            is_there                           |
 *  +---------------------------------------------------------------+
 *  |                          ctime_nanos                          |
 *  +---------------------------------------------------------------+
 *  |                             device                            |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                             inode                             |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                              size                             |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                         ctime_seconds                         |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 * </pre>
 */
public final class KnownDescriptor {
  /** u32: of all, bytes. */
  public static final int LENGTH_OFFSET = 0;

  /** u32: of the record. */
  public static final int ENTRY_COUNT_OFFSET = LENGTH_OFFSET + Integer.BYTES;

  /** u32: of the host. */
  public static final int FACT_COUNT_OFFSET = ENTRY_COUNT_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int RESERVED_OFFSET = FACT_COUNT_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_known. */
  public static final int LENGTH = RESERVED_OFFSET + Integer.BYTES;

  // ---- struct vas_known_entry

  /** u32: as the record's entry has it. */
  public static final int ENTRY_TYPE_OFFSET = 0;

  /** s32: as the record's entry has it. */
  public static final int ENTRY_PID_OFFSET = ENTRY_TYPE_OFFSET + Integer.BYTES;

  /** s32: as the record's entry has it. */
  public static final int ENTRY_TID_OFFSET = ENTRY_PID_OFFSET + Integer.BYTES;

  /** u32: as the record's entry has it. */
  public static final int ENTRY_INDEX_OFFSET = ENTRY_TID_OFFSET + Integer.BYTES;

  /** u32: which match the payload from begin to end. */
  public static final int ENTRY_PIECE_COUNT_OFFSET = ENTRY_INDEX_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int ENTRY_RESERVED_OFFSET = ENTRY_PIECE_COUNT_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_known_entry. */
  public static final int ENTRY_LENGTH = ENTRY_RESERVED_OFFSET + Integer.BYTES;

  // ---- enum vas_known_kind

  /** These: length bytes behind the piece, padded to a multiple of 8. */
  public static final int BYTES = 0;

  /** Length bytes, whatever they are. */
  public static final int ANY = 1;

  /** All up to the next blank, end of line or the payload's end; length is 0. */
  public static final int WORD = 2;

  /** All up to the end of the length-th line from here. */
  public static final int LINES = 3;

  /** A u64 that has none of the bits of the u64 behind the piece; length is 8. */
  public static final int CLEAR = 4;

  // ---- struct vas_known_piece

  /** u32: enum vas_known_kind. */
  public static final int PIECE_KIND_OFFSET = 0;

  /** u32. */
  public static final int PIECE_LENGTH_OFFSET = PIECE_KIND_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_known_piece. */
  public static final int PIECE_LENGTH = PIECE_LENGTH_OFFSET + Integer.BYTES;

  // ---- enum vas_known_fact_kind

  /** What lstat() says: device, inode, size and time of the last change. */
  public static final int FILE = 0;

  /** What readlink() says. */
  public static final int LINK = 1;

  // ---- struct vas_known_fact

  /** u32: enum vas_known_fact_kind. */
  public static final int FACT_KIND_OFFSET = 0;

  /**
   * u32: of what is behind it, bytes: the path, and of a link that is there its text; each of them
   * NUL-terminated, both padded to a multiple of 8.
   */
  public static final int FACT_LENGTH_OFFSET = FACT_KIND_OFFSET + Integer.BYTES;

  /** u32: 0 or 1. */
  public static final int FACT_IS_THERE_OFFSET = FACT_LENGTH_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int FACT_CTIME_NANOS_OFFSET = FACT_IS_THERE_OFFSET + Integer.BYTES;

  /** u64: st_dev. */
  public static final int FACT_DEVICE_OFFSET = FACT_CTIME_NANOS_OFFSET + Integer.BYTES;

  /** u64. */
  public static final int FACT_INODE_OFFSET = FACT_DEVICE_OFFSET + Long.BYTES;

  /** u64: bytes. */
  public static final int FACT_SIZE_OFFSET = FACT_INODE_OFFSET + Long.BYTES;

  /** s64. */
  public static final int FACT_CTIME_SECONDS_OFFSET = FACT_SIZE_OFFSET + Long.BYTES;

  /** Bytes of a struct vas_known_fact. */
  public static final int FACT_LENGTH = FACT_CTIME_SECONDS_OFFSET + Long.BYTES;

  private KnownDescriptor() {}
}
