package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.TimerFdImage;
import io.vas.core.linux.FdInfo;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.ProgramResults;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import io.vas.core.sandbox.ClockOffsets;
import java.util.concurrent.TimeUnit;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Timers of timerfd_create(2). A relative timer goes on with the time that it had left; an absolute
 * one expires when its clock says so, at once if that was before the fork.
 */
public final class TimerFd implements DescriptorResource {
  private static final String LINK = "anon_inode:[timerfd]";
  private static final int TFD_TIMER_ABSTIME = 1;

  /** _IOW('T', 0, __u64): Linux 3.17, with CONFIG_CHECKPOINT_RESTORE. */
  private static final int TFD_IOC_SET_TICKS = 0x40085400;

  private static final int RWF_NOWAIT = 8;
  private static final int ITIMERSPEC_LENGTH = 32;
  private static final int ITIMERSPEC_VALUE_OFFSET = 16;
  private static final int TIMESPEC_LENGTH = 16;
  private static final int CLOCK_REALTIME = 0;
  private static final int CLOCK_MONOTONIC = 1;
  private static final int CLOCK_BOOTTIME = 7;
  private static final int CLOCK_REALTIME_ALARM = 8;
  private static final int CLOCK_BOOTTIME_ALARM = 9;

  /** The kind. */
  public TimerFd() {}

  @Override
  public String kind() {
    return "timerfd";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return descriptor.link().equals(LINK);
  }

  /**
   * fdinfo tells neither how often a periodic timer has expired nor, once it has, where it is in
   * its period: the kernel works that out when it is read. So the timer is read, and what was read
   * is put back.
   */
  @Override
  public void plan(final PlanBuilder plan) {
    plan.descriptorRule(
        LINK,
        (program, descriptor) -> {
          final Data ticks = program.data("timerfd ticks", Long.BYTES);
          final Data vector = program.data("timerfd vector", 2 * Long.BYTES);
          program.store(vector, ticks, Long.BYTES);
          program.store(vector.plus(Long.BYTES), Value.of(Long.BYTES), Long.BYTES);
          program.callAny(
              "timerfd read", SystemCall.PREADV2, descriptor, vector, 1, -1, -1, RWF_NOWAIT);
          // If nothing was read the ticks are 0, which is refused.
          program.callAny(
              "timerfd put back", SystemCall.IOCTL, descriptor, TFD_IOC_SET_TICKS, ticks);
          program.callAny(
              "timerfd gettime",
              SystemCall.TIMERFD_GETTIME,
              descriptor,
              program.data("timerfd time", ITIMERSPEC_LENGTH));
          for (final int clock : new int[] {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME}) {
            program.callAny(
                "timerfd clock " + clock,
                SystemCall.CLOCK_GETTIME,
                clock,
                program.data("timerfd clock " + clock, TIMESPEC_LENGTH));
          }
        });
  }

  @Override
  public TimerFdImage capture(final DescriptorRecord descriptor, final CaptureContext context) {
    final FdInfo.Timer timer =
        descriptor
            .fdInfo()
            .timer()
            .orElseThrow(() -> context.unsupported(descriptor, kind(), "the kernel hides it"));
    final ProgramResults results =
        descriptor
            .program(LINK)
            .filter(r -> !r.failed("timerfd gettime"))
            .orElseThrow(() -> context.unsupported(descriptor, kind(), "it can not be read"));
    final TimerFdImage.Builder image =
        TimerFdImage.newBuilder()
            .setFlags(OpenFiles.flags(descriptor, context, kind()))
            .setClock(timer.clock())
            .setSettimeFlags(timer.settimeFlags())
            .setIntervalNanos(timer.intervalNanos())
            .setTicks(
                results.result("timerfd read") == Long.BYTES
                    ? results.data("timerfd ticks").getLong(0, LITTLE_ENDIAN)
                    : timer.ticks());
    final long remaining = nanos(results.data("timerfd time"), ITIMERSPEC_VALUE_OFFSET);
    if (remaining != 0) {
      image.setValueNanos(
          (timer.settimeFlags() & TFD_TIMER_ABSTIME) == 0
              ? remaining
              : remaining
                  + nanos(results.data("timerfd clock " + baseOf(timer.clock())), 0)
                  + ahead(timer.clock(), context.clocks()));
    }
    return image.build();
  }

  private static int baseOf(final int clock) {
    return switch (clock) {
      case CLOCK_REALTIME_ALARM -> CLOCK_REALTIME;
      case CLOCK_BOOTTIME_ALARM -> CLOCK_BOOTTIME;
      default -> clock;
    };
  }

  /** Whoever read the clock is not in the instance. */
  private static long ahead(final int clock, final ClockOffsets offsets) {
    return switch (baseOf(clock)) {
      case CLOCK_MONOTONIC -> offsets.monotonicNanos();
      case CLOCK_BOOTTIME -> offsets.boottimeNanos();
      default -> 0;
    };
  }

  private static long nanos(final DirectBuffer buffer, final int offset) {
    return TimeUnit.SECONDS.toNanos(buffer.getLong(offset, LITTLE_ENDIAN))
        + buffer.getLong(offset + Long.BYTES, LITTLE_ENDIAN);
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final TimerFdImage image = TimerFdImage.parseFrom(state);
    final ProgramBuilder program = restore.program();
    restore.place(
        program.call(
            restore.name("timerfd_create"), SystemCall.TIMERFD_CREATE, image.getClock(), 0));
    OpenFiles.setFlags(restore, image.getFlags());
    final UnsafeBuffer time = new UnsafeBuffer(new byte[ITIMERSPEC_LENGTH]);
    putTime(time, 0, image.getIntervalNanos());
    putTime(time, ITIMERSPEC_VALUE_OFFSET, image.getValueNanos());
    program.call(
        restore.name("timerfd_settime"),
        SystemCall.TIMERFD_SETTIME,
        restore.descriptor(),
        image.getSettimeFlags(),
        program.data(time.byteArray()),
        0);
    if (image.getTicks() != 0) {
      final UnsafeBuffer ticks = new UnsafeBuffer(new byte[Long.BYTES]);
      ticks.putLong(0, image.getTicks(), LITTLE_ENDIAN);
      program.call(
          restore.name("set ticks"),
          SystemCall.IOCTL,
          restore.descriptor(),
          TFD_IOC_SET_TICKS,
          program.data(ticks.byteArray()));
    }
  }

  private static void putTime(final UnsafeBuffer buffer, final int offset, final long nanos) {
    final long second = TimeUnit.SECONDS.toNanos(1);
    buffer.putLong(offset, nanos / second, LITTLE_ENDIAN);
    buffer.putLong(offset + Long.BYTES, nanos % second, LITTLE_ENDIAN);
  }
}
