package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.IntervalTimerState;
import io.vas.core.image.IntervalTimersState;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.List;
import java.util.Optional;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * The timers of setitimer(2) and alarm(2). They go on with the time that remained at the snapshot.
 */
public final class IntervalTimers implements ProcessResource {
  private static final String KIND = "interval timers";

  /** ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF. */
  private static final int COUNT = 3;

  private static final int ITIMER_REAL = 0;

  /** SIGALRM, SIGVTALRM, SIGPROF. */
  private static final List<Integer> SIGNALS = List.of(14, 26, 27);

  private static final long MICROS = 1_000_000;

  /** Bytes of a struct itimerval: interval, then value, each as seconds and microseconds. */
  private static final int LENGTH = 32;

  private static final int VALUE_OFFSET = 16;

  /** The kind. */
  public IntervalTimers() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Phase phase() {
    return Phase.TIMERS;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    final ProgramBuilder program = plan.processProgram();
    final Data timers = program.data(KIND, COUNT * LENGTH);
    for (int which = 0; which < COUNT; which++) {
      program.callAny(
          KIND + ": read " + which, SystemCall.GETITIMER, which, timers.plus(which * LENGTH));
    }
  }

  @Override
  public Optional<? extends Message> capture(
      final ProcessRecord process, final CaptureContext context) {
    final DirectBuffer timers = process.program().data(KIND);
    final IntervalTimersState.Builder image = IntervalTimersState.newBuilder();
    boolean any = false;
    for (int which = 0; which < COUNT; which++) {
      Recorded.result(process.program(), KIND + ": read " + which);
      final long interval = micros(timers, which * LENGTH);
      long remaining = micros(timers, which * LENGTH + VALUE_OFFSET);
      if (remaining == 0
          && ((which == ITIMER_REAL && interval != 0) || hasExpiredSinceTheCut(process, which))) {
        // A periodic ITIMER_REAL that has expired goes on when its signal is taken. A timer cannot
        // be set to that; but one that expires at once, when its signal waits, comes to it by
        // itself.
        remaining = 1;
      }
      any |= remaining != 0 || interval != 0;
      image.addTimers(
          IntervalTimerState.newBuilder()
              .setRemainingMicros(remaining)
              .setIntervalMicros(interval));
    }
    return any ? Optional.of(image.build()) : Optional.empty();
  }

  @Override
  public boolean isSettable() {
    return true;
  }

  @Override
  public void restore(final ByteString state, final ProcessRestore restore)
      throws InvalidProtocolBufferException {
    final ProgramBuilder program = restore.program();
    final IntervalTimersState image = IntervalTimersState.parseFrom(state);
    for (int which = 0; which < image.getTimersCount(); which++) {
      final IntervalTimerState timer = image.getTimers(which);
      final UnsafeBuffer value = new UnsafeBuffer(new byte[LENGTH]);
      putMicros(value, 0, timer.getIntervalMicros());
      putMicros(value, VALUE_OFFSET, timer.getRemainingMicros());
      program.call(
          restore.name("set " + which),
          SystemCall.SETITIMER,
          which,
          program.data(value.byteArray()),
          0);
    }
  }

  /** Then its signal is not among those that waited at the cut, which a fork finds. */
  private static boolean hasExpiredSinceTheCut(final ProcessRecord process, final int which) {
    final int signal = SIGNALS.get(which);
    return SignalQueue.holds(process.pendingAfterPrograms(), signal)
        && !SignalQueue.holds(process.pending(), signal);
  }

  private static long micros(final DirectBuffer timeval, final int offset) {
    return timeval.getLong(offset, LITTLE_ENDIAN) * MICROS
        + timeval.getLong(offset + Long.BYTES, LITTLE_ENDIAN);
  }

  private static void putMicros(final UnsafeBuffer timeval, final int offset, final long micros) {
    timeval.putLong(offset, micros / MICROS, LITTLE_ENDIAN);
    timeval.putLong(offset + Long.BYTES, micros % MICROS, LITTLE_ENDIAN);
  }
}
