package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.PendingSignalsState;
import io.vas.core.linux.Signals;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Signals that wait in a queue: what {@link PendingSignals} and {@link SharedPendingSignals} share.
 */
final class SignalQueue {
  /** Bytes of a siginfo_t. */
  static final int INFO_LENGTH = 128;

  private static final int NUMBER_OFFSET = 0;
  private static final int CODE_OFFSET = 8;
  private static final int TIMER_ID_OFFSET = 16;
  private static final int TIMER_PRIVATE_OFFSET = 32;

  private static final int SI_TIMER = -2;

  private SignalQueue() {}

  /**
   * The image of a queue.
   *
   * @param infos siginfo_t[] of those signals that have one.
   * @param later the same, taken later.
   * @param mask all signals that wait, taken between the two.
   */
  static Optional<PendingSignalsState> capture(
      final DirectBuffer infos, final DirectBuffer later, final long mask) {
    final PendingSignalsState.Builder image = PendingSignalsState.newBuilder();
    long unexplained = mask;
    for (int offset = 0; offset + INFO_LENGTH <= later.capacity(); offset += INFO_LENGTH) {
      unexplained &= ~bit(later.getInt(offset + NUMBER_OFFSET, LITTLE_ENDIAN));
    }
    for (int offset = 0; offset + INFO_LENGTH <= infos.capacity(); offset += INFO_LENGTH) {
      final UnsafeBuffer info = new UnsafeBuffer(Recorded.bytes(infos, offset, INFO_LENGTH));
      unexplained &= ~bit(info.getInt(NUMBER_OFFSET, LITTLE_ENDIAN));
      if (info.getInt(CODE_OFFSET, LITTLE_ENDIAN) == SI_TIMER) {
        // The kernel's own mark, which ties the signal to its timer; it hides it from programs,
        // too.
        info.putInt(TIMER_PRIVATE_OFFSET, 0, LITTLE_ENDIAN);
      }
      image.addSignals(ByteString.copyFrom(info.byteArray()));
    }
    for (int signal = 1; signal <= Signals.COUNT; signal++) {
      if ((unexplained & bit(signal)) != 0) {
        // The queue was full (RLIMIT_SIGPENDING): then the kernel keeps the number only, and makes
        // up
        // a siginfo of SI_USER from nobody on delivery.
        final UnsafeBuffer info = new UnsafeBuffer(new byte[INFO_LENGTH]);
        info.putInt(NUMBER_OFFSET, signal, LITTLE_ENDIAN);
        image.addSignals(ByteString.copyFrom(info.byteArray()));
      }
    }
    return image.getSignalsCount() == 0 ? Optional.empty() : Optional.of(image.build());
  }

  /** The signals of an image, in their order. */
  static List<Waiting> waiting(final ByteString state) throws InvalidProtocolBufferException {
    final List<Waiting> signals = new ArrayList<>();
    for (final ByteString info : PendingSignalsState.parseFrom(state).getSignalsList()) {
      final byte[] bytes = info.toByteArray();
      signals.add(new Waiting(new UnsafeBuffer(bytes).getInt(NUMBER_OFFSET, LITTLE_ENDIAN), bytes));
    }
    return signals;
  }

  /** Whether a queue holds a signal. */
  static boolean holds(final DirectBuffer infos, final int signal) {
    for (int offset = 0; offset + INFO_LENGTH <= infos.capacity(); offset += INFO_LENGTH) {
      if (infos.getInt(offset + NUMBER_OFFSET, LITTLE_ENDIAN) == signal) {
        return true;
      }
    }
    return false;
  }

  /** Whether a queue holds the signal of a POSIX timer. */
  static boolean holdsTimer(final DirectBuffer infos, final int id) {
    for (int offset = 0; offset + INFO_LENGTH <= infos.capacity(); offset += INFO_LENGTH) {
      if (infos.getInt(offset + CODE_OFFSET, LITTLE_ENDIAN) == SI_TIMER
          && infos.getInt(offset + TIMER_ID_OFFSET, LITTLE_ENDIAN) == id) {
        return true;
      }
    }
    return false;
  }

  private static long bit(final int signal) {
    return 1L << (signal - 1);
  }

  /** A signal and its siginfo_t. */
  @SuppressWarnings("ArrayRecordComponent")
  record Waiting(int signal, byte[] info) {}
}
