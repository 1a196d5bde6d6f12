package io.vas.core.resource;

import org.agrona.DirectBuffer;

/**
 * A message that was queued in a socket.
 *
 * @param name the sender's address as recvmsg(2) gave it; may be empty.
 * @param data its bytes; may be empty.
 * @param flags msg_flags.
 * @param controlLength bytes of ancillary data, which was not recorded.
 */
public record RecordedMessage(DirectBuffer name, DirectBuffer data, int flags, int controlLength) {}
