package io.vas.core.resource;

import io.vas.core.image.Image;
import io.vas.core.image.PosixTimerState;
import io.vas.core.image.PosixTimersState;
import io.vas.core.image.ProcessImage;
import io.vas.core.keeper.Keeper;
import io.vas.core.keeper.Params;
import io.vas.core.keeper.ProgramFile;
import io.vas.core.keeper.ReadyMessage;
import io.vas.core.keeper.SpawnReply;
import io.vas.core.keeper.SpawnRequest;
import io.vas.core.linux.PosixTimer;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import io.vas.core.testing.LeakCheck;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(LeakCheck.class)
class PosixTimersTest {
  private static final int CLOCK_MONOTONIC = 1;
  private static final int SIGRTMIN = 34;
  private static final int UNKNOWN_OPTION = 77777;
  private static final int EINVAL = 22;

  private record Steps(ProgramBuilder program) implements ProcessRestore {
    @Override
    public String name(final String step) {
      return step;
    }

    @Override
    public Image image() {
      return Image.getDefaultInstance();
    }

    @Override
    public ProcessImage process() {
      return ProcessImage.getDefaultInstance();
    }

    @Override
    public Value log() {
      throw new UnsupportedOperationException();
    }

    @Override
    public Optional<Integer> object(final long device, final long inode) {
      return Optional.empty();
    }
  }

  private static PosixTimerState timer(final int id, final int notify) {
    return PosixTimerState.newBuilder()
        .setId(id)
        .setClock(CLOCK_MONOTONIC)
        .setNotify(notify)
        .setSignal(notify == PosixTimer.SIGEV_NONE ? 0 : SIGRTMIN)
        .setRemainingNanos(id == 5 ? 0 : TimeUnit.HOURS.toNanos(1))
        .build();
  }

  @Test
  void shouldChooseIds(@TempDir final Path state) throws Exception {
    check(state, new PosixTimers());
  }

  @Test
  void shouldCountToIdsWhereTheKernelTakesNone(@TempDir final Path state) throws Exception {
    check(state, new PosixTimers(UNKNOWN_OPTION));
  }

  /** The program itself looks: it fails where there is no timer, or one too many. */
  private static void check(final Path state, final PosixTimers timers) throws Exception {
    final ProgramBuilder program = new ProgramBuilder();
    final Result control = program.parameter("control");
    timers.restore(
        PosixTimersState.newBuilder()
            .addTimers(timer(40, PosixTimer.SIGEV_SIGNAL))
            .addTimers(timer(3, PosixTimer.SIGEV_NONE))
            .addTimers(timer(5, PosixTimer.SIGEV_SIGNAL))
            .build()
            .toByteString(),
        new Steps(program));
    for (int id = 0; id < 50; id++) {
      program.callExpecting(
          List.of(3, 5, 40).contains(id) ? 0 : -EINVAL,
          "look at " + id,
          SystemCall.TIMER_GETTIME,
          id,
          program.data("time of " + id, 32));
    }
    ReadyMessage.send(program, control, List.of());
    program.call("end", SystemCall.EXIT_GROUP, 0);
    final Keeper keeper = Keeper.start(state);
    try (ProgramFile file = ProgramFile.of(program.build())) {
      final SpawnReply reply =
          keeper.spawn(
              new SpawnRequest(1, file, Params.forSpawn(file.program()).control("control")));
      reply.exit().get(10, TimeUnit.SECONDS);
    } finally {
      keeper.shutdown();
    }
  }
}
