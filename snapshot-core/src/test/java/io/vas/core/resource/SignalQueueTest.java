package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.PendingSignalsState;
import java.util.List;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;

class SignalQueueTest {
  private static final int SIGHUP = 1;
  private static final int SIGALRM = 14;
  private static final int SIGRTMIN = 34;
  private static final int SI_QUEUE = -1;
  private static final int SI_TIMER = -2;
  private static final int VALUE_OFFSET = 24;
  private static final int TIMER_PRIVATE_OFFSET = 32;

  private final UnsafeBuffer infos = new UnsafeBuffer(new byte[3 * SignalQueue.INFO_LENGTH]);

  private final UnsafeBuffer later = new UnsafeBuffer(new byte[SignalQueue.INFO_LENGTH]);

  private void put(final int index, final int signal, final int code, final int value) {
    final int offset = index * SignalQueue.INFO_LENGTH;
    infos.putInt(offset, signal, LITTLE_ENDIAN);
    infos.putInt(offset + Long.BYTES, code, LITTLE_ENDIAN);
    infos.putInt(offset + VALUE_OFFSET, value, LITTLE_ENDIAN);
    infos.putInt(offset + TIMER_PRIVATE_OFFSET, 77, LITTLE_ENDIAN);
  }

  private static long mask(final int... signals) {
    long mask = 0;
    for (final int signal : signals) {
      mask |= 1L << (signal - 1);
    }
    return mask;
  }

  private List<SignalQueue.Waiting> captured(final long mask)
      throws InvalidProtocolBufferException {
    final PendingSignalsState state = SignalQueue.capture(infos, later, mask).orElseThrow();
    return SignalQueue.waiting(state.toByteString());
  }

  @Test
  void shouldKeepTheOrder() throws Exception {
    put(0, SIGRTMIN, SI_QUEUE, 1);
    put(1, SIGHUP, 0, 0);
    put(2, SIGRTMIN, SI_QUEUE, 2);
    assertThat(captured(mask(SIGHUP, SIGRTMIN)))
        .extracting(SignalQueue.Waiting::signal)
        .containsExactly(SIGRTMIN, SIGHUP, SIGRTMIN);
  }

  @Test
  void shouldRemoveTheKernelsMarkFromSignalsOfTimersOnly() throws Exception {
    put(0, SIGRTMIN, SI_QUEUE, 1);
    put(1, SIGALRM, SI_TIMER, 2);
    put(2, SIGHUP, SI_QUEUE, 3);
    assertThat(captured(0))
        .extracting(w -> new UnsafeBuffer(w.info()).getInt(TIMER_PRIVATE_OFFSET, LITTLE_ENDIAN))
        .containsExactly(77, 0, 77);
  }

  @Test
  void shouldAddSignalsThatWaitWithoutSiginfo() throws Exception {
    put(0, SIGHUP, 0, 0);
    put(1, SIGHUP, 0, 0);
    put(2, SIGHUP, 0, 0);
    assertThat(captured(mask(SIGHUP, SIGALRM)))
        .extracting(SignalQueue.Waiting::signal)
        .containsExactly(SIGHUP, SIGHUP, SIGHUP, SIGALRM);
  }

  @Test
  void shouldLeaveOutSignalsThatCameLater() throws Exception {
    put(0, SIGHUP, 0, 0);
    put(1, SIGHUP, 0, 0);
    put(2, SIGHUP, 0, 0);
    later.putInt(0, SIGALRM, LITTLE_ENDIAN);
    assertThat(captured(mask(SIGHUP, SIGALRM)))
        .extracting(SignalQueue.Waiting::signal)
        .containsExactly(SIGHUP, SIGHUP, SIGHUP);
  }

  @Test
  void shouldHaveNoStateForAnEmptyQueue() {
    final UnsafeBuffer nothing = new UnsafeBuffer(new byte[0]);
    assertThat(SignalQueue.capture(nothing, nothing, 0)).isEmpty();
  }
}
