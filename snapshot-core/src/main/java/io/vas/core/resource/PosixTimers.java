package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.PosixTimerState;
import io.vas.core.image.PosixTimersState;
import io.vas.core.linux.PosixTimer;
import io.vas.core.linux.ProcStatus;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.ProgramResults;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * The timers of timer_create(2), with the same ids. They go on with the time that remained at the
 * snapshot, those that were set to a moment, too. What timer_getoverrun(2) says is not kept.
 */
public final class PosixTimers implements ProcessResource {
  private static final String KIND = "POSIX timers";

  /** A plan for any instance asks for these ids: most processes make few timers. */
  private static final int COMMON_IDS = 32;

  /** The kernel gives each new timer the next id: this many may be made while a plan is. */
  private static final int IDS_TO_COME = 8;

  /** From Linux 6.16 on: timer_create takes the id that it finds where it is to leave one. */
  private static final int PR_TIMER_CREATE_RESTORE_IDS = 77;

  /** Ids up to here are come to by making and deleting timers where the kernel takes none. */
  private static final int MAX_COUNTED_ID = 256;

  // Clocks of processor time: the tid is in the upper bits, inverted; 0 is whoever made the timer.
  private static final int CPUCLOCK_TID_SHIFT = 3;
  private static final int CPUCLOCK_PERTHREAD = 4;

  /** Lower three bits of a clock that a descriptor stands for. */
  private static final int CLOCKFD = 3;

  private static final int CLOCKFD_MASK = 7;
  private static final long NANOS = 1_000_000_000;

  // struct itimerspec: interval, then value, each as seconds and nanoseconds
  private static final int SPEC_LENGTH = 32;
  private static final int SPEC_VALUE_OFFSET = 16;

  // struct sigevent
  private static final int EVENT_LENGTH = 64;
  private static final int EVENT_VALUE_OFFSET = 0;
  private static final int EVENT_SIGNAL_OFFSET = 8;
  private static final int EVENT_NOTIFY_OFFSET = 12;
  private static final int EVENT_THREAD_OFFSET = 16;

  private final int chooseIds;

  /** The kind. */
  public PosixTimers() {
    this(PR_TIMER_CREATE_RESTORE_IDS);
  }

  /**
   * The kind, with another option of prctl(2) to choose ids by.
   *
   * @param chooseIds one that the kernel does not know makes it an older kernel, to tests.
   */
  PosixTimers(final int chooseIds) {
    this.chooseIds = chooseIds;
  }

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Phase phase() {
    // Some send their signal to a thread, which must exist.
    return Phase.TIMERS;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    plan.processFile("timers");
    plan.taskFile("status");
    final ProgramBuilder program = plan.processProgram();
    for (final int id : likelyIds(plan)) {
      program.callAny(
          read(id), SystemCall.TIMER_GETTIME, id, program.data(KIND + " " + id, SPEC_LENGTH));
    }
  }

  /** The program must name the ids, and cannot read in /proc which there are. */
  private static Set<Integer> likelyIds(final PlanBuilder plan) {
    final Set<Integer> ids = new TreeSet<>();
    for (int id = 0; id < COMMON_IDS; id++) {
      ids.add(id);
    }
    for (final PosixTimer timer : PosixTimer.parse(plan.now("timers"))) {
      for (int next = 0; next <= IDS_TO_COME && timer.id() + next >= 0; next++) {
        ids.add(timer.id() + next);
      }
    }
    return ids;
  }

  private static String read(final int id) {
    return KIND + ": read " + id;
  }

  @Override
  public Optional<? extends Message> capture(
      final ProcessRecord process, final CaptureContext context) {
    final List<PosixTimer> timers = PosixTimer.parse(process.file("timers"));
    if (timers.isEmpty()) {
      for (int id = 0; id < COMMON_IDS; id++) {
        if (!process.program().failed(read(id))) {
          throw context.unsupported(
              process,
              "POSIX timer " + id,
              "the kernel does not tell what it is: it lacks CONFIG_CHECKPOINT_RESTORE");
        }
      }
      return Optional.empty();
    }
    final PosixTimersState.Builder image = PosixTimersState.newBuilder();
    for (final PosixTimer timer : timers) {
      refuseUnsupported(timer, process, context);
      final ProgramResults results = process.program();
      if (!results.program().hasStep(read(timer.id()))) {
        throw new PlanOutdatedException("timer " + timer.id());
      }
      Recorded.result(results, read(timer.id()));
      final DirectBuffer spec = results.data(KIND + " " + timer.id());
      final PosixTimerState.Builder one =
          PosixTimerState.newBuilder()
              .setId(timer.id())
              .setClock(timer.clock())
              .setNotify(timer.notification())
              .setSignal(timer.signal())
              .setValue(timer.value())
              .setIntervalNanos(nanos(spec, 0))
              .setRemainingNanos(remaining(spec, timer.id(), process));
      if (timer.toThread()) {
        one.setNotify(timer.notification() | PosixTimer.SIGEV_THREAD_ID)
            .setThread(thread(timer.target(), process, context));
      }
      image.addTimers(one);
    }
    return Optional.of(image.build());
  }

  private static long remaining(
      final DirectBuffer spec, final int id, final ProcessRecord process) {
    final long remaining = nanos(spec, SPEC_VALUE_OFFSET);
    // One that has expired since the cut: its signal is not among those that a fork finds waiting.
    return remaining == 0 && hasExpiredSinceTheCut(id, process) ? 1 : remaining;
  }

  private static boolean hasExpiredSinceTheCut(final int id, final ProcessRecord process) {
    boolean after = SignalQueue.holdsTimer(process.pendingAfterPrograms(), id);
    boolean atCut = SignalQueue.holdsTimer(process.pending(), id);
    for (final TaskRecord task : process.tasks()) {
      after |= SignalQueue.holdsTimer(task.pendingAfterPrograms(), id);
      atCut |= SignalQueue.holdsTimer(task.pending(), id);
    }
    return after && !atCut;
  }

  private static void refuseUnsupported(
      final PosixTimer timer, final ProcessRecord process, final CaptureContext context) {
    final boolean ofItsMaker =
        timer.clock() < 0
            && (timer.clock() & CPUCLOCK_PERTHREAD) != 0
            && ~(timer.clock() >> CPUCLOCK_TID_SHIFT) == 0;
    if (ofItsMaker && process.tasks().size() > 1) {
      throw context.unsupported(
          process,
          "POSIX timer " + timer.id(),
          "it counts the processor time of the thread that made it, and the kernel does not tell"
              + " which that is");
    }
    if (timer.clock() < 0 && (timer.clock() & CLOCKFD_MASK) == CLOCKFD) {
      throw context.unsupported(
          process, "POSIX timer " + timer.id(), "its clock is a device's descriptor");
    }
  }

  /** The thread's number in the instance, given the number that the reader of /proc saw. */
  private static int thread(
      final int seen, final ProcessRecord process, final CaptureContext context) {
    for (final TaskRecord task : process.tasks()) {
      if (ProcStatus.parse(task.file("status")).pid() == seen) {
        return task.tid();
      }
    }
    throw context.unsupported(process, KIND, "one signals a thread that has ended");
  }

  @Override
  public void restore(final ByteString state, final ProcessRestore restore)
      throws InvalidProtocolBufferException {
    final ProgramBuilder program = restore.program();
    // Rising, so that the kernel's next id is beyond all.
    final List<PosixTimerState> timers =
        PosixTimersState.parseFrom(state).getTimersList().stream()
            .sorted(Comparator.comparingInt(PosixTimerState::getId))
            .toList();
    final Result chooses =
        program.callAny(restore.name("choose ids"), SystemCall.PRCTL, chooseIds, 1, 0, 0, 0);
    int next = 0;
    for (final PosixTimerState timer : timers) {
      if (timer.getId() <= MAX_COUNTED_ID) {
        count(restore, chooses, next, timer.getId());
      }
      next = timer.getId() + 1;
      final Data id = program.data(encodeInt(timer.getId()));
      program.call(
          restore.name("create " + timer.getId()),
          SystemCall.TIMER_CREATE,
          timer.getClock(),
          program.data(event(timer)),
          id);
    }
    program.callAny(restore.name("choose no ids"), SystemCall.PRCTL, chooseIds, 0, 0, 0, 0);
    for (final PosixTimerState timer : timers) {
      // Also those that do not run: it fails if there is no timer with this id.
      program.call(
          restore.name("set " + timer.getId()),
          SystemCall.TIMER_SETTIME,
          timer.getId(),
          0,
          program.data(spec(timer)),
          0);
    }
  }

  /** Where ids cannot be chosen: a new process counts them from 0, and never goes back. */
  private static void count(
      final ProcessRestore restore, final Result chooses, final int from, final int to) {
    if (from == to) {
      return;
    }
    final ProgramBuilder program = restore.program();
    final Data id = program.data(restore.name("passed id " + from), Integer.BYTES);
    final byte[] silent =
        event(PosixTimerState.newBuilder().setNotify(PosixTimer.SIGEV_NONE).build());
    final Data event = program.data(silent);
    program.skipIfEqual(chooses, Value.of(0), 2 * (to - from));
    for (int passed = from; passed < to; passed++) {
      program.call(restore.name("pass " + passed), SystemCall.TIMER_CREATE, 1, event, id);
      program.call(restore.name("delete " + passed), SystemCall.TIMER_DELETE, passed);
    }
  }

  private static byte[] event(final PosixTimerState timer) {
    final UnsafeBuffer event = new UnsafeBuffer(new byte[EVENT_LENGTH]);
    event.putLong(EVENT_VALUE_OFFSET, timer.getValue(), LITTLE_ENDIAN);
    event.putInt(EVENT_SIGNAL_OFFSET, timer.getSignal(), LITTLE_ENDIAN);
    event.putInt(EVENT_NOTIFY_OFFSET, timer.getNotify(), LITTLE_ENDIAN);
    event.putInt(EVENT_THREAD_OFFSET, timer.getThread(), LITTLE_ENDIAN);
    return event.byteArray();
  }

  private static byte[] spec(final PosixTimerState timer) {
    final UnsafeBuffer spec = new UnsafeBuffer(new byte[SPEC_LENGTH]);
    putNanos(spec, 0, timer.getIntervalNanos());
    putNanos(spec, SPEC_VALUE_OFFSET, timer.getRemainingNanos());
    return spec.byteArray();
  }

  private static byte[] encodeInt(final int value) {
    final UnsafeBuffer bytes = new UnsafeBuffer(new byte[Integer.BYTES]);
    bytes.putInt(0, value, LITTLE_ENDIAN);
    return bytes.byteArray();
  }

  private static long nanos(final DirectBuffer timespec, final int offset) {
    return timespec.getLong(offset, LITTLE_ENDIAN) * NANOS
        + timespec.getLong(offset + Long.BYTES, LITTLE_ENDIAN);
  }

  private static void putNanos(final UnsafeBuffer timespec, final int offset, final long nanos) {
    timespec.putLong(offset, nanos / NANOS, LITTLE_ENDIAN);
    timespec.putLong(offset + Long.BYTES, nanos % NANOS, LITTLE_ENDIAN);
  }
}
