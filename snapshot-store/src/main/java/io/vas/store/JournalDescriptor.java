package io.vas.store;

import org.agrona.BitUtil;

/**
 * Layout of the journal's file: a header, then records one behind the other. Little endian.
 *
 * <pre>
 *   0               8              16
 *  +---------------+-------+-------+
 *  |     magic     |version|   0   |   header
 *  +-------+-------+-------+-------+
 *  |length |checks.|  payload ...  |   a record
 *  +-------+-------+---------------+
 *  |   0   |                           no record yet
 *  +-------+
 * </pre>
 *
 * <p>A record's length is stored last and with release order, after its own bytes and after the
 * zero that says that none follows. So whoever dies while he writes leaves what was there before.
 */
final class JournalDescriptor {
  /** "VASJRNL1". */
  static final long MAGIC = 0x314c4e524a534156L;

  /** Raised when an older version would misunderstand a journal, or what is kept beside it. */
  static final int VERSION = 3;

  static final int MAGIC_OFFSET = 0;
  static final int VERSION_OFFSET = MAGIC_OFFSET + Long.BYTES;
  static final int HEADER_LENGTH = 2 * Long.BYTES;

  /** Bytes of the payload, which is not empty; 0: no record yet. */
  static final int LENGTH_OFFSET = 0;

  /** CRC-32C of length and payload. */
  static final int CHECKSUM_OFFSET = LENGTH_OFFSET + Integer.BYTES;

  static final int PAYLOAD_OFFSET = CHECKSUM_OFFSET + Integer.BYTES;

  /** Records begin at multiples of it. */
  static final int ALIGNMENT = Long.BYTES;

  private JournalDescriptor() {}

  /** What a record takes. */
  static long recordLength(final int payloadLength) {
    return BitUtil.align((long) PAYLOAD_OFFSET + payloadLength, ALIGNMENT);
  }
}
